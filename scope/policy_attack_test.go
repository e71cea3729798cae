package scope_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// widenedRow is a row that somebody else owns, and a model to reach it with.
type widenedRow struct {
	what  string
	model func() any                      // a pointer to an empty value
	value func(id, org, owner string) any // one with these columns
	table string
	id    string
}

func widenedRows() []widenedRow {
	n := "taken"
	team := func(id, org, owner string) any { return &Team{ID: id, TenantID: org, OwnerID: owner, Name: n} }
	shop := func(id, org, owner string) any { return &Shop{ID: id, TenantID: org, OwnerID: owner, Name: n} }
	sticker := func(id, org, owner string) any { return &Sticker{ID: id, TenantID: org, OwnerID: owner, Name: n} }
	branch := func(id, org, owner string) any { return &Branch{ID: id, TenantID: org, OwnerID: owner, Name: n} }
	ticket := func(id, org, owner string) any { return &Ticket{ID: id, TenantID: org, OwnerID: owner, Name: n} }
	job := func(id, _, owner string) any { return &Job{ID: id, TeamID: owner, Name: n} }
	form := func(id, org, owner string) any {
		f := &Form{ID: id, Name: n}
		if org != "" {
			f.TenantID = &org
		}
		if owner != "" {
			f.OwnerID = &owner
		}
		return f
	}
	return []widenedRow{
		{"a team she only reads", func() any { return &Team{} }, team, "teams", "bob"},
		{"a colleague's team", func() any { return &Team{} }, team, "teams", "carol"},
		{"another tenant's team with her as member", func() any { return &Team{} }, team, "teams", "mallory"},
		{"a job of a team she only reads", func() any { return &Job{} }, job, "jobs", "bob"},
		{"a job of a colleague's team", func() any { return &Job{} }, job, "jobs", "carol"},
		{"a shop she writes", func() any { return &Shop{} }, shop, "shops", "bob"},
		{"a shop of members spelled like her", func() any { return &Shop{} }, shop, "shops", "carol"},
		{"another tenant's shop with her as member", func() any { return &Shop{} }, shop, "shops", "mallory"},
		{"a colleague's sticker", func() any { return &Sticker{} }, sticker, "stickers", "carol"},
		{"another tenant's sticker", func() any { return &Sticker{} }, sticker, "stickers", "mallory"},
		{"a global form", func() any { return &Form{} }, form, "forms", "global"},
		{"a colleague's form", func() any { return &Form{} }, form, "forms", "carol"},
		{"her own row of a sub-tenant", func() any { return &Branch{} }, branch, "branches", "east-alice"},
		{"another's row of a sub-tenant", func() any { return &Branch{} }, branch, "branches", "east-bob"},
		{"her own row of a tenant beside", func() any { return &Branch{} }, branch, "branches", "west-alice"},
		{"an open ticket", func() any { return &Ticket{} }, ticket, "tickets", "bob"},
		{"a closed ticket", func() any { return &Ticket{} }, ticket, "tickets", "carol"},
		{"another tenant's open ticket", func() any { return &Ticket{} }, ticket, "tickets", "globex-open"},
	}
}

// widenedShape is one way to reach a row.
type widenedShape struct {
	name string
	run  func(q func() *gorm.DB, r widenedRow) (any, error)
}

func widenedReads() []widenedShape {
	find := func(name string, tx func(q func() *gorm.DB, r widenedRow) *gorm.DB) widenedShape {
		return widenedShape{name, func(q func() *gorm.DB, r widenedRow) (any, error) {
			var rows []map[string]any
			err := tx(q, r).Model(r.model()).Find(&rows).Error
			return rows, err
		}}
	}
	return []widenedShape{
		find("all", func(q func() *gorm.DB, _ widenedRow) *gorm.DB { return q() }),
		find("all but hers", func(q func() *gorm.DB, _ widenedRow) *gorm.DB { return q().Not("id = ?", "alice") }),
		find("by id", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Where("id = ?", r.id) }),
		find("by Or", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Where("1 = 0").Or("id = ?", r.id) }),
		find("by Or of a later scope", func(q func() *gorm.DB, _ widenedRow) *gorm.DB {
			return q().Scopes(func(tx *gorm.DB) *gorm.DB { return tx.Where("1 = 0").Or("1 = 1") })
		}),
		find("by Or with a line break", func(q func() *gorm.DB, _ widenedRow) *gorm.DB { return q().Where("1 = 0\nOR\n1 = 1") }),
		find("unscoped", func(q func() *gorm.DB, _ widenedRow) *gorm.DB { return q().Unscoped().Where("1 = 0").Or("1 = 1") }),
		find("under an alias", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Table(r.table+" AS x").Where("x.id = ?", r.id).Or("1 = 1")
		}),
		find("grouped", func(q func() *gorm.DB, _ widenedRow) *gorm.DB {
			return q().Select("name, MAX(stars) AS s").Group("name").Having("1 = 0 OR 1 = 1")
		}),
		find("the greatest", func(q func() *gorm.DB, _ widenedRow) *gorm.DB {
			return q().Unscoped().Select("MAX(name) AS name").Where("name LIKE '%hidden%'")
		}),
		find("with a lock", func(q func() *gorm.DB, _ widenedRow) *gorm.DB {
			return q().Clauses(clause.Locking{Strength: "UPDATE"}).Or("1 = 1")
		}),
		find("of a subquery", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Where("id IN (?)", q().Model(r.model()).Select("id").Where("1 = 0").Or("1 = 1"))
		}),
		find("not of a subquery", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Where("id NOT IN (?)", q().Model(r.model()).Select("id").Where("1 = 0"))
		}),
		find("of a derived table", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Table("(?) AS d", q().Model(r.model()).Or("1 = 1"))
		}),
		find("joined with itself", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.From{Joins: []clause.Join{{
				Type: "LEFT", Table: clause.Table{Name: r.table, Alias: "j"}, ON: clause.Where{Exprs: []clause.Expression{sqlText("1 = 0 OR 1 = 1")}},
			}}}).Select("j.name").Where("1 = 1")
		}),
		find("prepared", func(q func() *gorm.DB, _ widenedRow) *gorm.DB {
			return q().Session(&gorm.Session{PrepareStmt: true}).Or("1 = 1")
		}),
		find("in a new session", func(q func() *gorm.DB, _ widenedRow) *gorm.DB { return q().Session(&gorm.Session{NewDB: true}) }),
		{"plucked", func(q func() *gorm.DB, r widenedRow) (any, error) {
			var s []string
			err := q().Model(r.model()).Where("1 = 0").Or("1 = 1").Pluck("name", &s).Error
			return s, err
		}},
		{"first", func(q func() *gorm.DB, r widenedRow) (any, error) {
			m := r.model()
			err := q().First(m, "id = ?", r.id).Error
			return m, err
		}},
		{"by its own key", func(q func() *gorm.DB, r widenedRow) (any, error) {
			m := r.value(r.id, "", "")
			err := q().Take(m).Error
			return m, err
		}},
		{"with rows", func(q func() *gorm.DB, r widenedRow) (any, error) {
			rows, err := q().Model(r.model()).Select("name").Or("1 = 1").Rows()
			if err != nil {
				return nil, err
			}
			defer func() { _ = rows.Close() }()
			var all []string
			for rows.Next() {
				var s sql.NullString
				_ = rows.Scan(&s)
				all = append(all, s.String)
			}
			return all, rows.Err()
		}},
		{"in a savepoint", func(q func() *gorm.DB, r widenedRow) (result any, err error) {
			err = q().Session(&gorm.Session{}).Transaction(func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error {
					var s []string
					err := tx.Session(&gorm.Session{NewDB: true}).Model(r.model()).Or("1 = 1").Pluck("name", &s).Error
					result = s
					return err
				})
			})
			return result, err
		}},
	}
}

func widenedWrites() []widenedShape {
	write := func(name string, tx func(q func() *gorm.DB, r widenedRow) *gorm.DB) widenedShape {
		return widenedShape{name, func(q func() *gorm.DB, r widenedRow) (any, error) { return nil, tx(q, r).Error }}
	}
	at := func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Model(r.model()).Where("id = ?", r.id) }
	scopes := map[string]any{"tenant_id": "acme", "owner_id": "alice", "name": "taken"}
	byID := []clause.Column{{Name: "id"}}
	return []widenedShape{
		write("Update", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return at(q, r).Update("stars", 7) }),
		write("Update by Or", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Model(r.model()).Where("1 = 0").Or("1 = 1").Update("stars", 7)
		}),
		write("Update of everything", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Session(&gorm.Session{AllowGlobalUpdate: true}).Model(r.model()).Update("stars", 7)
		}),
		write("Update with an expression", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return at(q, r).Update("stars", gorm.Expr("stars + 1"))
		}),
		write("UpdateColumn", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return at(q, r).UpdateColumn("stars", 7) }),
		write("Update to the caller", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return at(q, r).Updates(scopes) }),
		write("UpdateColumns to the caller", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return at(q, r).UpdateColumns(map[string]any{"OwnerID": "alice", "TENANT_ID": "acme"})
		}),
		write("Update to another", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return at(q, r).Update("owner_id", "mallory") }),
		write("Update to nobody", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return at(q, r).Updates(map[string]any{"owner_id": nil, "tenant_id": nil})
		}),
		write("Updates of a struct", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Model(r.value(r.id, "", "")).Select("*").Updates(r.value(r.id, "acme", "alice"))
		}),
		write("an update with what it met", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return at(q, r).Clauses(clause.Returning{}).Update("stars", 7)
		}),
		write("an update in a savepoint", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return &gorm.DB{Error: q().Session(&gorm.Session{}).Transaction(func(tx *gorm.DB) error {
				_ = tx.Transaction(func(tx *gorm.DB) error { return tx.Model(r.model()).Where("id = ?", r.id).Update("stars", 7).Error })
				return nil
			})}
		}),
		write("a prepared update", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Session(&gorm.Session{PrepareStmt: true}).Model(r.model()).Where("id = ?", r.id).Update("stars", 7)
		}),
		write("an update under an alias", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Table(r.table).Where("id = ?", r.id).Updates(map[string]any{"stars": 7})
		}),
		write("Save", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Save(r.value(r.id, "", "")) }),
		write("Save as the caller's", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Save(r.value(r.id, "acme", "alice")) }),
		write("Save as its owner's", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Save(r.value(r.id, "acme", r.id)) }),
		write("Save unscoped", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Unscoped().Save(r.value(r.id, "acme", "alice"))
		}),
		write("a create over it", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Create(r.value(r.id, "acme", "alice")) }),
		write("an upsert of all", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.OnConflict{UpdateAll: true}).Create(r.value(r.id, "acme", "alice"))
		}),
		write("an upsert of columns", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"name"})}).Create(r.value(r.id, "", ""))
		}),
		write("an upsert to the caller", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"name", "tenant_id", "owner_id"})}).Create(r.value(r.id, "", ""))
		}),
		write("an upsert with a condition", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"name"}), Where: clause.Where{Exprs: []clause.Expression{sqlText("1 = 0 OR 1 = 1")}}}).
				Create(r.value(r.id, "", ""))
		}),
		write("an upsert that does nothing", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Clauses(clause.OnConflict{DoNothing: true}).Create(r.value(r.id, "", ""))
		}),
		write("a new one for another", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Create(r.value("new", "acme", "bob")) }),
		write("a new one for a sub-tenant", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Create(r.value("new", "acme-east", "alice"))
		}),
		write("a new one for nobody", func(q func() *gorm.DB, r widenedRow) *gorm.DB { return q().Create(r.value("new", "", "")) }),
		write("a map for nobody", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Model(r.model()).Create(map[string]any{"id": "new", "tenant_id": nil, "owner_id": nil})
		}),
		write("FirstOrCreate", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Where("id = ?", r.id).Assign(map[string]any{"stars": 7}).FirstOrCreate(r.value(r.id, "", ""))
		}),
		write("Delete", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Where("id = ?", r.id).Where("name LIKE '%fixed%'").Delete(r.model())
		}),
		write("Delete by Or", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Where("1 = 0").Or("name LIKE '%fixed%'").Delete(r.model())
		}),
		write("Delete unscoped", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Unscoped().Where("1 = 0").Or("name LIKE ?", "%fixed%").Delete(r.value(r.id, "", ""))
		}),
		write("Delete of the value with all", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			return q().Select(clause.Associations).Where("name LIKE '%fixed%'").Delete(r.value(r.id, "", ""))
		}),
		write("a query that is a delete", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			tx := q().Model(r.model()).Clauses(clause.Delete{}).Where("name LIKE '%fixed%'")
			return built(tx, "DELETE", "FROM", "WHERE").Find(&[]map[string]any{})
		}),
		write("a query that is an update", func(q func() *gorm.DB, r widenedRow) *gorm.DB {
			tx := q().Model(r.model()).Clauses(clause.Update{}, clause.Set{{Column: clause.Column{Name: "stars"}, Value: 7}}).Where("1 = 1")
			return built(tx, "UPDATE", "SET", "WHERE").Find(&[]map[string]any{})
		}),
	}
}

// Every shape on every row, with the scope, without it, and by nobody.
func TestNoPolicyIsWidenedFurther(t *testing.T) {
	t.Parallel()
	shapes := append(widenedReads(), widenedWrites()...)
	t.Logf("%d rows times %d shapes", len(widenedRows()), len(shapes))
	for _, kind := range append(kinds, "mariadb with upserts") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newPolicyRoom(t, kind)
			before := r.rows(t)
			shapes := shapes
			if strings.HasSuffix(kind, "upserts") {
				shapes = widenedWrites() // it reads as it does without
			}
			ctx := as(t.Context(), alice)
			for _, row := range widenedRows() {
				for _, s := range shapes {
					for who, q := range map[string]func() *gorm.DB{
						"with the scope": func() *gorm.DB { return r.db.WithContext(ctx).Scopes(scope.Owned(ctx)) },
						"forgotten":      func() *gorm.DB { return r.db.WithContext(ctx) },
					} {
						what := fmt.Sprintf("%s of %s, %s", s.name, row.what, who)
						result, err := s.run(q, row)
						before = r.judge(t, what, result, err, before)
					}
					result, err := s.run(func() *gorm.DB { return r.db.WithContext(context.Background()) }, row)
					if err == nil && strings.ContainsAny(string(toJSON(result)), "abcdefghijkmopqrstvwxyz") { // letters that are not in null
						t.Errorf("%s of %s by nobody: %s", s.name, row.what, toJSON(result))
					}
				}
			}
			if after := r.rows(t); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Error("nobody changed rows")
			}
		})
	}
}
