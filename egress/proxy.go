package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// tunnel reaches an address through the policy's proxy. The proxy gets the judged
// address, never the name: it must not look the name up for itself.
func (c *Client) tunnel(ctx context.Context, network string, to netip.AddrPort, check control) (net.Conn, error) {
	if err := check(ctx, network, to.String(), nil); err != nil {
		return nil, err
	}
	conn, err := c.proxyConn(ctx)
	if err != nil {
		return nil, &Error{Kind: kindConnect, Rule: ruleProxy, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	tunnelled, err := connectThrough(conn, c.rules.Proxy, to, c.rules.MaxHeader)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, &Error{Kind: kindConnect, Rule: ruleProxy, Err: err}
	}
	return tunnelled, nil
}

// proxyConn connects to the proxy itself, which the policy's author chose.
func (c *Client) proxyConn(ctx context.Context) (net.Conn, error) {
	proxy := c.rules.Proxy
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	address := net.JoinHostPort(proxy.Hostname(), port)
	if proxy.Scheme == "http" {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	cfg := &tls.Config{RootCAs: c.rules.TLS.RootCAs, MinVersion: tls.VersionTLS12} // no client certificate
	return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", address)
}

func connectThrough(conn net.Conn, proxy *url.URL, to netip.AddrPort, maxHeader int64) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: to.String()}, Host: to.String(), Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	r := bufio.NewReader(limited)
	resp, err := http.ReadResponse(r, req) //nolint:bodyclose // what follows is the tunnel
	if err != nil {
		return nil, unworded{err}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the proxy answered %d", resp.StatusCode)
	}
	if limited.N <= 0 {
		return nil, errors.New("the proxy's answer is too long")
	}
	if r.Buffered() == 0 {
		return conn, nil
	}
	early, err := r.Peek(r.Buffered())
	return &earlyConn{Conn: conn, early: early}, err
}

// earlyConn first gives the bytes that came together with the proxy's answer.
type earlyConn struct {
	net.Conn
	early []byte
}

// Read reads the early bytes, then the connection.
func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}
