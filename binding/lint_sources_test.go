package binding_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

type pathID struct {
	ID string `uri:"id" binding:"required"`
}

type tenantPath struct {
	Tenant string `uri:"tenant"`
}

type tenantSearch struct {
	tenantPath
	Q string `form:"q" binding:"required"`
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
		"embedded ones": {binding.Check[struct {
			pathID
			pageOf
		}](), "pathID.ID can be set from no query or form"},
		"two fields of several sources": {binding.Check[struct {
			ID string `uri:"id" binding:"required"`
			Q  string `form:"q" binding:"required"`
			H  string `header:"h"`
		}](), "ID can be set from no query or form"},
		"two fields, one of a path and one of a header": {binding.Check[struct {
			ID    string `uri:"id" binding:"required"`
			Trace string `header:"X-Trace" binding:"min=3"`
		}](), "Trace can be set from no path, and its rule min"},

		"what queries have in common": {binding.Check[tenantSearch](), ""},
		"a header beside a query": {binding.Check[struct {
			Trace string `header:"X-Trace"`
			Q     string `form:"q" binding:"required"`
		}](), ""},
		"a path beside a header": {binding.Check[struct {
			tenantPath
			Trace string `header:"X-Trace" binding:"required"`
		}](), ""},
		"a header beside a path": {binding.Check[struct {
			pathID
			Trace string `header:"X-Trace"`
		}](), ""},
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

type headerBeside struct {
	Key  string `header:"X-Key" binding:"min=3"`
	Name string `json:"name" binding:"required"`
}

type pathBeside struct {
	ID   string  `uri:"id" binding:"required"`
	Name *string `json:"name"`
}

type readOnlyID struct {
	ID   int     `json:"id" strict:"readonly" binding:"required"`
	Name *string `json:"name"`
}

// registered tells why a handler of a T cannot be.
func registered[T any]() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	binding.Handle(func(*gin.Context, T) {})
	return nil
}

// A patch judges what it has, and a program may decode over what it filled in; a
// handler's document begins with nothing.
func TestOnlyHandleKnowsThatEveryDocumentBreaksARule(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		check, handle error
		want          string
	}{
		"a header beside a document": {binding.Check[headerBeside](), registered[headerBeside](), "headerBeside.Key can be set from no JSON document, and its rule min"},
		"a path beside a document":   {binding.Check[pathBeside](), registered[pathBeside](), "pathBeside.ID can be set from no JSON document, and its rule required"},
		"an excluded field":          {binding.Check[secretKind](), registered[secretKind](), "secretKind.Kind can be set from no JSON document, and its rule oneof"},
		"one of an element":          {binding.Check[[]*secretKind](), registered[[]*secretKind](), "secretKind.Kind can be set from no JSON document"},
		"one that is for reading":    {binding.Check[readOnlyID](), registered[readOnlyID](), "readOnlyID.ID can be set from no JSON document"},
	} {
		if tc.check != nil {
			t.Errorf("%s: Check: %v", name, tc.check)
		}
		if tc.handle == nil || !strings.Contains(tc.handle.Error(), tc.want) {
			t.Errorf("%s: Handle: %v, want %s", name, tc.handle, tc.want)
		}
	}
	answers(t, func(c *gin.Context) { _, _, err := binding.Patch[readOnlyID](c); answer(c, err) }, map[string]string{`{"name":"a"}`: "ok"})
	in := secretKind{Kind: "a"}
	if err := (binding.Options{}).Decode([]byte(`{"name":"n"}`), &in); err != nil || in.Name != "n" {
		t.Error(err, in)
	}
	if err := registered[struct {
		ID   string `json:"-" uri:"id"`
		Q    string `form:"q" binding:"omitempty,min=3"`
		Name string `json:"name" binding:"required"`
	}](); err != nil {
		t.Error(err)
	}
}
