package binding

import (
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
)

// Defaults sets the options for everything behind it: an engine, a group or a
// route. The nearest wins, field by field. It panics when an option is out of
// range, so that a mistake shows at start.
func Defaults(opts Options) gin.HandlerFunc {
	if err := opts.fault(); err != nil {
		panic("binding: Defaults: " + err.Error())
	}
	opts = own(opts)[0]
	fresh := builtin.with(opts)
	return func(c *gin.Context) {
		if probe.Met(c, control) {
			return
		}
		outer, _ := reqctx.Get(c, settingsKey{}).(*settings)
		s := fresh
		if outer != nil {
			s = outer.with(opts)
		}
		reqctx.Put(c, settingsKey{}, s)
	}
}

// Handle makes a handler of a function that takes its input as a T read by
// [JSON]. A request that does not hold a T is refused with [Abort] and the
// function is not called. Handle panics when [Check] finds a mistake in T, or a field
// that its own rule wants set and no document can set: a bad type fails when the route
// is registered, not when a request comes.
func Handle[T any](h func(*gin.Context, T), opts ...Options) gin.HandlerFunc {
	if err := check(reflect.TypeFor[T](), opts, true); err != nil {
		panic("binding: Handle: " + err.Error())
	}
	if root := plans.Of(reflect.TypeFor[T]()).Root; root.Kind == plan.Struct && len(root.List) > 0 && !root.Reachable() {
		panic((&TypeError{Type: root.Type, Reason: "names no member of a JSON document: use Query, Form, URI, Header or Multipart"}).Error())
	}
	opts = own(opts...)
	alone := builtin.withAll(opts) // without Defaults in front there is nothing to merge
	return func(c *gin.Context) {
		if probe.Met(c, control) {
			return
		}
		s := ambient(c, nil)
		if s == nil {
			s = alone
		} else {
			s = s.withAll(opts)
		}
		in, err := readJSON[T](c, s)
		if err != nil {
			Abort(c, err)
			return
		}
		h(c, in)
	}
}
