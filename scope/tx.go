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
// transaction it opens a savepoint. An error or panic of fn rolls back. The
// principal is read now; without one fn is not called.
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
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if tx.Name() == "postgres" {
			if err := settings(ctx, tx, who); err != nil {
				return err
			}
		}
		return fn(tx)
	}, opts...)
}

func settings(ctx context.Context, tx *gorm.DB, who caller) error {
	var tenant, owner string
	if who.system == nil {
		tenant, owner = who.tenant, who.owner
	}
	_, err := tx.Statement.ConnPool.ExecContext(ctx,
		"SELECT set_config('"+settingTenant+"', $1, true), set_config('"+settingOwner+"', $2, true)", tenant, owner)
	return err
}
