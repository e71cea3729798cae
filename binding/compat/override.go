//go:build !nomsgpack

package compat

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/binding"
)

// Override makes every ShouldBindJSON, BindJSON and ShouldBind of the process
// strict, in all engines. Under it bodies in XML, YAML, TOML, MessagePack,
// Protocol Buffers, BSON and plain text are refused with 415, and so is a body of
// an unknown type, which gin would have read as a form. Forms, queries, headers
// and paths keep gin's rules. ShouldBindBodyWithJSON is strict about the document
// only: see [Strict].
//
// It writes gin's package variables: call it once, before any server starts, and
// call restore (in tests) only when none runs. A gin built with the tag nomsgpack
// does not let its variables be replaced; there is no Override then.
func Override(opts binding.Options) (restore func()) {
	json, form := gb.JSON, gb.Form
	xml, yaml, toml, plain := gb.XML, gb.YAML, gb.TOML, gb.Plain
	protobuf, msgpack, bson := gb.ProtoBuf, gb.MsgPack, gb.BSON

	yes := newStrict(opts)
	no := refused{yes}
	gb.JSON, gb.Form = yes, formOnly{form, no}
	gb.XML, gb.YAML, gb.TOML, gb.Plain = no, no, no, no
	gb.ProtoBuf, gb.MsgPack, gb.BSON = no, no, no
	return func() {
		gb.JSON, gb.Form = json, form
		gb.XML, gb.YAML, gb.TOML, gb.Plain = xml, yaml, toml, plain
		gb.ProtoBuf, gb.MsgPack, gb.BSON = protobuf, msgpack, bson
	}
}

// refused answers for the formats that are off.
type refused struct{ strict }

// BindBody refuses a cached body of a format that is off.
func (refused) BindBody([]byte, any) error { return unsupported() }

// Bind refuses a body of a format that is off.
func (refused) Bind(*http.Request, any) error { return unsupported() }

func unsupported() error {
	return &binding.Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type"}
}

// formOnly is gin's form binding for requests that have a form or no body.
type formOnly struct {
	gb.Binding
	no refused
}

// Bind reads a form by gin's rules. Without a body that is the URL's query, as for
// a DELETE.
func (f formOnly) Bind(r *http.Request, out any) error {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case gin.MIMEPOSTForm, gin.MIMEMultipartPOSTForm:
		return f.Binding.Bind(r, out)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Body == nil || r.Body == http.NoBody {
		return f.Binding.Bind(r, out)
	}
	return f.no.Bind(r, out)
}
