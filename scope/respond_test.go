package scope_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

func answer(t *testing.T, err error) (*httptest.ResponseRecorder, *gin.Context) {
	t.Helper()
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	if scope.Abort(c, err) != (err != nil) || c.IsAborted() != (err != nil) {
		t.Errorf("Abort(%v)", err)
	}
	return w, c
}

// Every way in which a row can be out of reach is the same answer, byte for byte,
// with real errors of each database, translated by gorm or not.
func TestWhatIsOutOfReachIsOneAnswer(t *testing.T) {
	t.Parallel()
	want, _ := answer(t, gorm.ErrRecordNotFound)
	for _, kind := range kinds {
		for _, translate := range []bool{true, false} {
			t.Run(fmt.Sprint(kind, " translating ", translate), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind)
				w.db.TranslateError, w.root.TranslateError = translate, translate
				e := w.env(t, settings[0])
				var d Document
				errs := map[string]error{
					"absent":             e.q().First(&d, "id = ?", "nothing").Error,
					"foreign":            e.q().First(&d, "id = ?", "bob-doc-1").Error,
					"a foreign parent":   e.q().Create(&Document{ID: "r1", FolderID: ptr("bob-folder-1")}).Error,
					"a missing parent":   e.q().Create(&Document{ID: "r1", FolderID: ptr("nothing")}).Error,
					"a dangling key":     w.root.Create(&Document{ID: "r2", TenantID: "acme", OwnerID: "alice", FolderID: ptr("nothing")}).Error,
					"a parent in use":    w.root.Delete(&Folder{ID: "bob-folder-1"}).Error,
					"another owner":      e.q().Create(&Document{ID: "r3", OwnerID: "bob"}).Error,
					"a moved row":        e.q().Model(&Document{ID: "alice-doc-1"}).Update("owner_id", "bob").Error,
					"no rows":            sql.ErrNoRows,
					"a wrapped absence":  fmt.Errorf("loading: %w", gorm.ErrRecordNotFound),
					"an id from outside": new(scope.ID).UnmarshalParam("x"),
				}
				if kind != "mariadb" {
					errs["Save of a foreign row"] = e.q().Save(&Document{ID: "bob-doc-1"}).Error
				}
				if kind == "postgres" {
					errs["a malformed uuid"] = w.root.Exec("SELECT 'x'::uuid").Error
					errs["a number too large"] = e.q().First(&Note{}, "id = ?", "99999999999999999999").Error
					errs["an id with a zero byte"] = e.q().First(&d, "id = ?", "a\x00b").Error
					errs["an id that is no UTF-8"] = e.q().First(&d, "id = ?", "a\xffb").Error
				}
				for what, err := range errs {
					got, c := answer(t, err)
					if err == nil || got.Code != http.StatusNotFound || got.Body.String() != want.Body.String() || !sameHeader(got.Header(), want.Header()) || len(c.Errors) > 0 {
						t.Errorf("%s (%v): %d %s %v", what, err, got.Code, got.Body, got.Header())
					}
				}
				duplicate := e.q().Create(&Note{Slug: "bob-note-1"}).Error
				got, _ := answer(t, duplicate)
				if got.Code != http.StatusConflict || strings.Contains(got.Body.String(), "slug") || strings.Contains(got.Body.String(), "bob") {
					t.Errorf("a duplicate (%v): %d %s", duplicate, got.Code, got.Body)
				}
				broken := e.q().Where("no_such_column = 1").Find(&d).Error
				if got, c := answer(t, broken); got.Code != http.StatusInternalServerError || len(c.Errors) != 1 || strings.Contains(got.Body.String(), "column") {
					t.Errorf("a broken statement (%v): %d %s", broken, got.Code, got.Body)
				}
			})
		}
	}
}

func TestEveryOtherAnswerIsConstant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
		errors int
	}{
		{nil, 200, 0},
		{scope.ErrNoPrincipal, 401, 0},
		{fmt.Errorf("x: %w", scope.ErrNoPrincipal), 401, 0},
		{gorm.ErrDuplicatedKey, 409, 0},
		{scope.ErrRaw, 500, 1},
		{scope.ErrUnprotected, 500, 1},
		{scope.ErrUnsupported, 500, 1},
		{errors.New("secret of bob"), 500, 1},
	} {
		w, c := answer(t, tc.err)
		if w.Code != tc.status || len(c.Errors) != tc.errors || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v: %d %s, %d errors", tc.err, w.Code, w.Body, len(c.Errors))
		}
		if tc.status == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Error("401 without a challenge")
		}
	}
}

func TestOneToleratesAnAnswerThatHasBegun(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	c.String(http.StatusOK, "begun")
	if scope.One(c, &gorm.DB{Error: gorm.ErrRecordNotFound}) || w.Body.String() != "begun" || !c.IsAborted() {
		t.Errorf("%s", w.Body)
	}
}
