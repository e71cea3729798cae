package scope_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	// Rink is read and written by its members, whom one of the tables below names.
	Rink struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		Ushers   []Usher
	}
	// Usher belongs to whoever made somebody a member, and is deleted softly.
	Usher struct {
		ID        string `gorm:"primaryKey;size:36"`
		TenantID  string `gorm:"size:36"`
		OwnerID   string `gorm:"size:36"`
		RinkID    string `gorm:"size:36"`
		UserID    string `gorm:"size:36"`
		Note      string `gorm:"size:36"`
		DeletedAt gorm.DeletedAt
	}
	// Porter is the whole tenant's, and says with a number when it was deleted.
	Porter struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		RinkID   string `gorm:"size:36"`
		UserID   string `gorm:"size:36"`
		Note     string `gorm:"size:36"`
		Gone     gone
	}
	// Pass belongs to whom its person does, which is not what it gives rights to.
	Pass struct {
		ID        string  `gorm:"primaryKey;size:36"`
		PersonID  string  `gorm:"size:36"`
		Person    *Person `scope:"via"`
		RinkID    string  `gorm:"size:36"`
		UserID    string  `gorm:"size:36"`
		Note      string  `gorm:"size:36"`
		DeletedAt gorm.DeletedAt
	}
	Person struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
	}
	// Guide belongs to whom its rink does, and says with a time that it was not deleted.
	Guide struct {
		ID        string         `gorm:"primaryKey;size:36"`
		RinkID    string         `gorm:"size:36"`
		Rink      *Rink          `scope:"via"`
		UserID    string         `gorm:"size:36"`
		Note      string         `gorm:"size:36"`
		DeletedAt gorm.DeletedAt `gorm:"zeroValue:1970-01-01 00:00:01"`
	}
)

// gone deletes softly as plugins do: 0 is "not deleted".
type gone int64

func (gone) QueryClauses(f *schema.Field) []clause.Interface  { return []clause.Interface{present{f}} }
func (gone) DeleteClauses(f *schema.Field) []clause.Interface { return []clause.Interface{away{f}} }

type present struct{ f *schema.Field }

func (present) Name() string               { return "" }
func (present) Build(clause.Builder)       {}
func (present) MergeClause(*clause.Clause) {}
func (p present) ModifyStatement(stmt *gorm.Statement) {
	if _, done := stmt.Clauses["soft_delete_enabled"]; done || stmt.Unscoped {
		return
	}
	stmt.AddClause(clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: p.f.DBName}, Value: 0}}})
	stmt.Clauses["soft_delete_enabled"] = clause.Clause{}
}

type away struct{ f *schema.Field }

func (away) Name() string               { return "" }
func (away) Build(clause.Builder)       {}
func (away) MergeClause(*clause.Clause) {}
func (a away) ModifyStatement(stmt *gorm.Statement) {
	if stmt.SQL.Len() > 0 || stmt.Unscoped {
		return
	}
	stmt.AddClause(clause.Set{{Column: clause.Column{Name: a.f.DBName}, Value: time.Now().Unix()}})
	present(a).ModifyStatement(stmt)
	stmt.AddClauseIfNotExists(clause.Update{})
	stmt.Build("UPDATE", "SET", "WHERE")
}

// roster is one table of members.
type roster struct {
	table   string
	model   func() any
	make    func(id, rink, user, by string) any
	deleted string // its column
	alive   any    // what that holds
	// open is true where somebody who is no member may write a row by its own rule.
	open bool
}

func rosters() []roster {
	return []roster{
		{"ushers", func() any { return &Usher{} }, func(id, rink, user, by string) any {
			return &Usher{ID: id, TenantID: "acme", OwnerID: by, RinkID: rink, UserID: user}
		}, "deleted_at", nil, true},
		{"porters", func() any { return &Porter{} }, func(id, rink, user, _ string) any {
			return &Porter{ID: id, TenantID: "acme", RinkID: rink, UserID: user}
		}, "gone", 0, true},
		{"passes", func() any { return &Pass{} }, func(id, rink, user, by string) any {
			return &Pass{ID: id, PersonID: by, RinkID: rink, UserID: user}
		}, "deleted_at", nil, true},
		{"guides", func() any { return &Guide{} }, func(id, rink, user, _ string) any {
			return &Guide{ID: id, RinkID: rink, UserID: user, DeletedAt: gorm.DeletedAt{Time: time.Unix(1, 0).UTC(), Valid: true}}
		}, "deleted_at", "1970-01-01 00:00:01", false},
	}
}

// rinks is a database with a rink of bob's, one of alice's and one table of members,
// in which alice once wrote a row for zed and one for herself, deleted since.
type rinks struct {
	roster
	root, db *gorm.DB
}

func newRinks(t *testing.T, kind string, of roster) *rinks {
	t.Helper()
	r := fillRinks(t, open(t, kind, silent()), of)
	var err error
	if r.db, err = gorm.Open(r.root.Dialector, silent()); err != nil {
		t.Fatal(err)
	}
	r.db.ConnPool, r.db.Statement.ConnPool = r.root.ConnPool, r.root.ConnPool
	r.guard(t)
	return r
}

func (r *rinks) guard(t *testing.T) {
	t.Helper()
	protect := []any{
		policy.Policy{Model: &Rink{}, MembersWrite: true, Members: &policy.Members{Model: r.model(), Row: "RinkID", Subject: "UserID"}},
		&Person{}, r.model(),
	}
	if r.table != "ushers" {
		protect = append(protect, &Usher{})
	}
	if err := r.db.Use(scope.Guard(scope.GuardConfig{Protect: protect, MySQLUpsert: true})); err != nil {
		t.Fatal(err)
	}
}

func fillRinks(t *testing.T, root *gorm.DB, of roster) *rinks {
	t.Helper()
	r := &rinks{roster: of, root: root}
	if err := root.AutoMigrate(&Person{}, &Rink{}, &Usher{}, of.model()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []any{
		&Person{ID: "alice", TenantID: "acme", OwnerID: "alice"}, &Person{ID: "bob", TenantID: "acme", OwnerID: "bob"},
		&Person{ID: "carol", TenantID: "acme", OwnerID: "carol"},
		&Rink{ID: "bobs", TenantID: "acme", OwnerID: "bob", Name: "bobs"}, &Rink{ID: "mine", TenantID: "acme", OwnerID: "alice", Name: "mine"},
	} {
		if err := root.Create(row).Error; err != nil {
			t.Fatal(err)
		}
	}
	r.reset(t)
	return r
}

// reset makes the table of members what it was.
func (r *rinks) reset(t *testing.T) {
	t.Helper()
	err := r.root.Unscoped().Where("1 = 1").Delete(r.model()).Error
	for _, row := range []any{r.make("x", "bobs", "zed", "alice"), r.make("y", "bobs", "alice", "alice"), r.make("given", "bobs", "carol", "bob")} {
		err = errors.Join(err, r.root.Create(row).Error)
	}
	if err = errors.Join(err, r.root.Delete(r.model(), "id = 'y'").Error); err != nil {
		t.Fatal(err)
	}
}

func (r *rinks) as(t *testing.T, p *identity.Principal) *gorm.DB {
	t.Helper()
	return r.db.WithContext(as(t.Context(), p))
}

// rights says what a principal may do with bob's rink.
func (r *rinks) rights(t *testing.T, p *identity.Principal) string {
	t.Helper()
	var n int64
	if err := r.as(t, p).Model(&Rink{}).Where("id = 'bobs'").Count(&n).Error; err != nil {
		t.Error(err)
	}
	tx := r.as(t, p).Model(&Rink{}).Where("id = 'bobs'").Update("name", fmt.Sprint(time.Now().UnixNano()))
	if tx.Error != nil {
		t.Error(tx.Error)
	}
	return fmt.Sprintf("reads %d, writes %d", n, tx.RowsAffected)
}

const (
	none = "reads 0, writes 0"
	full = "reads 1, writes 1"
)

// takings are ways to a membership of bob's rink for alice, who has none.
func takings(r *rinks) map[string]func(q *gorm.DB) *gorm.DB {
	x := func(q *gorm.DB) *gorm.DB { return q.Model(r.model()).Where("id = 'x'") }
	y := func(q *gorm.DB) *gorm.DB { return q.Unscoped().Model(r.model()).Where("id = 'y'") }
	onID := func(do clause.Set) clause.OnConflict {
		return clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: do}
	}
	user := map[string]any{"user_id": "alice"}
	rows := func(ids ...string) any {
		var list []map[string]any
		for _, id := range ids {
			list = append(list, map[string]any{"id": id, "rink_id": "mine", "user_id": "alice", r.deleted: r.alive})
		}
		if r.table == "passes" {
			for i := range list {
				list[i]["person_id"] = "alice"
			}
		}
		return list
	}
	return map[string]func(q *gorm.DB) *gorm.DB{
		"Update":           func(q *gorm.DB) *gorm.DB { return x(q).Update("user_id", "alice") },
		"UpdateColumn":     func(q *gorm.DB) *gorm.DB { return x(q).UpdateColumn("UserID", "alice") },
		"Updates":          func(q *gorm.DB) *gorm.DB { return x(q).Updates(map[string]any{"USER_ID": "alice", "note": "n"}) },
		"Updates selected": func(q *gorm.DB) *gorm.DB { return x(q).Select("UserID").Updates(r.make("x", "bobs", "alice", "alice")) },
		"Updates but one": func(q *gorm.DB) *gorm.DB {
			return x(q).Omit("RinkID", "Person", "Rink").Updates(r.make("x", "bobs", "alice", "alice"))
		},
		"Updates of all":    func(q *gorm.DB) *gorm.DB { return x(q).Select("*").Updates(r.make("x", "bobs", "alice", "alice")) },
		"Updates qualified": func(q *gorm.DB) *gorm.DB { return x(q).Updates(map[string]any{r.table + ".user_id": "alice"}) },
		"an expression":     func(q *gorm.DB) *gorm.DB { return x(q).Update("user_id", gorm.Expr("?", "alice")) },
		"another column":    func(q *gorm.DB) *gorm.DB { return x(q).Update("user_id", gorm.Expr("CONCAT('al', 'ice')")) },
		"by Or": func(q *gorm.DB) *gorm.DB {
			return q.Model(r.model()).Where("1 = 0").Or("user_id = 'zed'").Updates(user)
		},
		"by the table": func(q *gorm.DB) *gorm.DB { return q.Table(r.table).Where("id = 'x'").Updates(user) },
		"by an alias":  func(q *gorm.DB) *gorm.DB { return q.Table(r.table + " AS ginsec_p1").Where("id = 'x'").Updates(user) },
		"of everything": func(q *gorm.DB) *gorm.DB {
			return q.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(r.model()).Updates(user)
		},
		"what it returns": func(q *gorm.DB) *gorm.DB { return x(q).Clauses(clause.Returning{}).Updates(user) },
		"Save":            func(q *gorm.DB) *gorm.DB { return q.Omit("Person", "Rink").Save(r.make("x", "bobs", "alice", "alice")) },
		"Save of the deleted": func(q *gorm.DB) *gorm.DB {
			return q.Unscoped().Omit("Person", "Rink").Save(r.make("y", "bobs", "alice", "alice"))
		},
		"a new one": func(q *gorm.DB) *gorm.DB { return q.Create(r.make("new", "bobs", "alice", "alice")) },
		"FirstOrCreate": func(q *gorm.DB) *gorm.DB {
			return q.Where("id = 'x'").Assign(user).FirstOrCreate(r.model())
		},
		"an upsert of the subject": func(q *gorm.DB) *gorm.DB {
			return q.Clauses(onID(clause.AssignmentColumns([]string{"user_id"}))).Create(r.make("x", "mine", "alice", "alice"))
		},
		"an upsert that assigns it": func(q *gorm.DB) *gorm.DB {
			return q.Clauses(onID(clause.Assignments(user))).Create(r.make("x", "mine", "eve", "alice"))
		},
		"an upsert of maps": func(q *gorm.DB) *gorm.DB {
			return q.Model(r.model()).Clauses(onID(clause.AssignmentColumns([]string{"user_id", r.deleted}))).Create(rows("x", "y"))
		},
		"an upsert under a condition": func(q *gorm.DB) *gorm.DB {
			oc := onID(clause.AssignmentColumns([]string{"user_id"}))
			oc.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 0 OR 1 = 1"}}}
			return q.Clauses(oc).Create(r.make("x", "mine", "alice", "alice"))
		},
		"an upsert of all that names bob's": func(q *gorm.DB) *gorm.DB {
			return q.Clauses(clause.OnConflict{UpdateAll: true}).Create(r.make("x", "bobs", "alice", "alice"))
		},
		"an upsert of all that brings back": func(q *gorm.DB) *gorm.DB {
			return q.Clauses(onID(clause.AssignmentColumns([]string{r.deleted}))).Create(r.make("y", "mine", "eve", "alice"))
		},
		"brought back":             func(q *gorm.DB) *gorm.DB { return y(q).Update(r.deleted, r.alive) },
		"brought back by a column": func(q *gorm.DB) *gorm.DB { return y(q).UpdateColumn(r.deleted, r.alive) },
		"brought back by SQL": func(q *gorm.DB) *gorm.DB {
			return y(q).Update(r.deleted, gorm.Expr("(CASE WHEN 1 = 0 THEN "+r.deleted+" ELSE ? END)", r.alive))
		},
		"brought back by a deletion": func(q *gorm.DB) *gorm.DB {
			tx := y(q).Clauses(clause.Update{}, clause.Set{{Column: clause.Column{Name: r.deleted}, Value: r.alive}})
			return built(tx, "UPDATE", "SET", "WHERE").Delete(r.model())
		},
		"brought back by a deletion with SQL": func(q *gorm.DB) *gorm.DB {
			tx := y(q).Clauses(clause.Update{}, clause.Set{{Column: clause.Column{Name: r.deleted}, Value: gorm.Expr("(CASE WHEN 1 = 0 THEN "+r.deleted+" ELSE ? END)", r.alive)}})
			return built(tx, "UPDATE", "SET", "WHERE").Delete(r.model())
		},
		"brought back by the value": func(q *gorm.DB) *gorm.DB {
			return y(q).Select(r.deleted).Updates(r.make("y", "bobs", "alice", "alice"))
		},
		"brought back with a note": func(q *gorm.DB) *gorm.DB {
			return y(q).Updates(map[string]any{"note": "n", strings.ToUpper(r.deleted): r.alive})
		},
	}
}

func TestWhoIsNoMemberNeverBecomesOne(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		for _, of := range rosters() {
			t.Run(kind+" "+of.table, func(t *testing.T) {
				t.Parallel()
				r := newRinks(t, kind, of)
				if got := r.rights(t, alice); got != none {
					t.Fatalf("before all: alice %s", got)
				}
				for name, taking := range takings(r) {
					for who, q := range map[string]*gorm.DB{"": r.as(t, alice), ", with the scope": r.as(t, alice).Scopes(scope.Owned(as(t.Context(), alice)))} {
						tx := taking(q)
						if got := r.rights(t, alice); got != none {
							t.Errorf("%s%s: alice %s (%d rows, %v)", name, who, got, tx.RowsAffected, tx.Error)
						}
						r.reset(t)
					}
				}
			})
		}
	}
}
