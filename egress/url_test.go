package egress_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/egress"
)

type hook struct {
	URL  egress.URL `json:"url"`
	Back egress.URL `json:"back,omitzero"`
}

func TestURLsInJSONAreJudged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"url":"https://Example.com./a"}`:       "https://example.com/a",
		`{"url":"http://127.0.0.1/"}`:            "",
		`{"url":"https://example.com:22/"}`:      "",
		`{"url":""}`:                             "",
		`{"url":"https://u:secret@example.com"}`: "",
		`{"url":"secret nonsense"}`:              "",
		`{"url":7}`:                              "",
	} {
		var std hook
		err := json.Unmarshal([]byte(text), &std)
		if (err == nil) != (want != "") || std.URL.String() != want {
			t.Errorf("%s: %q, %v", text, std.URL, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the input: %v", err)
		}
	}
	var absent hook
	if err := json.Unmarshal([]byte(`{}`), &absent); err != nil || !absent.URL.IsZero() {
		t.Error("an absent URL is not empty")
	}
	var set hook
	if err := set.URL.UnmarshalText([]byte("https://example.com/?a=<b>")); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil || string(text) != `{"url":"https://example.com/?a=\u003cb\u003e"}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestURLsInGinsFormsAreJudged(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", func(c *gin.Context) {
		var in struct {
			URL egress.URL `form:"url"`
		}
		if err := c.ShouldBindQuery(&in); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.String(http.StatusOK, in.URL.String())
	})
	for query, want := range map[string]string{
		"?url=https://EXAMPLE.com/": "200 https://example.com/", "?url=http://2130706433/": "400 ", "?url=http://localhost/": "400 ", "": "200 ",
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+query, http.NoBody))
		if got := fmt.Sprint(w.Code, " ", w.Body.String()); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}

func TestURLsAreStored(t *testing.T) {
	t.Parallel()
	db, err := gorm.Open(sqlite.Open("file:"+t.Name()+"?mode=memory"), &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	type webhook struct {
		ID  uint
		URL egress.URL
	}
	if err := db.AutoMigrate(&webhook{}); err != nil {
		t.Fatal(err)
	}
	var u egress.URL
	if err := u.UnmarshalText([]byte("https://hooks.example.com/a")); err != nil {
		t.Fatal(err)
	}
	if err := db.Create([]webhook{{ID: 1, URL: u}, {ID: 2}}).Error; err != nil {
		t.Fatal(err)
	}
	var got []webhook
	if err := db.Order("id").Find(&got).Error; err != nil || len(got) != 2 || got[0].URL != u || !got[1].URL.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if err := db.Where("url = ?", u).First(&webhook{}).Error; err != nil {
		t.Error(err)
	}
	for _, stored := range []any{7, "a b", "http://[::1", []byte("\x00")} {
		if err := u.Scan(stored); !errors.Is(err, egress.ErrBlocked) {
			t.Errorf("%v: %v", stored, err)
		}
	}
	if err := u.Scan([]byte("http://10.0.0.1/")); err != nil || u.String() != "http://10.0.0.1/" {
		t.Errorf("a stored URL is the policy's business when it is used: %v", err)
	}
}

// Escaping makes a URL longer. One row that Scan refuses would make every listing fail.
func TestWhatIsAcceptedCanBeStoredAndReadAgain(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	for _, n := range []int{1, 1361, 1362, 3000} {
		raw := "http://a.example/" + strings.Repeat("é", n)
		var u, stored egress.URL
		err := u.UnmarshalText([]byte(raw))
		if parsed, other := client.Parse(raw); parsed != u || (other == nil) != (err == nil) || client.Valid(raw) != (err == nil) {
			t.Errorf("%d: %v and %v", n, err, other)
		}
		if (err == nil) != (17+6*n <= 8192) || err != nil && failure(t, err).Rule != "length" {
			t.Errorf("%d: %v", n, err)
		}
		value, _ := u.Value()
		if err := stored.Scan(value); err != nil || stored != u {
			t.Errorf("%d is accepted, and cannot be read again: %v", n, err)
		}
	}
}
