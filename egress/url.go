package egress

import (
	"database/sql/driver"
	"net/url"
)

// URL is a URL that was judged, in canonical form. It is a value for JSON, form and
// GORM structs: what is bound from input is judged by the default [Policy] as
// [Client.Parse] would do it. The zero URL is empty. That a URL was judged once is
// no licence: every request is judged anew.
type URL struct{ text string }

func canonicalURL(u *url.URL, t target) URL {
	clone := *u
	clone.Scheme, clone.Host = t.scheme, t.authority()
	return URL{clone.String()}
}

// String returns the URL's canonical text.
func (u URL) String() string { return u.text }

// IsZero reports whether u is empty; it serves the JSON option omitzero.
func (u URL) IsZero() bool { return u.text == "" }

// MarshalText returns the canonical text. A zero URL's is empty, which UnmarshalText
// refuses: give an optional field the JSON option omitzero.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.text), nil }

// UnmarshalText judges text by the default policy. Its error repeats nothing of text.
func (u *URL) UnmarshalText(text []byte) error {
	r := rules{schemes: defaultSchemes(), ports: defaultPorts()}
	parsed, _, refused := r.parse(string(text), nil)
	if refused != nil {
		return refused
	}
	*u = parsed
	return nil
}

// UnmarshalParam is UnmarshalText for gin's form, query and URI binding.
func (u *URL) UnmarshalParam(param string) error { return u.UnmarshalText([]byte(param)) }

// Value stores the canonical text; a zero URL is NULL.
func (u URL) Value() (driver.Value, error) {
	if u.text == "" {
		return nil, nil //nolint:nilnil // NULL
	}
	return u.text, nil
}

// Scan reads a stored URL. It is not judged again here: a policy may have changed
// since, and the request will be.
func (u *URL) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*u = URL{}
		return nil
	case string:
		return u.stored(v)
	case []byte:
		return u.stored(string(v))
	default:
		return blocked(ruleSyntax, "")
	}
}

func (u *URL) stored(text string) error {
	if _, rule := textURL(text); rule != "" {
		return blocked(rule, "")
	}
	*u = URL{text}
	return nil
}

// GormDataType is the column type for GORM's migrations.
func (URL) GormDataType() string { return "text" }
