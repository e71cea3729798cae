// Package jsonv2 is the one door to the JSON library: auth and binding decode
// with the same strictness, and a move to the standard library's version 2 is a
// change of this file. Its defaults refuse duplicate names and invalid UTF-8 and
// match names exactly.
package jsonv2

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The library's types under the names the suite uses.
type (
	Options        = json.Options
	Decoder        = jsontext.Decoder
	Encoder        = jsontext.Encoder
	Token          = jsontext.Token
	Value          = jsontext.Value
	Kind           = jsontext.Kind
	Pointer        = jsontext.Pointer
	SyntacticError = jsontext.SyntacticError
	SemanticError  = json.SemanticError

	UnmarshalerFrom = json.UnmarshalerFrom
)

// AllowDuplicateNames makes a Decoder go on at a repeated member name.
func AllowDuplicateNames(on bool) Options { return jsontext.AllowDuplicateNames(on) }

// AppendQuote appends text as a JSON string.
func AppendQuote(dst, text []byte) ([]byte, error) { return jsontext.AppendQuote(dst, text) }

// AppendUnquote appends the text of a JSON string, quotes and escapes removed.
func AppendUnquote(dst, src []byte) ([]byte, error) { return jsontext.AppendUnquote(dst, src) }

// Join makes one option of several.
func Join(opts ...Options) Options { return json.JoinOptions(opts...) }

// Unmarshal decodes the one JSON value that data is.
func Unmarshal(data []byte, out any, opts ...Options) error {
	return json.Unmarshal(data, out, opts...)
}

// Marshal encodes v.
func Marshal(v any, opts ...Options) ([]byte, error) { return json.Marshal(v, opts...) }

// RejectUnknownMembers makes Unmarshal refuse members that the target does not name.
func RejectUnknownMembers(on bool) Options { return json.RejectUnknownMembers(on) }

// NewDecoder reads tokens from data without copying it.
func NewDecoder(data []byte, opts ...Options) *Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(data), opts...)
}

// NewReader reads tokens from r.
func NewReader(r io.Reader, opts ...Options) *Decoder { return jsontext.NewDecoder(r, opts...) }

// Valid reports whether data is exactly one JSON value without duplicate names
// and in valid UTF-8.
func Valid(data []byte) bool { return Value(data).IsValid() }
