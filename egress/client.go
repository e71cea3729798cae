package egress

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Client makes outbound calls under one [Policy]. It owns one connection pool, is
// immutable and safe for concurrent use. The zero Client and a nil one refuse
// everything.
type Client struct {
	rules     *rules
	transport *http.Transport
	own       *ownCache
	connect   connector
	watch     watch     // of the header and total time budgets
	gzip      []string  // the value of Accept-Encoding
	gunzips   sync.Pool // of *gzip.Reader
	closed    atomic.Bool
}

// New compiles a policy. All mistakes of the policy are reported at once, each a
// [*ConfigError]. It does no network I/O. Close the client when it is not needed
// any more.
func New(p Policy) (*Client, error) {
	r, err := compile(p)
	if err != nil {
		return nil, err
	}
	c := &Client{rules: r, own: &ownCache{list: net.InterfaceAddrs}, connect: dialTCP, gzip: []string{"gzip"}}
	c.transport = &http.Transport{
		Proxy:                  nil, // the environment must not choose where requests go
		DialContext:            c.dial,
		ForceAttemptHTTP2:      true, // a custom DialContext turns HTTP/2 off otherwise
		TLSClientConfig:        r.TLS,
		TLSHandshakeTimeout:    r.TLSTimeout,
		MaxResponseHeaderBytes: r.MaxHeader,
		MaxConnsPerHost:        r.MaxConnsPerHost,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    min(r.MaxConnsPerHost, 8),
		IdleConnTimeout:        30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true, // the exchange does it, and bounds it
	}
	return c, nil
}

// HTTP returns an HTTP client that holds every rule on every hop. It is a new one
// each time, over the same connections. A CheckRedirect of one's own may refuse more, and
// must leave the requests' Response as it is: by it the rules for redirects know a
// redirect. It has no Timeout of its own, since [Policy.Timeout] covers the exchange.
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		Transport:     roundTripper{c: c, follows: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return nil }, // RoundTrip judges each hop
	}
}

// RoundTripper returns the part of [Client.HTTP] that holds the rules, for an
// http.Client or a middleware of one's own. The rules for redirects hold too, as long
// as the requests reach it as an http.Client makes them, with their Response.
func (c *Client) RoundTripper() http.RoundTripper { return roundTripper{c: c} }

// Parse judges a URL by all that can be said without the network, and returns it in
// canonical form. The same rules judge each request again. It records no event.
func (c *Client) Parse(raw string) (URL, error) {
	own, err := c.ready()
	if err != nil {
		return URL{}, err
	}
	u, _, refused := c.rules.parse(raw, own)
	if refused != nil {
		return URL{}, refused
	}
	return u, nil
}

// Valid reports whether [Client.Parse] accepts a URL. It is the whole of a
// validator tag: see the example.
func (c *Client) Valid(raw string) bool {
	_, err := c.Parse(raw)
	return err == nil
}

// Check judges a URL and the addresses its host has now, for a form that stores a
// URL. It is advisory: the answer of a name server can change, and every request is
// judged anew.
func (c *Client) Check(ctx context.Context, raw string) error {
	start := c.clock()
	refused := c.check(ctx, raw)
	c.record(ctx, start, refused)
	if refused != nil && !c.reports(refused) {
		return refused
	}
	return nil
}

func (c *Client) check(ctx context.Context, raw string) *Error {
	own, err := c.ready()
	if err != nil {
		return asError(err)
	}
	_, t, refused := c.rules.parse(raw, own)
	if refused == nil {
		_, refused = c.resolve(ctx, t.host, t.port, own)
	}
	return refused
}

// Control judges the address a socket is about to connect to, for a net.Dialer of
// one's own: set it as Control, and leave ControlContext nil, which would go before
// it. It knows no host name, so of the policy it holds what concerns addresses and
// ports.
func (c *Client) Control(network, address string, _ syscall.RawConn) (err error) {
	defer failClosed(&err)
	start := c.clock()
	refused := c.socket(network, address, false)
	c.record(context.Background(), start, refused)
	if refused != nil && !c.reports(refused) {
		return refused
	}
	return nil
}

// socket is the judgement at the socket.
func (c *Client) socket(network, address string, internal bool) *Error {
	own, err := c.ready()
	if err != nil {
		return asError(err)
	}
	if network != "tcp4" && network != "tcp6" {
		return blocked(ruleNetwork, "")
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return blocked(ruleNetwork, "")
	}
	if j := c.rules.connection(ap.Addr(), ap.Port(), internal, own); !j.ok() {
		return &Error{Kind: kindBlocked, Rule: j.rule, Addr: j.addr}
	}
	return nil
}

// ready refuses for a client that may not be used, and else returns the machine's
// own addresses.
func (c *Client) ready() (ownAddresses, error) {
	if c == nil || c.rules == nil {
		return nil, blocked(ruleNoClient, "")
	}
	if c.closed.Load() {
		return nil, blocked(ruleClosed, "")
	}
	if c.rules.AllowOwnAddresses {
		return nil, nil
	}
	own, err := c.own.get()
	if err != nil {
		return nil, &Error{Kind: kindBlocked, Rule: ruleOwnAddress, Err: err}
	}
	return own, nil
}

// Close refuses further requests and closes idle connections; running requests may
// finish. It may be called more than once.
func (c *Client) Close() error {
	if c != nil && c.rules != nil {
		c.closed.Store(true)
		c.transport.CloseIdleConnections()
	}
	return nil
}

type contextKey struct{}

// With returns a context that carries c.
func With(ctx context.Context, c *Client) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the client that ctx carries, in a gin handler
// egress.From(c.Request.Context()). Without one it returns a client that refuses
// everything: never nil, never one without rules.
func From(ctx context.Context) *Client {
	if c, ok := ctx.Value(contextKey{}).(*Client); ok && c != nil {
		return c
	}
	return &Client{}
}
