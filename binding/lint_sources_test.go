package binding_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/binding"
)

type pathID struct {
	ID string `uri:"id" binding:"required"`
}

type pageOf struct {
	Q string `form:"q"`
}

type secretKind struct {
	Name string `json:"name"`
	Kind string `json:"-" binding:"oneof=a b"`
}

func TestCheckTellsOfANameThatIsADashInEverySource(t *testing.T) {
	t.Parallel()
	for tag, err := range map[string]error{
		`form:"-,"`: binding.Check[struct {
			A string `form:"-,"`
		}](),
		`uri:"-,"`: binding.Check[struct {
			A string `uri:"-,omitempty"`
		}](),
		`header:"-,"`: binding.Check[struct {
			A string `header:"-,"`
		}](),
	} {
		if err == nil || !strings.Contains(err.Error(), "A has the tag "+tag) {
			t.Errorf("%s: %v", tag, err)
		}
	}
	if err := binding.Check[struct {
		A string `form:"-" json:"a"`
	}](); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsRulesThatEveryRequestBreaks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"a path beside a query": {binding.Check[struct {
			ID string `uri:"id" binding:"required"`
			Q  string `form:"q"`
		}](), "ID can be set from no query or form, and its rule required refuses every one"},
		"an embedded one": {binding.Check[struct {
			pathID
			Q string `form:"q"`
		}](), "pathID.ID can be set from no query or form"},
		"a header beside a document": {binding.Check[struct {
			Key  string `header:"X-Key" binding:"min=3"`
			Name string `json:"name" binding:"required"`
		}](), "Key can be set from no JSON document, and its rule min"},
		"embedded ones": {binding.Check[struct {
			pathID
			pageOf
		}](), "pathID.ID can be set from no query or form"},
		"two fields of several sources": {binding.Check[struct {
			ID string `uri:"id" binding:"required"`
			Q  string `form:"q" binding:"required"`
			H  string `header:"h"`
		}](), "Q can be set from no path"},
		"an excluded field": {binding.Check[secretKind](), "secretKind.Kind can be set from no JSON document, and its rule oneof"},
		"one of an element": {binding.Check[[]*secretKind](), "secretKind.Kind can be set from no JSON document"},
		"one that is for reading": {binding.Check[struct {
			ID   int    `json:"id" strict:"readonly" binding:"required"`
			Name string `json:"name"`
		}](), "ID can be set from no JSON document"},

		"a path beside a document": {binding.Check[struct {
			ID   string `json:"-" uri:"id"`
			Name string `json:"name" binding:"required"`
		}](), ""},
		"a query beside a document": {binding.Check[struct {
			In struct {
				Name string `json:"name" binding:"required"`
			} `json:"in"`
			Q string `form:"q"`
		}](), ""},
		"one source":    {binding.Check[pathID](), ""},
		"one, embedded": {binding.Check[struct{ pathID }](), ""},
		"an optional field": {binding.Check[struct {
			ID string `uri:"id" binding:"omitempty,min=3"`
			Q  string `form:"q" binding:"max=9"`
		}](), ""},
		"a rule the application keeps for itself": {binding.Check[struct {
			Name string `json:"name" binding:"required"`
			Kind string `json:"-" binding:"max=3"`
		}](), ""},
		"a rule that asks for one of two": {binding.Check[struct {
			ID   string `uri:"id" binding:"required_without=Name"`
			Name string `json:"name"`
		}](), ""},
		"a pointer that may be nil": {binding.Check[struct {
			In *secretKind `json:"-"`
			Q  string      `form:"q" binding:"required"`
		}](), ""},
		"one name for an embedded struct": {binding.Check[struct {
			In struct {
				Name string `json:"name" binding:"required"`
			} `json:"in" binding:"required"`
		}](), ""},
		"members without a name of their own": {binding.Check[struct {
			Name string `json:",omitempty" binding:"required"`
		}](), ""},
	} {
		switch {
		case tc.want == "" && tc.err != nil:
			t.Errorf("%s: %v", name, tc.err)
		case tc.want != "" && (tc.err == nil || !strings.Contains(tc.err.Error(), tc.want)):
			t.Errorf("%s: %v, want %s", name, tc.err, tc.want)
		}
	}
}
