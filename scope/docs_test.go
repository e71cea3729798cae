package scope_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// What docs/scope.md shows is what runs here, line by line.

func docsGuard(db *gorm.DB) {
	db.Use(scope.Guard(scope.GuardConfig{
		Protect: []any{&Document{}, &Comment{}},
		Public:  []any{&Country{}},
		Audit:   audit.Slog(nil),
	}))
}

func docsHandler(db *gorm.DB) gin.HandlerFunc {
	return func(c *gin.Context) {
		q := db.WithContext(c.Request.Context()).Scopes(scope.Owned(c))
		id, ok := scope.ParamID(c, "id")
		if !ok {
			return
		}
		var doc Document
		if !scope.One(c, q.First(&doc, "id = ?", id)) {
			return
		}
		c.String(http.StatusOK, doc.Title)
	}
}

func docsRows(ctx context.Context, db *gorm.DB) error {
	statements, err := scope.RLS(db)
	if err != nil || len(statements) == 0 {
		return err
	}
	err = scope.Tx(ctx, db, func(tx *gorm.DB) error { return tx.First(&Document{}).Error })
	return err
}

func docsCheck(ctx context.Context, db *gorm.DB) error {
	return scope.Check(db.WithContext(scope.System(ctx, "check")))
}

func TestThePageShowsWhatRuns(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/scope.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("docs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(s string) string {
		s, _, _ = strings.Cut(s, "//")
		return strings.Join(strings.Fields(s), "")
	}
	var here strings.Builder
	for line := range strings.Lines(string(code)) {
		here.WriteString(plain(line))
	}
	lines := 0
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[1]) {
			shown, _, _ := strings.Cut(plain(line), "…")
			if lines++; !strings.Contains(here.String(), shown) {
				t.Errorf("the page shows what is not run: %s", shown)
			}
		}
	}
	if lines < 12 {
		t.Errorf("only %d lines", lines)
	}
}

func TestThePagesExamplesRun(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			if err := root.AutoMigrate(models()...); err != nil {
				t.Fatal(err)
			}
			own, foreign := scope.NewID(), scope.NewID()
			root.Create(&[]Document{{ID: own.String(), TenantID: "acme", OwnerID: "alice", Title: "hers"}, {ID: foreign.String(), TenantID: "acme", OwnerID: "bob", Title: "his"}})
			db, err := gorm.Open(root.Dialector, silent())
			if err != nil {
				t.Fatal(err)
			}
			db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
			docsGuard(db)
			r := gin.New()
			r.Use(func(c *gin.Context) { identity.Set(c, alice) })
			r.GET("/documents/:id", docsHandler(db))
			var denied []string
			for _, id := range []string{own.String(), foreign.String(), scope.NewID().String(), "nonsense"} {
				w := httptest.NewRecorder()
				r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/documents/"+id, nil))
				if id == own.String() {
					if w.Body.String() != "hers" {
						t.Errorf("her own: %d %s", w.Code, w.Body)
					}
					continue
				}
				denied = append(denied, w.Body.String())
				if w.Code != http.StatusNotFound || w.Body.String() != denied[0] {
					t.Errorf("%s: %d %s", id, w.Code, w.Body)
				}
			}
			if err := docsRows(as(t.Context(), alice), db); err != nil && kind == "postgres" {
				t.Errorf("RLS and Tx: %v", err)
			}
			if err := docsCheck(t.Context(), db); err == nil {
				t.Error("Check found nothing in tables without a composite key")
			}
		})
	}
}
