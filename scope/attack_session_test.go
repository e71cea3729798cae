package scope_test

import (
	"strings"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

func sessionAttacks() []attack {
	return []attack{
		{"a new session", func(e *env) (any, error) { return docs(e.q().Session(&gorm.Session{NewDB: true}).Or("1 = 1")) }},
		{"a new session with prepared statements", func(e *env) (any, error) {
			return docs(e.q().Session(&gorm.Session{PrepareStmt: true}).Or("1 = 1"))
		}},
		{"a reused handle with a later Or", func(e *env) (any, error) {
			tx := e.q().Where("stars > 0")
			var first []Document
			tx.Find(&first)
			return docs(tx.Or("1 = 1"))
		}},
		{"a reused handle for another operation", func(e *env) (any, error) {
			tx := e.q().Model(&Document{}).Where("stars > 0")
			var n int64
			tx.Count(&n)
			return nil, tx.Or("1 = 1").Update("title", "x").Error
		}},
		{"a reused handle of a system statement", func(e *env) (any, error) {
			tx := e.w.db.WithContext(scope.System(e.ctx, "a job")).Model(&Document{}).Where("stars > 0")
			var n int64
			tx.Count(&n)
			return docs(tx.WithContext(e.ctx).Or("1 = 1"))
		}},
		{"a transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error { return tx.Scopes(e.own).Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"a nested transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Or("1 = 1").Find(&d).Error })
			})
			return d, err
		}},
		{"a new session in a transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"Begin by hand", func(e *env) (any, error) {
			tx := e.db.Begin()
			if tx.Error != nil {
				return nil, tx.Error
			}
			defer tx.Rollback()
			return docs(tx.Or("1 = 1"))
		}},
		{"a new session in a scope", func(e *env) (any, error) {
			return docs(e.q().Scopes(func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{NewDB: true}).Or("1 = 1") }))
		}},
		{"another principal's context", func(e *env) (any, error) {
			ctx := identity.With(e.ctx, bob)
			if _, ok := identity.From(e.ctx); !ok {
				ctx = e.ctx
			}
			tx := e.w.db.WithContext(ctx).Scopes(e.own)
			var d []Document
			if err := tx.Find(&d).Error; err != nil {
				return nil, err
			}
			for i := range d { // bob's context without a scope is bob's: not alice's affair
				if strings.Contains(d[i].Title, "alice") {
					return "bob's context read a row of alice: mallory", nil
				}
			}
			return nil, nil
		}},
		{"a connection", func(e *env) (any, error) {
			var d []Document
			err := e.db.Connection(func(tx *gorm.DB) error { return tx.Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"Debug", func(e *env) (any, error) { return docs(e.q().Session(&gorm.Session{}).Or("1 = 1")) }},
		{"Set and Get", func(e *env) (any, error) { return docs(e.q().Set("ginsec:scope", nil).Or("1 = 1")) }},
		{"the scope's clause removed", func(e *env) (any, error) {
			return docs(e.q().Scopes(func(db *gorm.DB) *gorm.DB {
				delete(db.Statement.Clauses, "WHERE")
				delete(db.Statement.Clauses, "ginsec:scope")
				return db.Or("1 = 1")
			}))
		}},
		{"a dry run of a refused statement", func(e *env) (any, error) {
			tx := e.q().Session(&gorm.Session{DryRun: true}).Or("1 = 1").Find(&[]Document{})
			return tx.Statement.Vars, tx.Error
		}},
	}
}

func shapeAttacks() []attack {
	return []attack{
		{"a smaller struct", func(e *env) (any, error) {
			var v []docView
			err := e.q().Model(&Document{}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"a smaller struct of a table", func(e *env) (any, error) {
			var v []docView
			err := e.q().Table("documents").Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"one map", func(e *env) (any, error) {
			m := map[string]any{}
			err := e.q().Model(&Document{}).Where("id = ?", "bob-doc-1").Take(&m).Error
			return m, err
		}},
		{"a slice of pointers", func(e *env) (any, error) {
			var d []*Document
			err := e.q().Or("1 = 1").Find(&d).Error
			return d, err
		}},
		{"an embedding struct", func(e *env) (any, error) {
			var v []withOwner
			err := e.q().Model(&Document{}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"an embedding struct of its own", func(e *env) (any, error) {
			var v []withOwner
			err := e.q().Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"another model of the same table", func(e *env) (any, error) {
			var v []mover
			err := e.q().Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"another model of the same table created", func(e *env) (any, error) {
			return nil, e.q().Session(&gorm.Session{SkipHooks: true}).Create(&mover{ID: "s1", OwnerID: "bob"}).Error
		}},
		{"an interface destination", func(e *env) (any, error) {
			var v any = &[]Document{}
			err := e.q().Or("1 = 1").Find(v).Error
			return v, err
		}},
		{"MapColumns", func(e *env) (any, error) {
			var v []docView
			err := e.q().Model(&Document{}).MapColumns(map[string]string{"owner_id": "title"}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
	}
}

// collationAttacks come from principals whose names a database might take for
// another's.
func collationAttacks() []attack {
	var out []attack
	for _, name := range []string{"BOB", "Bob", "bob ", "bób", "bob\x00", "bob\t", "ｂｏｂ"} {
		out = append(out, attack{"a subject spelled " + name, func(e *env) (any, error) {
			if _, ok := identity.From(e.ctx); !ok {
				return nil, nil
			}
			other := identity.With(e.ctx, &identity.Principal{Subject: name, Tenant: "acme"})
			tx := e.w.db.WithContext(other)
			var d []Document
			err := tx.Or("1 = 1").Find(&d).Error
			tx.Model(&Document{}).Where("1 = 1").Update("title", "x")
			tx.Where("1 = 1").Delete(&Cover{})
			return d, err
		}}, attack{"a tenant spelled " + strings.ReplaceAll(name, "bob", "acme"), func(e *env) (any, error) {
			if _, ok := identity.From(e.ctx); !ok {
				return nil, nil
			}
			tenant := strings.NewReplacer("bob", "acme", "BOB", "ACME", "Bob", "Acme", "bób", "ácme").Replace(name)
			other := identity.With(e.ctx, &identity.Principal{Subject: "bob", Tenant: tenant})
			tx := e.w.db.WithContext(other)
			var d []Document
			err := tx.Or("1 = 1").Find(&d).Error
			tx.Where("1 = 1").Delete(&Comment{})
			return d, err
		}})
	}
	return out
}
