package binding_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

// The public JSON parsing test suite: y_ must be accepted, n_ refused, i_ is free.
func TestJSONTestSuite(t *testing.T) {
	t.Parallel()
	dir := testserver.SharedData(t, "jsontestsuite")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) < 300 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var refused, free []string
	counts := map[string]int{}
	for _, path := range files {
		name := filepath.Base(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w := send(func(c *gin.Context) {
			// One valid file holds a number of 81 characters, above the default limit.
			if _, err := binding.JSON[any](c, binding.Options{MaxNumberLen: 100}); err != nil {
				binding.Abort(c, err)
			}
		}, post(string(data)))
		ok := w.Code == 200
		counts[name[:2]]++
		switch {
		case name[0] == 'y' && !ok:
			refused = append(refused, name)
		case name[0] == 'n' && ok:
			t.Errorf("%s is accepted", name)
		case name[0] == 'i' && ok:
			free = append(free, name)
		}
	}
	// RFC 8259 section 4 leaves duplicate names to the reader; we refuse them.
	if want := []string{"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}; !slices.Equal(refused, want) {
		t.Errorf("refused although valid: %v", refused)
	}
	for _, name := range free {
		if !strings.HasPrefix(name, "i_number_") {
			t.Errorf("%s is accepted", name)
		}
	}
	t.Logf("%v; %d of i_ accepted: %v", counts, len(free), free)
}
