package scope_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// Twelve goroutines of three principals share one guarded connection and one
// prepared statement cache.
func TestPrincipalsNeverMixOverOneConnection(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for _, prepared := range []bool{false, true} {
				if prepared && kind == "sqlite" {
					continue // one connection and a shared statement cache wait for each other in gorm
				}
				db := w.db.Session(&gorm.Session{PrepareStmt: prepared})
				var wg sync.WaitGroup
				for i := range 12 {
					wg.Go(func() { mix(t, db, i, prepared) })
				}
				wg.Wait()
			}
		})
	}
}

func mix(t *testing.T, db *gorm.DB, worker int, prepared bool) {
	t.Helper()
	p := people[worker%3]
	ctx := as(t.Context(), p)
	for n := range 15 {
		var d []Document
		tx := db.WithContext(ctx)
		if n%2 == 0 {
			tx = tx.Scopes(scope.Owned(ctx))
		}
		if err := tx.Preload("Comments").Preload("Tags").Joins("Folder").Where("documents.stars > 0").Or("1 = 1").Find(&d).Error; err != nil {
			t.Error(err)
			return
		}
		if text := string(toJSON(d)); len(d) < 2 || others(text, p) {
			t.Errorf("%s sees %s", p.Subject, text)
		}
		id := fmt.Sprintf("%s-%d-%d-%v", p.Subject, worker, n, prepared)
		if err := db.WithContext(ctx).Create(&Document{ID: id, Title: "new of " + p.Subject, Comments: []Comment{{ID: id}}}).Error; err != nil {
			t.Error(err)
		}
		if tx := db.WithContext(ctx).Model(&Document{}).Where("id = ?", id).Update("stars", n+1); tx.RowsAffected != 1 {
			t.Errorf("%d rows, %v", tx.RowsAffected, tx.Error)
		}
	}
}

func others(text string, p *identity.Principal) bool {
	for _, other := range people {
		if other != p && strings.Contains(text, other.Subject) {
			return true
		}
	}
	return false
}

// A goroutine that outlives its request, and gin's reuse of contexts, never give a
// scope another principal: it was read when the scope was made.
func TestAScopeKeepsItsPrincipalBeyondTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, fallback := range []bool{false, true} {
		r := gin.New()
		r.ContextWithFallback = fallback
		r.Use(func(c *gin.Context) {
			identity.Set(c, &identity.Principal{Subject: c.GetHeader("X-User"), Tenant: "acme"})
		})
		var wg sync.WaitGroup
		release := make(chan struct{})
		r.GET("/", func(c *gin.Context) {
			user := c.GetHeader("X-User")
			owned, bound := scope.Owned(c), scope.Bind(c)
			wg.Go(func() {
				<-release // long after the request, while c serves others
				var d []Document
				if err := w.db.Scopes(owned).Find(&d).Error; err != nil || len(d) != 2 || !strings.HasPrefix(d[0].ID, user) {
					t.Errorf("%s's goroutine: %v %+v", user, err, d)
				}
				g, err := gorm.G[Document](w.db, bound).Find(context.Background())
				if err != nil || len(g) != 2 || !strings.HasPrefix(g[0].ID, user) {
					t.Errorf("%s's generic query: %v %+v", user, err, g)
				}
			})
		})
		for i := range 60 {
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.Header.Set("X-User", people[i%2].Subject)
			r.ServeHTTP(httptest.NewRecorder(), req)
		}
		close(release)
		wg.Wait()
	}
}

// gin's context must not reach gorm at all: the guard refuses it, in the handler
// where it can be seen, not in the goroutine where it would be somebody else's.
func TestAGinContextIsRefusedAsAStatementsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, fallback := range []bool{false, true} {
		r := gin.New()
		r.ContextWithFallback = fallback
		r.Use(func(c *gin.Context) { identity.Set(c, alice) })
		r.GET("/", func(c *gin.Context) {
			derived, cancel := context.WithCancel(c)
			defer cancel()
			for what, ctx := range map[string]context.Context{"the gin context": c, "a derived one": derived} {
				for _, tx := range []*gorm.DB{w.db.WithContext(ctx), w.db.WithContext(ctx).Scopes(scope.Owned(c))} {
					if err := tx.Find(&[]Document{}).Error; !errors.Is(err, scope.ErrUnsupported) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			if err := w.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).Find(&[]Document{}).Error; err != nil {
				t.Error(err)
			}
			if err := w.db.WithContext(scope.System(c, "a job")).Find(&[]Document{}).Error; err != nil {
				t.Error(err)
			}
		})
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	var typedNil *gin.Context
	for what, ctx := range map[string]context.Context{"a nil gin context": typedNil, "nil": nil, "an empty one": &gin.Context{}} {
		if err := w.db.Scopes(scope.Owned(ctx)).Find(&[]Document{}).Error; !errors.Is(err, scope.ErrNoPrincipal) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// One scope value used by many goroutines at once.
func TestAScopeIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	owned := scope.Owned(as(t.Context(), alice))
	for _, db := range []*gorm.DB{w.db, w.root} {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for n := range 10 {
					var d []Document
					if err := db.Scopes(owned).Or("1 = 1").Find(&d).Error; err != nil || others(string(toJSON(d)), alice) {
						t.Errorf("%v %+v", err, d)
					}
					if err := db.Scopes(owned).Create(&Tag{ID: fmt.Sprintf("%p-%d-%d", db, i, n)}).Error; err != nil {
						t.Error(err)
					}
					if tx := db.Scopes(owned).Model(&Document{}).Where("id LIKE ?", "bob%").Or("1 = 1").Update("stars", n+1); tx.RowsAffected != 2 {
						t.Errorf("%d rows, %v", tx.RowsAffected, tx.Error)
					}
				}
			})
		}
		wg.Wait()
	}
}
