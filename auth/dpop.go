package auth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SeenStore remembers the ids of DPoP proofs. The stores of package replay are
// ones. It is shared by all replicas, or a proof passes once on each.
type SeenStore interface {
	// Use reports whether id is used for the first time, and remembers it until the
	// given time at least. Of concurrent uses exactly one is fresh.
	Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error)
}

// DPoP says how proofs of possession are checked (RFC 9449).
type DPoP struct {
	_ [0]func()

	// BaseURL is this API's public URL, such as https://api.example, without the
	// paths of its routes: what the client's htu must start with. It is required,
	// because nothing the client sends, Host included, can be trusted to name it.
	BaseURL string

	// Seen remembers proofs, so that none passes twice. It is required.
	Seen SeenStore

	// Required refuses tokens that are not bound. The default accepts both.
	Required bool

	// Algorithms are those of proofs. The default is ES256, EdDSA, Ed25519, PS256
	// and RS256.
	Algorithms []string

	// Window is how far a proof's iat may lie from now, both ways. The default is
	// 30 s, the most 5 min.
	Window time.Duration

	// NonceKey, at least 32 random bytes that all replicas share, makes clients put
	// a nonce of this server into their proofs, so that none can be made in
	// advance. The default, nil, asks for none; an empty key is an error.
	NonceKey []byte
}

func (d *DPoP) algorithms() []string {
	if len(d.Algorithms) == 0 {
		return []string{"ES256", "EdDSA", "Ed25519", "PS256", "RS256"}
	}
	return d.Algorithms
}

func (f *faults) proofs(cfg *Config) {
	if cfg.DPoP == nil {
		return
	}
	d := *cfg.DPoP // the caller's stays as it was
	d.Algorithms, d.NonceKey = slices.Clone(d.Algorithms), slices.Clone(d.NonceKey)
	cfg.DPoP = &d
	if reason := urlFault(d.BaseURL, cfg.JWKS.InsecureAllowLoopback); reason != "" {
		f.add("DPoP.BaseURL", reason)
	} else if strings.ContainsAny(d.BaseURL, "?#") {
		f.add("DPoP.BaseURL", "has a query or a fragment")
	}
	if d.Seen == nil {
		f.add("DPoP.Seen", "is required")
	}
	for i, name := range d.Algorithms {
		if algorithmNamed(name) == nil {
			f.add("DPoP.Algorithms["+strconv.Itoa(i)+"]", "is not an asymmetric signature algorithm known here")
		}
	}
	f.positive("DPoP.Window", &d.Window, 30*time.Second, 5*time.Minute)
	if d.NonceKey != nil && len(d.NonceKey) < 32 { // an empty secret is a mistake, not a choice
		f.add("DPoP.NonceKey", "is shorter than 32 bytes")
	}
}

// targetOf normalises the URI a request was sent to, or a proof says it was, so
// that spellings of one URI are equal (RFC 3986 section 6.2.2 and 6.2.3). Query
// and fragment do not count.
func targetOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	path := normalPath(u.EscapedPath())
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// normalPath writes percent-encodings one way: unreserved characters plain, the
// others with capital digits.
func normalPath(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '%' || i+2 >= len(p) {
			b.WriteByte(p[i])
			continue
		}
		n, err := strconv.ParseUint(p[i+1:i+3], 16, 8)
		switch c := byte(n); {
		case err != nil:
			b.WriteByte('%')
			continue
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteString(strings.ToUpper(p[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

// requestTarget is the URI of r under base, as the client sees it.
func requestTarget(base *url.URL, r *http.Request) string {
	u := *base
	u.RawPath = ""
	path := strings.TrimSuffix(base.EscapedPath(), "/") + r.URL.EscapedPath()
	if unescaped, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = unescaped, path
	}
	return targetOf(&u)
}
