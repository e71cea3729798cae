package binding

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/binding/internal/scan"
	"github.com/ginsec/ginsec/internal/reqctx"
)

// Options are the limits and switches of a call, a group or an engine. The zero
// value is the strict default. What a call leaves at its zero value comes from
// the nearest [Defaults], and what that leaves at zero from the built-in values
// below. A switch that an outer level turned on stays on.
type Options struct {
	_ [0]func()

	// MaxBytes is the size of a body in bytes, white space and anything after the
	// value included. Default 1 MiB; this and the other sizes are at most 1 TiB.
	MaxBytes int64
	// MaxDepth is how deep arrays and objects may nest; the outermost is level 1.
	// Default 32, at most 1000.
	MaxDepth int
	// MaxValues is how many values a document may hold, at any level. Default 10 000.
	MaxValues int
	// MaxIssues is how many faults an [Error] lists. Default 32. A response lists as
	// many of them as fit into 16 kB, and says how many do not.
	MaxIssues int
	// MaxNumberLen is the length of a number's literal, of one within a string (the
	// json option string) too. Default 64.
	MaxNumberLen int
	// MaxStringLen is the length in bytes of a string or a name as it is written,
	// escapes included. Default: as long as the body.
	MaxStringLen int
	// MaxParams is how many parameters a query or a form may have. Default 100.
	MaxParams int
	// MaxParts is how many parts a multipart body may have. Default 100.
	MaxParts int
	// MaxFileBytes is the size of one file of a multipart body. Default 8 MiB; the
	// tag of a field may set less or more.
	MaxFileBytes int64
	// MaxUploadBytes is the size of a whole multipart body, which is held in
	// memory. Default 16 MiB.
	MaxUploadBytes int64

	// AllowUnknown lets members and parameters pass that the target does not name.
	// They are ignored, but count for MaxDepth and MaxValues. The Go name of a field
	// without a json tag stays refused.
	AllowUnknown bool
	// AllowNull lets null stand for the zero value everywhere, except that no patch
	// removes a required member with it.
	AllowNull bool
	// RequireAll requires every member, except those tagged omitempty, omitzero,
	// strict:"optional" or strict:"readonly".
	RequireAll bool
	// ExactNumbers refuses numbers below any that a float64 cannot hold exactly.
	ExactNumbers bool
	// AllowModels lets [Check] and [Handle] accept database models as targets.
	AllowModels bool

	// MediaTypes are further media types accepted as JSON, in lower case.
	MediaTypes []string
	// ReadTimeout is how long reading a body may take. Default 30 s; a negative
	// value leaves the matter to the server's own timeouts.
	ReadTimeout time.Duration
	// ValidationStatus is the status when a document is well formed and only rules
	// of the binding tag fail: 400 (the default) or 422.
	ValidationStatus int
	// Validator judges the values of a well-formed target. Default: gin's own
	// binding.Validator, with the rules registered there.
	Validator gb.StructValidator
	// TypeBase, when set, makes the problem's type TypeBase + code, a URI.
	TypeBase string
	// Detail returns a text for people about one issue, in the language of the
	// request; it becomes the issue's detail in the response. Default: none.
	Detail func(*gin.Context, Issue) string
	// Audit receives one event for every decision about a gin request. Decode,
	// DecodeRequest and what package compat makes of them know no route and send
	// none. Default: none.
	Audit audit.Sink
}

// settings are options with every gap filled. They are never modified.
type settings struct {
	Options
	limits scan.Limits
	err    error
}

var builtin = fill(Options{
	MaxBytes: 1 << 20, MaxDepth: 32, MaxValues: 10_000, MaxIssues: 32, MaxNumberLen: 64,
	MaxStringLen: int(^uint(0) >> 1), MaxParams: 100, MaxParts: 100, MaxFileBytes: 8 << 20, MaxUploadBytes: 16 << 20,
	ReadTimeout: 30 * time.Second, ValidationStatus: 400,
})

func fill(o Options) *settings {
	return &settings{Options: o, err: o.fault(), limits: scan.Limits{
		Depth: o.MaxDepth, Values: o.MaxValues, NumberLen: o.MaxNumberLen, StringLen: o.MaxStringLen,
		Unknown: o.AllowUnknown, Null: o.AllowNull, RequireAll: o.RequireAll, Exact: o.ExactNumbers,
	}}
}

const (
	deepest = 1000
	// most is above any size that is meant, and far from where sums wrap.
	most = 1 << 40
)

// fault returns every mistake in o.
func (o *Options) fault() error {
	var errs []error
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"MaxBytes", o.MaxBytes},
		{"MaxDepth", int64(o.MaxDepth)},
		{"MaxValues", int64(o.MaxValues)},
		{"MaxIssues", int64(o.MaxIssues)},
		{"MaxNumberLen", int64(o.MaxNumberLen)},
		{"MaxStringLen", int64(o.MaxStringLen)},
		{"MaxParams", int64(o.MaxParams)},
		{"MaxParts", int64(o.MaxParts)},
		{"MaxFileBytes", o.MaxFileBytes},
		{"MaxUploadBytes", o.MaxUploadBytes},
	} {
		if limit.value < 0 {
			errs = append(errs, &TypeError{Field: "Options." + limit.name, Reason: "is negative"})
		}
	}
	for _, size := range []struct {
		name  string
		value int64
	}{
		{"MaxBytes", o.MaxBytes},
		{"MaxFileBytes", o.MaxFileBytes},
		{"MaxUploadBytes", o.MaxUploadBytes},
	} {
		if size.value > most {
			errs = append(errs, &TypeError{Field: "Options." + size.name, Reason: "is above 1 TiB"})
		}
	}
	if o.MaxDepth > deepest {
		errs = append(errs, &TypeError{Field: "Options.MaxDepth", Reason: fmt.Sprintf("is above %d", deepest)})
	}
	if s := o.ValidationStatus; s != 0 && s != 400 && s != 422 {
		errs = append(errs, &TypeError{Field: "Options.ValidationStatus", Reason: "is neither 400 nor 422"})
	}
	return errors.Join(errs...)
}

// own returns options that what the caller does later does not change.
func own(opts ...Options) []Options {
	opts = slices.Clone(opts)
	for i := range opts {
		opts[i].MediaTypes = slices.Clone(opts[i].MediaTypes)
	}
	return opts
}

// with returns s with what o sets.
func (s *settings) with(o Options) *settings {
	m := s.Options
	m.MaxDepth = cmp.Or(o.MaxDepth, m.MaxDepth)
	m.MaxValues = cmp.Or(o.MaxValues, m.MaxValues)
	m.MaxIssues = cmp.Or(o.MaxIssues, m.MaxIssues)
	m.MaxNumberLen = cmp.Or(o.MaxNumberLen, m.MaxNumberLen)
	m.MaxStringLen = cmp.Or(o.MaxStringLen, m.MaxStringLen)
	m.MaxParams = cmp.Or(o.MaxParams, m.MaxParams)
	m.MaxParts = cmp.Or(o.MaxParts, m.MaxParts)
	m.ValidationStatus = cmp.Or(o.ValidationStatus, m.ValidationStatus)
	m.MaxBytes = cmp.Or(o.MaxBytes, m.MaxBytes)
	m.MaxFileBytes = cmp.Or(o.MaxFileBytes, m.MaxFileBytes)
	m.MaxUploadBytes = cmp.Or(o.MaxUploadBytes, m.MaxUploadBytes)
	m.ReadTimeout = cmp.Or(o.ReadTimeout, m.ReadTimeout)
	m.AllowUnknown = m.AllowUnknown || o.AllowUnknown
	m.AllowNull = m.AllowNull || o.AllowNull
	m.RequireAll = m.RequireAll || o.RequireAll
	m.ExactNumbers = m.ExactNumbers || o.ExactNumbers
	m.AllowModels = m.AllowModels || o.AllowModels
	if o.MediaTypes != nil {
		m.MediaTypes = slices.Clone(o.MediaTypes)
	}
	if o.Validator != nil {
		m.Validator = o.Validator
	}
	m.TypeBase = cmp.Or(o.TypeBase, m.TypeBase)
	if o.Detail != nil {
		m.Detail = o.Detail
	}
	if o.Audit != nil {
		m.Audit = o.Audit
	}
	return fill(m)
}

type settingsKey struct{}

// settle returns the settings of one call on one request.
func settle(c *gin.Context, opts []Options) *settings { return ambient(c, builtin).withAll(opts) }

// ambient returns the settings of the nearest Defaults, or others.
func ambient(c *gin.Context, otherwise *settings) *settings {
	if s, ok := reqctx.Get(c, settingsKey{}).(*settings); ok {
		return s
	}
	return otherwise
}

func (s *settings) withAll(opts []Options) *settings {
	for _, o := range opts {
		s = s.with(o)
	}
	return s
}
