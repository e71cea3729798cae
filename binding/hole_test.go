package binding_test

import (
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

type holed struct {
	Name string `json:"name"`
}

type holes struct {
	Lists []*holed           `json:"lists" binding:"unique=Name"`
	Dived []*holed           `json:"dived" binding:"unique=Name,dive"`
	Words []*string          `json:"words" binding:"max=9,unique"`
	Fixed [2]*int            `json:"fixed" binding:"unique"`
	Deep  [][]*int           `json:"deep" binding:"dive,unique"`
	Map   map[string]*int    `json:"map" binding:"unique"`
	Keyed map[string][]*int  `json:"keyed" binding:"dive,keys,max=5,endkeys,unique"`
	Free  []*holed           `json:"free"`
	Under map[string]*holes2 `json:"under" binding:"dive"`
}

type holes2 struct {
	List []*holed `json:"list" binding:"unique=Name"`
}

// Null is a value of a pointer, and the validator's unique panics at it.
func TestNullAmongElementsThatMustDifferIsTheClientsFault(t *testing.T) {
	t.Parallel()
	const null = "400, null_not_allowed "
	fixed := `"fixed":[1,2]`
	rows := map[string]string{
		`{"lists":[{"name":"a"},null],` + fixed + `}`:               null + "#/lists/1",
		`{"lists":[null],` + fixed + `}`:                            null + "#/lists/0",
		`{"dived":[{"name":"a"},null],` + fixed + `}`:               null + "#/dived/1",
		`{"words":[null,"a"],` + fixed + `}`:                        null + "#/words/0",
		`{"fixed":[1,null]}`:                                        null + "#/fixed/1",
		`{"deep":[[1],[2,null]],` + fixed + `}`:                     null + "#/deep/1/1",
		`{"map":{"a/b":null},` + fixed + `}`:                        null + "#/map/a~1b",
		`{"keyed":{"a":[1],"b":[null]},` + fixed + `}`:              null + "#/keyed/b/0",
		`{"under":{"x":{"list":[null]}},` + fixed + `}`:             null + "#/under/x/list/0",
		`{"free":[null,null],"lists":[{"name":"a"}],` + fixed + `}`: `{"lists":[{"name":"a"}],"dived":null,"words":null,"fixed":[1,2],"deep":null,"map":null,"keyed":null,"free":[null,null],"under":null}`,
		`{"lists":[{"name":"a"},{"name":"a"}],` + fixed + `}`:       "400, rule.unique #/lists",
		`{"keyed":{"long name":[1]},` + fixed + `}`:                 "400, rule.max #/keyed/long%20name",
	}
	answers(t, bindAs[holes](), rows)
	answers(t, bindAs[holes](binding.Options{AllowNull: true}), map[string]string{`{"lists":[null],` + fixed + `}`: null + "#/lists/0"})
	answers(t, bindAs[holes](binding.Options{ValidationStatus: 422}), map[string]string{`{"lists":[null],` + fixed + `}`: null + "#/lists/0"})
	answers(t, bindAs[[]holes2](), map[string]string{`[{},{"list":[null]}]`: null + "#/1/list/0"})
	answers(t, bindAs[map[string][]holes2](), map[string]string{`{"a":[{"list":[null]}]}`: null + "#/a/0/list/0"})
	patch := func(c *gin.Context) { _, _, err := binding.Patch[holes](c); answer(c, err) }
	answers(t, patch, map[string]string{`{"lists":[null]}`: null + "#/lists/0"})
	if err := binding.Check[holes](); err != nil {
		t.Error(err)
	}
}

type hiddenMap map[string]int

type embedsHidden struct{ hiddenMap }

func (e *embedsHidden) UnmarshalText([]byte) error {
	e.hiddenMap = hiddenMap{"a": 1}
	return nil
}

// What a type keeps to itself is not looked at: reflection panics there.
func TestNullIsFoundBesideEmbeddedFieldsNobodyMayRead(t *testing.T) {
	t.Parallel()
	type target struct {
		O embedsHidden `json:"o"`
		L []*int       `json:"l" binding:"unique"`
	}
	answers(t, bindAs[target](), map[string]string{`{"o":"x","l":[null]}`: "400, null_not_allowed #/l/0"})
}
