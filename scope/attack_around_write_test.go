package scope_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

func aroundWrites() []attack {
	write := func(name string, change func(e *env) error) attack {
		return attack{"writing, " + name, func(e *env) (any, error) { return nil, change(e) }}
	}
	docs := func(e *env) *gorm.DB { return e.q().Model(&Document{}).Where("stars < ?", 9) }
	update := func(name string, tx func(e *env) *gorm.DB) attack {
		return write(name, func(e *env) error { return tx(e).Update("title", "taken").Error })
	}
	const plant = ", ('planted', 'x', 'globex', 'mallory')"
	row := func() map[string]any { return map[string]any{"id": "new", "title": "t"} }
	create := func(name string, tx func(e *env) *gorm.DB) attack {
		return write(name, func(e *env) error { return tx(e).Create(row()).Error })
	}
	model := func(e *env) *gorm.DB { return e.q().Model(&Document{}) }
	away := clause.Set{{Column: clause.Column{Name: "owner_id"}, Value: "mallory"}}
	taken := clause.Set{{Column: clause.Column{Name: "title"}, Value: "taken"}}
	planted := clause.Values{
		Columns: []clause.Column{{Name: "id"}, {Name: "title"}, {Name: "tenant_id"}, {Name: "owner_id"}},
		Values:  [][]any{{"planted", "x", "globex", "mallory"}},
	}
	rows := func(tx *gorm.DB) error { return tx.Find(&[]map[string]any{}).Error }
	list := []attack{
		update("an update built without WHERE", func(e *env) *gorm.DB { return built(docs(e), "UPDATE", "SET") }),
		write("a delete built without WHERE", func(e *env) error { return built(docs(e), "DELETE", "FROM").Delete(&Document{}).Error }),
		write("a query that is a delete", func(e *env) error {
			return rows(built(with(docs(e), "DELETE", called("DELETE", clause.Delete{})), "DELETE", "FROM"))
		}),
		write("a query that is an update", func(e *env) error {
			tx := docs(e).Clauses(clause.Update{}, away)
			return rows(built(tx, "UPDATE", "SET", "WHERE"))
		}),
		write("a query that is an insert", func(e *env) error {
			tx := model(e).Clauses(clause.Insert{}, planted, clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"title"})})
			return rows(built(tx, "INSERT", "VALUES", "ON CONFLICT", "WHERE"))
		}),
		write("a delete that is an update", func(e *env) error {
			tx := docs(e).Clauses(clause.Update{}, away)
			return built(tx, "UPDATE", "SET", "WHERE").Delete(&Document{}).Error
		}),
		write("a delete that is an insert", func(e *env) error {
			tx := docs(e).Clauses(clause.Insert{}, planted)
			return built(tx, "INSERT", "VALUES").Delete(&Document{}).Error
		}),
		update("an update that is a delete", func(e *env) *gorm.DB { return built(docs(e).Clauses(clause.Delete{}, clause.From{}), "DELETE", "FROM") }),
		create("an insert that is an update", func(e *env) *gorm.DB {
			return built(model(e).Where("stars < 9").Clauses(clause.Update{}, away), "UPDATE", "SET")
		}),
		create("an insert that is a delete", func(e *env) *gorm.DB {
			return built(model(e).Where("stars < 9").Clauses(clause.Delete{}, clause.From{}), "DELETE", "FROM")
		}),
		create("an insert with values in text", func(e *env) *gorm.DB {
			return built(with(model(e), "X", called("", sqlText("(id, title, tenant_id, owner_id) VALUES ('planted', 'x', 'globex', 'mallory')"))), "INSERT", "X")
		}),
		create("an insert of a query", func(e *env) *gorm.DB {
			return built(model(e).Where("id = 'alice-doc-1'").Clauses(clause.From{}, clause.Select{Expression: sqlText("'planted', 'globex', 'mallory', NULL, NULL, 'x', 1")}),
				"INSERT", "SELECT", "FROM", "WHERE")
		}),
		create("an insert with SET", func(e *env) *gorm.DB { return built(model(e).Clauses(away), "INSERT", "SET") }),
		create("a row after VALUES", func(e *env) *gorm.DB { return with(model(e), "VALUES", after(plant)) }),
		create("a row in a clause behind VALUES", func(e *env) *gorm.DB {
			return built(with(model(e), "X", called("", sqlText(plant))), "INSERT", "VALUES", "X")
		}),
		create("a row before ON CONFLICT", func(e *env) *gorm.DB {
			return with(model(e).Clauses(clause.OnConflict{DoNothing: true}), "ON CONFLICT", before(plant))
		}),
		create("a row in ON CONFLICT's place", func(e *env) *gorm.DB { return with(model(e), "ON CONFLICT", called("", sqlText(plant))) }),
		create("a row in ON CONFLICT's name", func(e *env) *gorm.DB { return with(model(e), "ON CONFLICT", called(plant, sqlText(""))) }),
		create("a row before RETURNING", func(e *env) *gorm.DB {
			return with(model(e).Clauses(clause.Returning{}), "RETURNING", before(plant))
		}),
		create("a row in RETURNING's name", func(e *env) *gorm.DB { return with(model(e), "RETURNING", called(plant, sqlText(""))) }),
		create("columns and rows after INSERT", func(e *env) *gorm.DB {
			return with(model(e), "INSERT", after("(id, title, tenant_id, owner_id) VALUES ('planted', 'x', 'globex', 'mallory') /*"))
		}),
		create("rows in a builder of ON CONFLICT", func(e *env) *gorm.DB {
			return with(model(e), "ON CONFLICT", func(c *clause.Clause) {
				c.Builder = func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString(plant) }
			})
		}),
		update("an owner after SET", func(e *env) *gorm.DB { return with(docs(e).Clauses(taken), "SET", after(", owner_id = 'mallory'")) }),
		update("an owner after SET's name", func(e *env) *gorm.DB { return with(docs(e).Clauses(taken), "SET", afterName("owner_id = 'mallory',")) }),
		update("an owner in SET's name", func(e *env) *gorm.DB {
			return with(docs(e).Clauses(taken), "SET", called("SET owner_id = 'mallory',", nil))
		}),
		update("an owner in a builder of SET", func(e *env) *gorm.DB {
			return with(docs(e).Clauses(taken), "SET", func(c *clause.Clause) {
				c.Builder = func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("SET owner_id = 'mallory'") }
			})
		}),
		update("text after UPDATE", func(e *env) *gorm.DB { return with(docs(e), "UPDATE", after("SET title = 'x' -- ")) }),
		update("a second table after UPDATE", func(e *env) *gorm.DB {
			tx := docs(e).Clauses(clause.Set{{Column: clause.Column{Table: "folders", Name: "name"}, Value: "taken"}})
			return with(tx, "UPDATE", after(", folders"))
		}),
		update("text before RETURNING", func(e *env) *gorm.DB {
			return with(docs(e).Clauses(clause.Returning{}), "RETURNING", before("OR 1 = 1"))
		}),
		update("another statement after RETURNING", func(e *env) *gorm.DB {
			return docs(e).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id; UPDATE documents SET title = 'taken'", Raw: true}}})
		}),
		update("text before ORDER BY", func(e *env) *gorm.DB { return with(docs(e).Order("id"), "ORDER BY", before("OR 1 = 1")) }),
		update("text before LIMIT", func(e *env) *gorm.DB { return with(docs(e).Limit(9), "LIMIT", before("OR 1 = 1")) }),
		update("text in RETURNING's place", func(e *env) *gorm.DB { return with(docs(e), "RETURNING", called("", sqlText("OR 1 = 1"))) }),
		write("a delete with text before RETURNING", func(e *env) error {
			return with(docs(e).Clauses(clause.Returning{}), "RETURNING", before("OR 1 = 1")).Delete(&Document{}).Error
		}),
		write("a delete with text before LIMIT", func(e *env) error {
			return with(docs(e).Limit(9), "LIMIT", before("OR 1 = 1")).Delete(&Document{}).Error
		}),
		write("a delete of another table", func(e *env) error {
			tx := with(docs(e), "DELETE", func(c *clause.Clause) { c.Expression, c.AfterExpression = clause.Delete{}, sqlText("folders") })
			return with(tx, "FROM", func(c *clause.Clause) { c.Expression, c.AfterExpression = clause.From{}, sqlText(", folders") }).Delete(&Document{}).Error
		}),
		write("a soft delete with an owner after SET", func(e *env) error {
			return with(e.q().Model(&Note{}).Where("1 = 1"), "SET", after(", owner_id = 'mallory'")).Delete(&Note{}).Error
		}),
		write("a soft delete with text before RETURNING", func(e *env) error {
			return with(e.q().Where("1 = 1").Clauses(clause.Returning{}), "RETURNING", before("OR 1 = 1")).Delete(&Note{}).Error
		}),
		write("a hook that leaves the WHERE of an update out", func(e *env) error {
			return e.q().Model(&shortened{ID: "alice-doc-1"}).Update("title", "taken").Error
		}),
		write("a hook that leaves the WHERE of a delete out", func(e *env) error {
			return e.q().Delete(&shortCover{ID: "alice-cover-1"}).Error
		}),
	}
	return list
}

// Owned alone has no callbacks: what it refuses it refuses while the SQL is built.
func TestNothingAroundAClauseGetsAroundOwnedAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			before := w.picture(t)
			for _, a := range aroundAttacks() {
				ctx := as(t.Context(), alice)
				e := &env{w: w, db: w.root.WithContext(ctx), ctx: ctx, own: scope.Owned(ctx), gen: scope.Stmt(ctx)}
				before = w.judge(t, a.name, a, e, settings[0], before)
			}
		})
	}
}
