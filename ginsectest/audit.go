// Package ginsectest helps an application test that its routes are guarded.
package ginsectest

import (
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/probe"
)

// Route is a registered route and the controls in front of its handler, in their
// order: "ginsec", "ratelimit", "auth", "replay"; "auth.optional" where requests
// without a token pass as nobody, and "public" where the suite lets them pass by
// configuration. What an application registered for requests without a route has
// method "*" and path "NoRoute" or "NoMethod".
type Route struct {
	Method, Path string
	Controls     []string
}

// Audit lists every route of engine with the controls in front of it, ordered by
// path and method. Every handler of a route but its last one is taken for a
// middleware and called on its own, with a request that the controls recognise and
// only write down. The last one is never called.
func Audit(tb testing.TB, engine *gin.Engine) []Route {
	tb.Helper()
	chains := chainsOf(tb, engine)
	routes := make([]Route, 0, len(chains))
	for _, info := range engine.Routes() {
		chain, ok := chains[info.Method+" "+info.Path]
		if !ok {
			tb.Fatalf("ginsectest: this version of gin keeps its routes elsewhere: %s %s not found", info.Method, info.Path)
		}
		routes = append(routes, Route{info.Method, info.Path, controls(engine, info.Method, info.Path, chain)})
	}
	for name, field := range map[string]string{"NoRoute": "noRoute", "NoMethod": "noMethod"} {
		if own := handlers(tb, engine, field); len(own) > 0 {
			routes = append(routes, Route{"*", name, controls(engine, "", "", handlers(tb, engine, "all"+name))})
		}
	}
	slices.SortFunc(routes, func(a, b Route) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return routes
}

// RequireGuarded fails the test for every route that neither demands a token nor
// is declared public in the suite's configuration; what is registered for requests
// without a route counts as one. Routes in except, written as "GET /metrics", may
// be open; one that does not exist fails the test too.
func RequireGuarded(tb testing.TB, engine *gin.Engine, except ...string) {
	tb.Helper()
	unused := slices.Clone(except)
	for _, r := range Audit(tb, engine) {
		name := r.Method + " " + r.Path
		if slices.Contains(except, name) {
			unused = slices.DeleteFunc(unused, func(s string) bool { return s == name })
			continue
		}
		if !slices.Contains(r.Controls, "auth") && !slices.Contains(r.Controls, "public") {
			tb.Errorf("%s is not guarded: controls in front of it: %v", name, r.Controls)
		}
	}
	for _, name := range unused {
		tb.Errorf("%s is excepted, but there is no such route", name)
	}
}

// controls runs each handler in front of the last one on a probe of its own.
func controls(engine *gin.Engine, method, path string, chain gin.HandlersChain) []string {
	var names []string
	for _, h := range chain[:len(chain)-1] {
		c := gin.CreateTestContextOnly(httptest.NewRecorder(), engine)
		record := probe.Attach(c, method, path)
		setFullPath(c, path)
		run(h, c)
		names = append(names, record.Names()...)
	}
	return names
}

// run calls one middleware; one that cannot stand an empty request is no control.
func run(h gin.HandlerFunc, c *gin.Context) {
	defer func() { _ = recover() }()
	h(c)
}

// gin does not tell which handlers a route has, only the last one's name, and
// running the chain would run the handler: read the tree it keeps.
func chainsOf(tb testing.TB, engine *gin.Engine) map[string]gin.HandlersChain {
	tb.Helper()
	chains := map[string]gin.HandlersChain{}
	trees := reflect.ValueOf(engine).Elem().FieldByName("trees")
	if !trees.IsValid() || trees.Kind() != reflect.Slice {
		tb.Fatal("ginsectest: this version of gin keeps its routes elsewhere")
	}
	for i := range trees.Len() {
		tree := trees.Index(i)
		collect(tree.FieldByName("root"), tree.FieldByName("method").String(), chains)
	}
	return chains
}

func collect(node reflect.Value, method string, chains map[string]gin.HandlersChain) {
	if node.IsNil() {
		return
	}
	node = node.Elem()
	if chain := node.FieldByName("handlers"); chain.Len() > 0 {
		chains[method+" "+node.FieldByName("fullPath").String()] = read(chain)
	}
	children := node.FieldByName("children")
	for i := range children.Len() {
		collect(children.Index(i), method, chains)
	}
}

func handlers(tb testing.TB, engine *gin.Engine, field string) gin.HandlersChain {
	tb.Helper()
	chain := reflect.ValueOf(engine).Elem().FieldByName(field)
	if !chain.IsValid() {
		tb.Fatalf("ginsectest: this version of gin has no %s", field)
	}
	return read(chain)
}

func read(chain reflect.Value) gin.HandlersChain {
	return *(*gin.HandlersChain)(unsafe.Pointer(chain.UnsafeAddr())) // read only; see chainsOf
}

// setFullPath gives a test context the route it stands for, as the router would.
func setFullPath(c *gin.Context, path string) {
	field := reflect.ValueOf(c).Elem().FieldByName("fullPath")
	*(*string)(unsafe.Pointer(field.UnsafeAddr())) = path // the context is ours; see chainsOf
}
