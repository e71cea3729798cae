package scope_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/scope"
)

func TestNewIDIsAVersion7UUIDInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		var ids []string
		for range 200 {
			id := scope.NewID()
			if s := id.String(); s[14] != '7' || !strings.ContainsRune("89ab", rune(s[19])) {
				t.Fatalf("%s is no UUIDv7", s)
			}
			ids = append(ids, id.String())
			time.Sleep(time.Microsecond) // the bubble's clock
		}
		if !slices.IsSorted(ids) {
			t.Error("ids are not in the order they were made")
		}
	})
	seen := map[scope.ID]bool{}
	for range 10000 {
		seen[scope.NewID()] = true
		seen[scope.ID{}.Random()] = true
	}
	if len(seen) != 20000 {
		t.Errorf("%d of 20000 ids are different", len(seen))
	}
	if s := (scope.ID{}).Random().String(); s[14] != '4' {
		t.Errorf("%s is no UUIDv4", s)
	}
}

func TestAnIDHasOneSpelling(t *testing.T) {
	t.Parallel()
	const good = "0197a6b2-0f3c-7abc-8def-0123456789ab"
	var id scope.ID
	if err := id.UnmarshalText([]byte(good)); err != nil || id.String() != good {
		t.Fatalf("%v %s", err, id)
	}
	for _, bad := range []string{
		"", "x", good[:35], good + "0", strings.ToUpper(good), "{" + good + "}", "urn:uuid:" + good, strings.ReplaceAll(good, "-", ""),
		"0197a6b2_0f3c-7abc-8def-0123456789ab", "0197a6b2-0f3c-7abc-8def-0123456789aG", " " + good[1:], "00000000-0000-0000-0000-000000000000",
		"0197a6b20-f3c-7abc-8def-0123456789ab", good[:34] + "é",
	} {
		if err := new(scope.ID).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q parses", bad)
		}
		if err := new(scope.ID).Scan(bad); err == nil {
			t.Errorf("%q scans", bad)
		}
		if err := new(scope.ID).UnmarshalParam(bad); err == nil {
			t.Errorf("%q binds", bad)
		}
	}
	text, err := json.Marshal(struct{ ID scope.ID }{id})
	if err != nil || string(text) != `{"ID":"`+good+`"}` {
		t.Errorf("%s %v", text, err)
	}
	if v, err := (scope.ID{}).Value(); v != nil || err != nil {
		t.Errorf("the zero ID is %v in the database, not NULL", v)
	}
	var scanned scope.ID
	for _, src := range []any{good, []byte(good), id[:], [16]byte(id)} {
		if err := scanned.Scan(src); err != nil || scanned != id {
			t.Errorf("%T: %v %v", src, scanned, err)
		}
	}
	if err := scanned.Scan(nil); err != nil || !scanned.IsZero() {
		t.Errorf("NULL: %v %v", scanned, err)
	}
	if err := scanned.Scan(7); err == nil {
		t.Error("a number scans")
	}
}

func TestAULIDHasOneSpelling(t *testing.T) {
	t.Parallel()
	// The example of the specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV.
	const good = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	var u scope.ULID
	if err := u.UnmarshalText([]byte(good)); err != nil || u.String() != good {
		t.Fatalf("%v %s", err, u)
	}
	for _, bad := range []string{
		"", good[:25], good + "0", strings.ToLower(good), "8" + good[1:], "Z" + good[1:], "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FAL",
		"01ARZ3NDEKTSV4RRFFQ69G5FAO", "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01ARZ3NDEKTSV4RRFFQ69G5FA-", strings.Repeat("0", 26),
	} {
		if err := new(scope.ULID).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q parses", bad)
		}
		if err := new(scope.ULID).UnmarshalParam(bad); err == nil {
			t.Errorf("%q binds", bad)
		}
	}
	most := strings.Repeat("Z", 26)
	if err := u.UnmarshalText([]byte("7" + most[1:])); err != nil || u.ID().String() != "ffffffff-ffff-ffff-ffff-ffffffffffff" {
		t.Errorf("the largest: %v %v", err, u.ID())
	}
	id := scope.NewID()
	if id.ULID().ID() != id {
		t.Error("ID and ULID are not the same bits")
	}
	var scanned scope.ULID
	for _, src := range []any{id.ULID().String(), []byte(id.ULID().String()), id[:]} {
		if err := scanned.Scan(src); err != nil || scanned != id.ULID() {
			t.Errorf("%T: %v %v", src, scanned, err)
		}
	}
	if err := scanned.Scan(nil); err != nil || !scanned.IsZero() {
		t.Errorf("NULL: %v", err)
	}
	if err := scanned.Scan(1.5); err == nil {
		t.Error("a float scans")
	}
	if v, err := (scope.ULID{}).Value(); v != nil || err != nil {
		t.Errorf("the zero ULID is %v", v)
	}
}

type keyed struct {
	ID       scope.ID    `gorm:"primaryKey" uri:"id" form:"id" json:"id"`
	Other    scope.ULID  `uri:"other" form:"other" json:"other"`
	Parent   *scope.ID   `json:"parent"`
	TenantID string      `gorm:"size:36"`
	OwnerID  scope.ID    // an owner column that is no string
	Last     *scope.ULID `json:"last"`
}

func TestIDsTravelThroughGinJSONAndEveryDatabase(t *testing.T) {
	t.Parallel()
	id, other := scope.NewID(), scope.NewID().ULID()
	r := gin.New()
	var uri, query keyed
	r.GET("/:id/:other", func(c *gin.Context) {
		if err := c.ShouldBindUri(&uri); err != nil {
			t.Error(err)
		}
		if err := c.ShouldBindQuery(&query); err != nil {
			t.Error(err)
		}
	})
	path := id.String() + "/" + other.String()
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/"+path+"?id="+id.String()+"&other="+other.String(), nil))
	if uri.ID != id || uri.Other != other || query.ID != id || query.Other != other {
		t.Errorf("bound %+v and %+v", uri, query)
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t, kind, silent())
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&keyed{}}})); err != nil {
				t.Fatal(err)
			}
			if err := db.WithContext(scope.System(t.Context(), "create the table")).AutoMigrate(&keyed{}); err != nil {
				t.Fatal(err)
			}
			owner := scope.NewID()
			p := *alice
			p.Subject = owner.String()
			tx := db.WithContext(as(t.Context(), &p))
			row := keyed{ID: id, Other: other, Parent: &id}
			if err := tx.Create(&row).Error; err != nil || row.OwnerID != owner {
				t.Fatalf("%v %+v", err, row)
			}
			var got keyed
			if err := tx.First(&got, "id = ? AND other = ?", id, other).Error; err != nil || got.ID != id || got.Other != other || *got.Parent != id || got.Last != nil {
				t.Errorf("%v %+v", err, got)
			}
			if err := tx.First(&got, "id = ?", scope.ID{}).Error; err == nil {
				t.Error("the zero ID found a row")
			}
			// The same owner in another spelling is nobody.
			p2 := p
			p2.Subject = strings.ToUpper(owner.String())
			if err := db.WithContext(as(t.Context(), &p2)).Find(&[]keyed{}).Error; err == nil {
				t.Error("an upper-case spelling is accepted as owner")
			}
			if err := db.WithContext(as(t.Context(), alice)).Find(&[]keyed{}).Error; err == nil {
				t.Error("an owner that is no UUID is accepted")
			}
		})
	}
}

func FuzzID(f *testing.F) {
	for _, s := range []string{"0197a6b2-0f3c-7abc-8def-0123456789ab", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "{x}", strings.Repeat("0", 36)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var id scope.ID
		if id.UnmarshalText([]byte(s)) == nil && id.String() != s {
			t.Errorf("%q and %q are one ID", s, id)
		}
		var u scope.ULID
		if u.UnmarshalText([]byte(s)) == nil && u.String() != s {
			t.Errorf("%q and %q are one ULID", s, u)
		}
	})
}
