package auth_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// arena is an API behind a verifier, reached over real HTTP, and who attacks it.
type arena struct {
	iss, second, stranger *authtest.Issuer
	server                *httptest.Server
	events                *sink
}

func newArena(t *testing.T, change func(*auth.Config), opts ...auth.Option) *arena {
	t.Helper()
	a := &arena{iss: newIssuer(t, "RS256", "ES256", "EdDSA", "PS256"), second: newIssuer(t, "ES256"), stranger: newIssuer(t, "RS256", "ES256"), events: &sink{}}
	cfg := configFor(a.iss)
	cfg.Issuers[0].Namespace = "one"
	cfg.Issuers = append(cfg.Issuers, auth.Issuer{URL: a.second.URL(), Namespace: "two", Audiences: []string{"api2"}})
	cfg.Audit = a.events
	if change != nil {
		change(&cfg)
	}
	a.server = httptest.NewServer(newEngine(newVerifier(t, cfg).Middleware(opts...)))
	t.Cleanup(a.server.Close)
	return a
}

// response is what came back, judged for what must never be in it.
type response struct {
	status    int
	challenge []string
	body      string
	header    http.Header
}

// send sends a request with these header lines, as written.
func (a *arena) send(t *testing.T, lines ...string) response {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", a.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "GET /whoami HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n"
	for _, line := range lines {
		request += line + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header.Values("WWW-Authenticate"), string(body), resp.Header}
}

func (a *arena) bearer(t *testing.T, token string) response {
	t.Helper()
	return a.send(t, "Authorization: Bearer "+token)
}

// bodies are all a refusal may say.
var bodies = map[int]string{
	400: `{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_request"}`,
	401: `{"type":"about:blank","title":"Unauthorized","status":401,"code":"invalid_token"}`,
	503: `{"type":"about:blank","title":"Service Unavailable","status":503}`,
}

// expect checks the status and that a refusal tells nothing beyond it.
func (r response) expect(t *testing.T, status int) {
	t.Helper()
	if r.status != status {
		t.Errorf("answered with %d, not %d: %s", r.status, status, r.body)
		return
	}
	if status == 200 {
		return
	}
	anonymous := strings.Replace(bodies[status], `,"code":"invalid_token"`, "", 1)
	if r.body != bodies[status] && r.body != anonymous {
		t.Errorf("the body says %s", r.body)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the headers are %v", r.header)
	}
	if status != 503 && len(r.challenge) != 1 {
		t.Errorf("the challenges are %q", r.challenge)
	}
}

// runAll runs a table of cases, each by its name.
func runAll[T any](t *testing.T, cases map[string]T, run func(t *testing.T, tc T)) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, tc)
		})
	}
}

// ASVS 14.2.1.
func TestCredentialsAttacks(t *testing.T) {
	t.Parallel()
	a := newArena(t, nil)
	good := mint(t, a.iss, nil)
	type lines []string
	runAll(t, map[string]struct {
		lines  lines
		status int
		bare   bool // a challenge without an error
	}{
		"a good token":                        {lines{"Authorization: Bearer " + good}, 200, false},
		"the scheme in lower case":            {lines{"Authorization: bearer " + good}, 200, false},
		"the scheme in capitals":              {lines{"Authorization: BEARER " + good}, 200, false},
		"the field name in lower case":        {lines{"authorization: Bearer " + good}, 200, false},
		"many spaces":                         {lines{"Authorization: Bearer     " + good}, 200, false},
		"spaces at the end":                   {lines{"Authorization: Bearer " + good + "   "}, 200, false},
		"no header":                           {nil, 401, true},
		"an empty header":                     {lines{"Authorization:"}, 401, true},
		"spaces only":                         {lines{"Authorization:    "}, 401, true},
		"basic":                               {lines{"Authorization: Basic YWxpY2U6eA=="}, 401, true},
		"digest":                              {lines{`Authorization: Digest username="a"`}, 401, true},
		"an unknown scheme":                   {lines{"Authorization: Bearerish " + good}, 401, true},
		"a scheme with a digit":               {lines{"Authorization: Bearer2 " + good}, 401, true},
		"a scheme with a hyphen":              {lines{"Authorization: Bearer-MAC " + good}, 401, true},
		"a scheme cut short":                  {lines{"Authorization: Bear " + good}, 401, true},
		"a bare token":                        {lines{"Authorization: " + good}, 401, true},
		"DPoP while binding is off":           {lines{"Authorization: DPoP " + good}, 401, true},
		"a token in X-Access-Token":           {lines{"X-Access-Token: " + good}, 401, true},
		"a token in a cookie":                 {lines{"Cookie: token=" + good}, 401, true},
		"Proxy-Authorization":                 {lines{"Proxy-Authorization: Bearer " + good}, 401, true},
		"a forwarded credential":              {lines{"X-Forwarded-Authorization: Bearer " + good}, 401, true},
		"the scheme alone":                    {lines{"Authorization: Bearer"}, 400, false},
		"the scheme and a space":              {lines{"Authorization: Bearer "}, 400, false},
		"a tab":                               {lines{"Authorization: Bearer\t" + good}, 400, false},
		"no separator":                        {lines{"Authorization: Bearer" + "." + good}, 400, false},
		"a colon":                             {lines{"Authorization: Bearer:" + good}, 400, false},
		"a comma after the scheme":            {lines{"Authorization: Bearer, " + good}, 400, false},
		"two tokens":                          {lines{"Authorization: Bearer " + good + " " + good}, 400, false},
		"a token and text":                    {lines{"Authorization: Bearer " + good + " x"}, 400, false},
		"a token, a comma, another":           {lines{"Authorization: Bearer " + good + ",Bearer " + good}, 400, false},
		"a trailing comma":                    {lines{"Authorization: Bearer " + good + ","}, 400, false},
		"a parameter":                         {lines{"Authorization: Bearer token=" + good}, 400, false},
		"quotes":                              {lines{`Authorization: Bearer "` + good + `"`}, 400, false},
		"a semicolon":                         {lines{"Authorization: Bearer " + good + ";x"}, 400, false},
		"percent encoding":                    {lines{"Authorization: Bearer " + strings.Replace(good, ".", "%2e", 1)}, 400, false},
		"a tab inside":                        {lines{"Authorization: Bearer " + strings.Replace(good, ".", "\t.", 1)}, 400, false},
		"bytes beyond ASCII":                  {lines{"Authorization: Bearer " + good + "\xff"}, 400, false},
		"two headers, the same token":         {lines{"Authorization: Bearer " + good, "Authorization: Bearer " + good}, 400, false},
		"two headers, the good one first":     {lines{"Authorization: Bearer " + good, "Authorization: Bearer x"}, 400, false},
		"two headers, the good one last":      {lines{"Authorization: Basic YTpi", "Authorization: Bearer " + good}, 400, false},
		"two headers in different case":       {lines{"Authorization: Bearer " + good, "AUTHORIZATION: Bearer " + good}, 400, false},
		"a good one and an empty one":         {lines{"Authorization: Bearer " + good, "Authorization:"}, 400, false},
		"a method override changes nothing":   {lines{"X-HTTP-Method-Override: OPTIONS"}, 401, true},
		"an original URL changes nothing":     {lines{"X-Original-URL: /healthz"}, 401, true},
		"a user from the proxy is nobody":     {lines{"X-Forwarded-User: alice", "X-Remote-User: alice"}, 401, true},
		"a preflight's look changes nothing":  {lines{"Origin: https://a.example", "Access-Control-Request-Method: GET"}, 401, true},
		"plus and slash are no JWT":           {lines{"Authorization: Bearer " + strings.ReplaceAll(strings.ReplaceAll(good, "-", "+"), "_", "/") + "+"}, 401, false},
		"padding is no JWT":                   {lines{"Authorization: Bearer " + good + "="}, 401, false},
		"a token that is a word":              {lines{"Authorization: Bearer null"}, 401, false},
		"a token that is a dot":               {lines{"Authorization: Bearer ."}, 401, false},
		"a token that is two dots":            {lines{"Authorization: Bearer .."}, 401, false},
		"a JSON document":                     {lines{`Authorization: Bearer {"payload":"x"}`}, 400, false},
		"a bare challenge is not a bad token": {lines{"Authorization: Negotiate abc"}, 401, true},
	}, func(t *testing.T, tc struct {
		lines  lines
		status int
		bare   bool
	},
	) {
		t.Helper()
		got := a.send(t, tc.lines...)
		got.expect(t, tc.status)
		if hasError := len(got.challenge) == 1 && strings.Contains(got.challenge[0], "error="); tc.status != 200 && hasError == tc.bare {
			t.Errorf("the challenge is %q", got.challenge)
		}
	})
}

// ASVS 9.1.1.
func TestTokenFormAttacks(t *testing.T) {
	t.Parallel()
	a := newArena(t, func(cfg *auth.Config) { cfg.MaxTokenBytes = 3000 })
	good := mint(t, a.iss, nil)
	parts := strings.Split(good, ".")
	head, payload, signature := parts[0], parts[1], parts[2]
	flip := func(s string, at int) string { // another character with other bits
		const order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		i := strings.IndexByte(order, s[at])
		return s[:at] + string(order[(i+32)%64]) + s[at+1:]
	}
	tail := func(s string) string { // the same bytes, spelled with tail bits
		const order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		i := strings.IndexByte(order, s[len(s)-1])
		return s[:len(s)-1] + string(order[i+1])
	}
	padTo := func(n int) string { // a good token of exactly n bytes, or near enough
		for size := n/2 - 300; ; size++ {
			token := mint(t, a.iss, map[string]any{"pad": strings.Repeat("x", size)})
			if len(token) >= n {
				return token
			}
		}
	}
	exact := padTo(2997)
	cases := map[string]string{
		"an empty signature":             head + "." + payload + ".",
		"no signature":                   head + "." + payload,
		"four segments":                  good + ".x",
		"five segments, as a JWE":        good + ".x.y",
		"an empty header":                "." + payload + "." + signature,
		"an empty payload":               head + ".." + signature,
		"a leading dot":                  "." + good,
		"a trailing dot":                 good + ".",
		"a signature cut short":          good[:len(good)-2],
		"a signature made longer":        good + "AA",
		"the signature's first bit":      head + "." + payload + "." + flip(signature, 0),
		"the payload's middle":           head + "." + flip(payload, len(payload)/2) + "." + signature,
		"the header's middle":            flip(head, len(head)/2) + "." + payload + "." + signature,
		"header and payload exchanged":   payload + "." + head + "." + signature,
		"payload and signature swapped":  head + "." + signature + "." + payload,
		"a segment of one character":     head + "." + payload + ".A",
		"tail bits in the signature":     head + "." + payload + "." + tail(signature),
		"padding in the header":          head + "=." + payload + "." + signature,
		"double padding":                 head + "." + payload + "." + signature + "==",
		"standard base64":                head + "." + payload + "." + strings.Repeat("+", len(signature)),
		"longer than the limit":          mint(t, a.iss, map[string]any{"pad": strings.Repeat("x", 3000)}),
		"a hundred thousand dots":        strings.Repeat(".", 100_000),
		"a long run of one letter":       strings.Repeat("A", 100_000),
		"the scheme inside":              "Bearer." + payload + "." + signature,
		"a tilde":                        head + "~." + payload + "." + signature,
		"the signature of another token": head + "." + payload + "." + strings.Split(mint(t, a.iss, map[string]any{"x": 1}), ".")[2],
		"the payload of another token":   head + "." + strings.Split(mint(t, a.iss, map[string]any{"x": 1}), ".")[1] + "." + signature,
		"signed by a stranger":           mint(t, a.stranger, map[string]any{"iss": a.iss.URL()}),
	}
	for _, n := range []int{1, 5, 9, 100, 255} {
		cases[fmt.Sprintf("a signature of %d zero bytes", n)] = head + "." + payload + "." + strings.Repeat("A", n*4/3/4*4+4)
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.bearer(t, token).expect(t, 401)
		})
	}
	t.Run("a token at the limit passes", func(t *testing.T) {
		t.Parallel()
		if len(exact) > 3000 || len(exact) < 2990 {
			t.Fatalf("the token has %d bytes", len(exact))
		}
		a.bearer(t, exact).expect(t, 200)
	})
	t.Run("the good one still passes", func(t *testing.T) {
		t.Parallel()
		a.bearer(t, good).expect(t, 200)
	})
}
