package scope_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// env is what an attack works with: alice's context, with the scope or without.
type env struct {
	w   *world
	db  *gorm.DB                   // the guarded connection with the caller's context
	own func(*gorm.DB) *gorm.DB    // the scope; does nothing where it "was forgotten"
	ctx context.Context            //nolint:containedctx // the attack's
	gen func(stmt *gorm.Statement) // the scope for generics
}

// q is a handle with the scope.
func (e *env) q() *gorm.DB { return e.db.Scopes(e.own) }

// attack is one way to reach rows that are not alice's. What it returns must hold
// nothing of theirs.
type attack struct {
	name string
	run  func(*env) (any, error)
}

// setting is a way in which the application uses the package.
type setting struct {
	name      string
	principal bool
	explicit  bool
}

var settings = []setting{
	{"with the scope", true, true},
	{"with the scope forgotten", true, false},
	{"with nobody", false, false},
	{"with nobody and the scope", false, true},
}

func (w *world) env(t *testing.T, s setting) *env {
	t.Helper()
	ctx := t.Context()
	if s.principal {
		ctx = as(ctx, alice)
	}
	e := &env{w: w, db: w.db.WithContext(ctx), ctx: ctx}
	e.own = func(db *gorm.DB) *gorm.DB { return db }
	e.gen = func(*gorm.Statement) {}
	if s.explicit {
		e.own, e.gen = scope.Owned(ctx), scope.Stmt(ctx)
	}
	return e
}

func attacks() map[string][]attack {
	return map[string][]attack{
		"reads": readAttacks(), "joins": joinAttacks(), "preloads": preloadAttacks(), "associations": associationAttacks(),
		"updates": updateAttacks(), "saves": saveAttacks(), "creates": createAttacks(), "upserts": upsertAttacks(),
		"deletes": deleteAttacks(), "finishers": finisherAttacks(), "sessions": sessionAttacks(), "raw": rawAttacks(),
		"generics": genericAttacks(), "shapes": shapeAttacks(), "collation": collationAttacks(),
		"twice": twiceAttacks(), "second models": secondModelAttacks(), "public": publicAttacks(), "hidden": hiddenAttacks(), "raw clauses": rawClauseAttacks(),
		"second handles": secondHandleAttacks(), "names as strings": nameStringAttacks(), "clauses": clauseAttacks(), "hooks": hookAttacks(), "flows": flowAttacks(), "around": aroundAttacks(), "tables": tableAttacks(),
		"glue": glueAttacks(), "shifts": shiftAttacks(), "tokens": tokenAttacks(), "quotes": quoteAttacks(), "join texts": joinTextAttacks(), "inner": innerAttacks(), "assignments": assignmentAttacks(),
		"own table": ownTableAttacks(), "next join": nextJoinAttacks(),
	}
}

func TestNoStatementReachesAnotherRow(t *testing.T) {
	t.Parallel()
	total := 0
	for _, group := range attacks() {
		total += len(group)
	}
	if total < 180 {
		t.Errorf("the suite has only %d attacks", total)
	}
	t.Logf("%d attacks", total)
	for _, kind := range append(kinds, "mariadb with upserts", "mariadb with found rows") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			before := w.picture(t)
			for group, list := range attacks() {
				for _, a := range list {
					for _, s := range settings {
						before = w.strike(t, group+": "+a.name+" "+s.name, a, s, before)
					}
				}
			}
		})
	}
}

// strike runs one attack and looks at everything it left behind.
func (w *world) strike(t *testing.T, name string, a attack, s setting, before []string) []string {
	t.Helper()
	return w.judge(t, name, a, w.env(t, s), s, before)
}

func (w *world) judge(t *testing.T, name string, a attack, e *env, s setting, before []string) []string {
	t.Helper()
	result, err := run(a, e)
	shown := toJSON(result)
	if foreignLine(string(shown)) {
		t.Errorf("%s: foreign content came back: %s", name, shown)
	}
	if !s.principal && strings.Contains(string(shown), "secret") {
		t.Errorf("%s: content came back: %s", name, shown)
	}
	if body := shownToClient(err); strings.Contains(body, "secret") || foreignLine(body) || len(body) > 120 {
		t.Errorf("%s: the client sees %s", name, body)
	}
	if !s.principal && !s.explicit {
		return before // the next setting, again nobody, looks
	}
	after := w.picture(t)
	if slices.Equal(before, after) {
		return before
	}
	if !s.principal {
		t.Errorf("%s: nobody changed rows: %v", name, changes(before, after))
	}
	for _, fault := range w.faults(t, before, after) {
		t.Errorf("%s: %s (error: %v)", name, fault, err)
	}
	w.reset(t)
	return w.picture(t)
}

func run(a attack, e *env) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			panic(fmt.Sprintf("%s: %v", a.name, p))
		}
	}()
	return a.run(e)
}

func shownToClient(err error) string {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	scope.Abort(c, err)
	return w.Body.String()
}

func changes(before, after []string) []string {
	var diff []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			diff = append(diff, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			diff = append(diff, "+ "+line)
		}
	}
	return diff
}

// faults lists what a legitimate statement of alice's could never have done.
func (w *world) faults(t *testing.T, before, after []string) []string {
	t.Helper()
	var out []string
	for _, line := range before {
		if foreignLine(line) && !slices.Contains(after, line) {
			out = append(out, "a foreign row changed or vanished: "+line)
		}
		if strings.HasPrefix(line, "countries") && !slices.Contains(after, line) {
			out = append(out, "a public row changed: "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) && foreignLine(line) {
			out = append(out, "a row was planted or linked: "+line)
		}
	}
	for _, check := range []struct{ what, sql string }{
		{"a row of nobody or of a mixed owner", `SELECT COUNT(*) FROM %s WHERE tenant_id IS NULL OR owner_id IS NULL
			OR NOT (tenant_id = 'acme' AND owner_id IN ('alice', 'bob') OR tenant_id = 'globex' AND owner_id = 'mallory')`},
	} {
		for _, table := range []string{"folders", "documents", "covers", "tags", "notes"} {
			if n := w.count(t, fmt.Sprintf(check.sql, table)); n > 0 {
				out = append(out, fmt.Sprintf("%s: %d in %s", check.what, n, table))
			}
		}
	}
	for what, sql := range map[string]string{
		"a ledger of nobody":           `SELECT COUNT(*) FROM ledgers WHERE org IS NULL OR usr IS NULL OR NOT (org = 'acme' AND usr IN ('alice', 'bob') OR org = 'globex' AND usr = 'mallory')`,
		"a document in another folder": `SELECT COUNT(*) FROM documents d JOIN folders f ON d.folder_id = f.id WHERE d.owner_id <> f.owner_id`,
		"a cover of another document":  `SELECT COUNT(*) FROM covers c JOIN documents d ON c.document_id = d.id WHERE d.owner_id <> c.owner_id`,
		"a link between two owners":    `SELECT COUNT(*) FROM document_tags x JOIN documents d ON x.document_id = d.id JOIN tags t ON x.tag_id = t.id WHERE d.owner_id <> t.owner_id`,
		"an orphaned comment":          `SELECT COUNT(*) FROM comments c LEFT JOIN documents d ON c.document_id = d.id WHERE d.id IS NULL AND c.document_id <> 'alice-doc-1' AND c.document_id <> 'alice-doc-2'`,
	} {
		if n := w.count(t, sql); n > 0 {
			out = append(out, fmt.Sprintf("%s: %d", what, n))
		}
	}
	return out
}

func (w *world) count(t *testing.T, sql string) (n int64) {
	t.Helper()
	if err := w.root.Raw(sql).Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// reset puts the seeded rows back.
func (w *world) reset(tb testing.TB) {
	tb.Helper()
	for _, table := range []string{"document_tags", "comments", "covers", "notes", "ledgers", "documents", "tags", "folders", "countries", "pins"} {
		if err := w.root.Exec("DELETE FROM " + table).Error; err != nil {
			tb.Fatal(err)
		}
	}
	w.seed(tb)
}

// The same attacks must succeed where they can: against the scope most people
// write. Otherwise the suite would prove nothing.
func TestTheAttacksAreReal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.db = w.root
	before := w.picture(t)
	breached, total := 0, 0
	for _, list := range attacks() {
		for _, a := range list {
			if strings.HasPrefix(a.name, "exec: ") {
				continue // would take the tables away
			}
			e := w.env(t, settings[0])
			e.own = func(db *gorm.DB) *gorm.DB { return db.Where("tenant_id = ? AND owner_id = ?", "acme", "alice") }
			e.gen = func(stmt *gorm.Statement) { stmt.Where("tenant_id = ? AND owner_id = ?", "acme", "alice") }
			total++
			result := try(a, e)
			shown := toJSON(result)
			after := w.picture(t)
			if foreignLine(string(shown)) || len(w.faults(t, before, after)) > 0 {
				breached++
			}
			if !slices.Equal(before, after) {
				w = newWorld(t, "sqlite")
				w.db = w.root
			}
		}
	}
	t.Logf("a plain scope is breached by %d of %d attacks", breached, total)
	if breached < 180 {
		t.Errorf("only %d of %d attacks are real", breached, total)
	}
}

func try(a attack, e *env) (result any) {
	defer func() { _ = recover() }()
	result, _ = a.run(e)
	return result
}

// toJSON spells a result. MySQL's driver has bytes for text, which JSON would hide.
func toJSON(v any) []byte {
	if rows, ok := v.([]map[string]any); ok {
		for _, row := range rows {
			for name, cell := range row {
				if b, ok := cell.([]byte); ok {
					row[name] = string(b)
				}
			}
		}
	}
	b, _ := json.Marshal(v)
	return b
}
