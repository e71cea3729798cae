package scope_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// Report is keyed by an ID: uuid on PostgreSQL, text elsewhere.
type Report struct {
	ID       scope.ID `gorm:"primaryKey" json:"id"`
	TenantID string   `gorm:"size:36;index:idx_report,priority:1" json:"-"`
	OwnerID  string   `gorm:"size:36;index:idx_report,priority:2" json:"-"`
	Title    string   `gorm:"size:200" json:"title"`
}

func reportServer(db *gorm.DB) *gin.Engine {
	r := gin.New()
	r.Use(func(c *gin.Context) {
		if user := c.GetHeader("X-User"); user != "" {
			identity.Set(c, &identity.Principal{Subject: user, Tenant: "acme"})
		}
	})
	q := func(c *gin.Context) *gorm.DB { return db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)) }
	r.GET("/reports/:id", func(c *gin.Context) {
		id, ok := scope.ParamID(c, "id")
		if !ok {
			return
		}
		var rep Report
		if !scope.One(c, q(c).First(&rep, "id = ?", id)) {
			return
		}
		c.JSON(http.StatusOK, rep)
	})
	r.PUT("/reports/:id", func(c *gin.Context) {
		id, ok := scope.ParamID(c, "id")
		if !ok {
			return
		}
		if !scope.One(c, q(c).Model(&Report{}).Where("id = ?", id).Updates(map[string]any{"title": c.Query("title")})) {
			return
		}
		c.Status(http.StatusNoContent)
	})
	r.DELETE("/reports/:id", func(c *gin.Context) {
		id, ok := scope.ParamID(c, "id")
		if !ok || !scope.One(c, q(c).Delete(&Report{}, "id = ?", id)) {
			return
		}
		c.Status(http.StatusNoContent)
	})
	r.GET("/reports", func(c *gin.Context) {
		var reps []Report
		if scope.Abort(c, q(c).Order("id").Limit(50).Find(&reps).Error) {
			return
		}
		c.JSON(http.StatusOK, reps)
	})
	return r
}

func request(r http.Handler, method, path, user string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, nil)
	if user != "" {
		req.Header.Set("X-User", user)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func TestHandlersServeOwnRowsAndOneConstant404(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t, kind, silent())
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Report{}}})); err != nil {
				t.Fatal(err)
			}
			if err := db.WithContext(scope.System(t.Context(), "create the table")).AutoMigrate(&Report{}); err != nil {
				t.Fatal(err)
			}
			mine := Report{ID: scope.NewID(), Title: "mine"}
			theirs := Report{ID: scope.NewID(), Title: "theirs"}
			for user, rep := range map[string]*Report{"alice": &mine, "bob": &theirs} {
				ctx := identity.With(t.Context(), &identity.Principal{Subject: user, Tenant: "acme"})
				if err := db.WithContext(ctx).Create(rep).Error; err != nil {
					t.Fatal(err)
				}
			}
			r := reportServer(db)
			if w := request(r, "GET", "/reports/"+mine.ID.String(), "alice"); w.Code != 200 {
				t.Errorf("own read: %d %s", w.Code, w.Body)
			}
			for range 2 { // the second changes nothing, which MySQL reports as no row
				if w := request(r, "PUT", "/reports/"+mine.ID.String()+"?title=new", "alice"); w.Code != 204 {
					t.Errorf("own update: %d %s", w.Code, w.Body)
				}
			}
			var list []Report
			w := request(r, "GET", "/reports", "alice")
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 || list[0].Title != "new" {
				t.Errorf("own list: %d %s", w.Code, w.Body)
			}
			if w := request(r, "GET", "/reports/"+mine.ID.String(), ""); w.Code != 401 {
				t.Errorf("nobody: %d %s", w.Code, w.Body)
			}
			want := request(r, "GET", "/reports/"+scope.NewID().String(), "alice")
			for _, id := range []string{theirs.ID.String(), "nonsense", scope.ID{}.String(), "1", "%27%20OR%201=1"} {
				for _, method := range []string{"GET", "PUT", "DELETE"} {
					got := request(r, method, "/reports/"+id, "alice")
					if got.Code != 404 || got.Body.String() != want.Body.String() || !sameHeader(got.Header(), want.Header()) {
						t.Errorf("%s %s: %d %s %v", method, id, got.Code, got.Body, got.Header())
					}
				}
			}
			if w := request(r, "DELETE", "/reports/"+mine.ID.String(), "alice"); w.Code != 204 {
				t.Errorf("own delete: %d %s", w.Code, w.Body)
			}
		})
	}
}

func sameHeader(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if len(v) != len(b[k]) || v[0] != b[k][0] {
			return false
		}
	}
	return true
}
