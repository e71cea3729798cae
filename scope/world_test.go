package scope_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/scope"
)

// The models of the tests. Rows of alice and bob (both of acme) and of mallory
// (of globex) exist in every table; alice is the caller of almost every case.
type (
	Folder struct {
		ID        string `gorm:"primaryKey;size:36"`
		TenantID  string `gorm:"size:36;index:idx_folder,priority:1"`
		OwnerID   string `gorm:"size:36;index:idx_folder,priority:2"`
		Name      string `gorm:"size:200"`
		Documents []Document
	}
	Document struct {
		ID        string  `gorm:"primaryKey;size:36"`
		TenantID  string  `gorm:"size:36;index:idx_document,priority:1"`
		OwnerID   string  `gorm:"size:36;index:idx_document,priority:2"`
		FolderID  *string `gorm:"size:36"`
		Folder    *Folder
		CountryID *int64
		Country   *Country
		Title     string `gorm:"size:200"`
		Stars     int
		Comments  []Comment
		Cover     *Cover
		Tags      []Tag `gorm:"many2many:document_tags"`
	}
	// Comment has no columns of its own: it belongs to whom its document does.
	Comment struct {
		ID         string    `gorm:"primaryKey;size:36"`
		DocumentID string    `gorm:"size:36"`
		Document   *Document `scope:"via"`
		Text       string    `gorm:"size:200"`
	}
	Cover struct {
		ID         string `gorm:"primaryKey;size:36"`
		TenantID   string `gorm:"size:36;index:idx_cover,priority:1"`
		OwnerID    string `gorm:"size:36;index:idx_cover,priority:2"`
		DocumentID string `gorm:"size:36"`
		Color      string `gorm:"size:200"`
	}
	Tag struct {
		ID       string     `gorm:"primaryKey;size:36"`
		TenantID string     `gorm:"size:36;index:idx_tag,priority:1"`
		OwnerID  string     `gorm:"size:36;index:idx_tag,priority:2"`
		Name     string     `gorm:"size:200"`
		Docs     []Document `gorm:"many2many:document_tags"`
	}
	// Note is deleted softly and has an automatic key and a unique name.
	Note struct {
		ID        uint   `gorm:"primaryKey"`
		TenantID  string `gorm:"size:36;index:idx_note,priority:1;default:nobody"`
		OwnerID   string `gorm:"size:36;index:idx_note,priority:2"`
		Slug      string `gorm:"size:100;uniqueIndex"`
		Text      string `gorm:"size:200"`
		DeletedAt gorm.DeletedAt
	}
	// Whose is embedded under other column names.
	Whose struct {
		Org  string `gorm:"size:36;column:org" scope:"tenant"`
		User string `gorm:"size:36;column:usr" scope:"owner"`
	}
	// Ledger has a composite key with the tenant in it.
	Ledger struct {
		Whose
		Number int    `gorm:"primaryKey;autoIncrement:false"`
		Part   int    `gorm:"primaryKey;autoIncrement:false"`
		Text   string `gorm:"size:200"`
	}
	// Country is public.
	Country struct {
		ID        int64  `gorm:"primaryKey;autoIncrement:false"`
		Name      string `gorm:"size:200"`
		Documents []Document
	}
	// Pin is public and points to a document.
	Pin struct {
		ID         int64 `gorm:"primaryKey;autoIncrement:false"`
		CountryID  int64
		DocumentID *string   `gorm:"size:36"`
		Document   *Document `gorm:"constraint:-"`
	}
	// Stranger is in no list.
	Stranger struct {
		ID   int64 `gorm:"primaryKey"`
		Name string
	}
)

// hostile rows answer BeforeCreate and BeforeUpdate with an attempt to move.
type mover struct {
	ID       string `gorm:"primaryKey;size:36"`
	TenantID string `gorm:"size:36"`
	OwnerID  string `gorm:"size:36"`
	Title    string `gorm:"size:200"`
}

func (mover) TableName() string { return "documents" }

func (m *mover) BeforeCreate(*gorm.DB) error { m.OwnerID = "mallory"; return nil }
func (m *mover) BeforeUpdate(tx *gorm.DB) error {
	tx.Statement.SetColumn("OwnerID", "mallory")
	return nil
}

var (
	alice   = &identity.Principal{Subject: "alice", Tenant: "acme"}
	bob     = &identity.Principal{Subject: "bob", Tenant: "acme"}
	mallory = &identity.Principal{Subject: "mallory", Tenant: "globex"}
	people  = []*identity.Principal{alice, bob, mallory}
)

func models() []any {
	return []any{&Country{}, &Folder{}, &Document{}, &Comment{}, &Cover{}, &Tag{}, &Note{}, &Ledger{}, &Stranger{}, &Pin{}}
}

func guardConfig() scope.GuardConfig {
	return scope.GuardConfig{
		Protect: []any{&Folder{}, &Document{}, &Comment{}, &Cover{}, &Tag{}, &Note{}, &Ledger{}},
		Public:  []any{&Country{}, &Pin{}},
	}
}

var kinds = []string{"sqlite", "postgres", "mariadb"}

var memory atomic.Int64

func silent() *gorm.Config {
	return &gorm.Config{TranslateError: true, Logger: logger.Discard}
}

func open(tb testing.TB, kind string, cfg *gorm.Config) *gorm.DB {
	tb.Helper()
	var d gorm.Dialector
	switch kind {
	case "sqlite":
		d = sqlite.Open(fmt.Sprintf("file:scope%d?mode=memory&cache=shared&_pragma=foreign_keys(1)", memory.Add(1)))
	case "postgres":
		d = postgres.Open(testserver.Postgres(tb))
	case "mariadb", "mariadb with upserts":
		d = mysql.Open(testserver.MariaDB(tb))
	case "mariadb with found rows":
		d = mysql.Open(testserver.MariaDB(tb) + "&clientFoundRows=true")
	}
	db, err := gorm.Open(d, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	if kind == "sqlite" {
		pool.SetMaxOpenConns(1)
	}
	tb.Cleanup(func() { _ = pool.Close() })
	return db
}

// world is one database with the seeded rows: root sees everything, db is guarded.
type world struct {
	kind string
	root *gorm.DB
	db   *gorm.DB
}

func newWorld(tb testing.TB, kind string) *world {
	tb.Helper()
	root := open(tb, kind, silent())
	db, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		tb.Fatal(err)
	}
	// Same database, own schema cache: the guard must not see root's statements.
	db.ConnPool = root.ConnPool
	db.Statement.ConnPool = root.ConnPool
	cfg := guardConfig()
	cfg.MySQLUpsert = kind == "mariadb with upserts" || kind == "mariadb with found rows"
	if err := db.Use(scope.Guard(cfg)); err != nil {
		tb.Fatal(err)
	}
	w := &world{kind: kind, root: root, db: db}
	if err := db.WithContext(scope.System(tb.Context(), "create the tables")).AutoMigrate(models()...); err != nil {
		tb.Fatal(err)
	}
	w.seed(tb)
	return w
}

func (w *world) seed(tb testing.TB) {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(w.root.Create([]Country{{ID: 1, Name: "Utopia"}, {ID: 2, Name: "Erewhon"}}).Error)
	must(w.root.Omit("Document").Create([]Pin{{ID: 1, CountryID: 1, DocumentID: ptr("bob-doc-1")}, {ID: 2, CountryID: 2, DocumentID: ptr("alice-doc-1")}}).Error)
	for i, p := range people {
		s, t := p.Subject, p.Tenant
		id := func(kind string, n int) string { return fmt.Sprintf("%s-%s-%d", s, kind, n) }
		folder := Folder{ID: id("folder", 1), TenantID: t, OwnerID: s, Name: "secret folder of " + s}
		must(w.root.Create(&folder).Error)
		for n := 1; n <= 2; n++ {
			must(w.root.Omit("Folder").Create(&Document{
				ID: id("doc", n), TenantID: t, OwnerID: s, FolderID: &folder.ID, CountryID: ptr(int64(n)),
				Title: fmt.Sprintf("secret title %d of %s", n, s), Stars: n,
			}).Error)
			must(w.root.Create(&Comment{ID: id("comment", n), DocumentID: id("doc", n), Text: "secret comment of " + s}).Error)
			must(w.root.Create(&Cover{ID: id("cover", n), TenantID: t, OwnerID: s, DocumentID: id("doc", n), Color: "secret cover of " + s}).Error)
			must(w.root.Create(&Tag{ID: id("tag", n), TenantID: t, OwnerID: s, Name: "secret tag of " + s}).Error)
			must(w.root.Table("document_tags").Create(map[string]any{"document_id": id("doc", n), "tag_id": id("tag", n)}).Error)
			must(w.root.Create(&Note{ID: uint(1000 + 10*i + n), TenantID: t, OwnerID: s, Slug: id("note", n), Text: "secret note of " + s}).Error)
			must(w.root.Create(&Ledger{Whose: Whose{Org: t, User: s}, Number: i + 1, Part: n, Text: "secret ledger of " + s}).Error)
		}
	}
}

func ptr[T any](v T) *T { return &v }

var tables = []string{"folders", "documents", "comments", "covers", "tags", "document_tags", "notes", "ledgers", "countries", "pins"}

// picture is every row of every table as text, one line a row.
func (w *world) picture(tb testing.TB) []string {
	tb.Helper()
	var lines []string
	for _, table := range tables {
		var rows []map[string]any
		if err := w.root.Table(table).Find(&rows).Error; err != nil {
			tb.Fatal(err)
		}
		for _, row := range rows {
			text := fmt.Sprint(row) // fmt sorts the keys of maps
			lines = append(lines, table+" "+text)
		}
	}
	slices.Sort(lines)
	return lines
}

func foreignLine(line string) bool {
	return strings.Contains(line, "bob") || strings.Contains(line, "mallory")
}

func as(ctx context.Context, p *identity.Principal) context.Context { return identity.With(ctx, p) }
