package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// Document belongs to one owner of one tenant. Both columns are stamped by scope
// and can never be set from a request: no input type names them.
type Document struct {
	ID        scope.ID  `gorm:"primaryKey" json:"id"`
	TenantID  string    `gorm:"index:idx_owner,priority:1" json:"-"`
	OwnerID   string    `gorm:"index:idx_owner,priority:2" json:"-"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
}

// openStore opens PostgreSQL when a DSN is given, else an SQLite database of its own that
// lives as long as the process.
func openStore(dsn, name string) (*gorm.DB, error) {
	dialector := sqlite.Open("file:" + name + rand.Text() + "?mode=memory&cache=shared&_pragma=foreign_keys(1)")
	if dsn != "" {
		dialector = postgres.Open(dsn)
	}
	db, err := gorm.Open(dialector, &gorm.Config{TranslateError: true, Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	if pool, err := db.DB(); err == nil && dsn == "" {
		pool.SetMaxOpenConns(1) // SQLite has one writer, and the database lives in its connection
	}
	return db, nil
}

// seeded are the documents everybody's attacks aim at.
type seeded struct{ alice, bob, other scope.ID }

// seed creates one document each for two users of one tenant and one of another.
func seed(ctx context.Context, db *gorm.DB) (seeded, error) {
	var s seeded
	for _, row := range []struct {
		id             *scope.ID
		subject, owner string
		title          string
	}{
		{&s.alice, "alice", "acme", "alice's plan"},
		{&s.bob, "bob", "acme", "bob's salary"},
		{&s.other, "carol", "globex", "globex's merger"},
	} {
		*row.id = scope.NewID()
		owner := identity.With(ctx, &identity.Principal{Subject: row.subject, Tenant: row.owner})
		doc := Document{ID: *row.id, TenantID: row.owner, OwnerID: row.subject, Title: row.title, Body: "secret of " + row.subject}
		if err := db.WithContext(owner).Create(&doc).Error; err != nil {
			return s, fmt.Errorf("seed: %w", err)
		}
	}
	return s, nil
}
