package scope

import (
	"context"
	"database/sql"

	"gorm.io/gorm"
)

// The settings a row-level security policy made by [RLS] reads.
const (
	settingTenant = "app.tenant"
	settingOwner  = "app.owner"
)

// Tx runs fn in a transaction whose statements are ctx's principal's, as with
// [Owned] on each of them. On PostgreSQL it also sets app.tenant and app.owner
// for the length of the transaction, so that policies made by [RLS] hold for raw
// SQL and views too; on other databases it is gorm's Transaction. Inside a
// transaction it opens a savepoint, and gives the outer one's settings back at its
// end. An error or panic of fn rolls back. The principal is read now; without one
// fn is not called.
func Tx(ctx context.Context, db *gorm.DB, fn func(*gorm.DB) error, opts ...*sql.TxOptions) error {
	who := readCaller(ctx)
	if who.err != nil {
		return who.err
	}
	if who.system == nil {
		ctx = context.WithValue(plainContext(ctx), callerKey{}, &who)
	} else {
		ctx = plainContext(ctx)
	}
	_, nested := db.Statement.ConnPool.(gorm.TxCommitter)
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if tx.Name() != "postgres" {
			return fn(tx)
		}
		s := settings{pool: tx.Statement.ConnPool}
		if nested {
			if err := s.read(ctx); err != nil {
				return err
			}
			// Also where the caller of fn has gone away meanwhile.
			outer, after := s, context.WithoutCancel(ctx)
			defer func() {
				if failed := outer.set(after); err == nil {
					err = failed
				}
			}()
		}
		s.tenant, s.owner = who.tenant, who.owner
		if err := s.set(ctx); err != nil {
			return err
		}
		return fn(tx)
	}, opts...)
}

// settings are whose rows PostgreSQL shows in a transaction; nobody's are empty.
type settings struct {
	pool          gorm.ConnPool
	tenant, owner string
}

func (s *settings) read(ctx context.Context) error {
	return s.pool.QueryRowContext(ctx, "SELECT COALESCE(current_setting('"+settingTenant+"', true), ''), COALESCE(current_setting('"+
		settingOwner+"', true), '')").Scan(&s.tenant, &s.owner)
}

func (s *settings) set(ctx context.Context) error {
	_, err := s.pool.ExecContext(ctx,
		"SELECT set_config('"+settingTenant+"', $1, true), set_config('"+settingOwner+"', $2, true)", s.tenant, s.owner)
	return err
}
