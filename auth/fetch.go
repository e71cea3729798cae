package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

// fetcher gets the key set of one issuer. One goroutine uses it.
type fetcher struct {
	issuer     string
	url        string // of the key set, configured or discovered
	discovered time.Time
	discover   bool
	etag       string
	client     *http.Client
	maxBytes   int64
	loopback   bool
}

// answer is a good answer: a body, or the word that it has not changed.
type answer struct {
	body        []byte
	notModified bool
	maxAge      time.Duration // -1 when not told
}

// rediscover is how long discovered metadata is trusted.
const rediscover = time.Hour

func newFetcher(iss Issuer, cfg *JWKSConfig) fetcher {
	return fetcher{
		issuer: iss.URL, url: iss.JWKSURL, discover: iss.JWKSURL == "",
		client: clientOf(cfg), maxBytes: cfg.MaxBytes, loopback: cfg.InsecureAllowLoopback,
	}
}

// clientOf returns a client that never follows a redirect: a key set is where the
// issuer said, or it is none.
func clientOf(cfg *JWKSConfig) *http.Client {
	client := http.Client{}
	if cfg.Client != nil {
		client = *cfg.Client
	} else {
		client.Transport = &http.Transport{
			DisableKeepAlives:      true, // a fetch every ten minutes; nothing to close
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
			ResponseHeaderTimeout:  cfg.Timeout,
			TLSHandshakeTimeout:    cfg.Timeout,
		}
	}
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// get fetches the key set, after discovery where that is due. A failure makes the
// next one start from the beginning.
func (f *fetcher) get(ctx context.Context) (answer, error) {
	if f.discover && (f.url == "" || time.Since(f.discovered) > rediscover) {
		found, err := f.find(ctx)
		if err != nil {
			f.url = ""
			return answer{}, err
		}
		if found != f.url {
			f.url, f.etag = found, ""
		}
		f.discovered = time.Now()
	}
	a, err := f.request(ctx, f.url, f.etag)
	if err != nil && f.discover {
		f.url = ""
	}
	return a, err
}

// forget makes the next fetch unconditional.
func (f *fetcher) forget() { f.etag = "" }

// find asks the issuer's metadata where the key set is: OpenID Connect Discovery
// first, RFC 8414 when there is none.
func (f *fetcher) find(ctx context.Context) (string, error) {
	base := strings.TrimSuffix(f.issuer, "/")
	a, err := f.request(ctx, base+"/.well-known/openid-configuration", "")
	var status statusError
	if errors.As(err, &status) && status >= 400 && status < 500 {
		u, errURL := url.Parse(base)
		if errURL != nil {
			return "", errURL
		}
		a, err = f.request(ctx, u.Scheme+"://"+u.Host+"/.well-known/oauth-authorization-server"+u.EscapedPath(), "")
	}
	if err != nil {
		return "", fmt.Errorf("auth: discovery: %w", err)
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := jsonv2.Unmarshal(a.body, &metadata); err != nil {
		return "", errMetadata
	}
	if metadata.Issuer != f.issuer {
		return "", errIssuerEcho
	}
	if urlFault(metadata.JWKSURI, f.loopback) != "" {
		return "", errMetadata
	}
	return metadata.JWKSURI, nil
}

var (
	errMetadata   = errors.New("auth: the issuer's metadata cannot be used")
	errIssuerEcho = errors.New("auth: the metadata is of another issuer")
	errTooLong    = errors.New("auth: the answer is too long")
)

// statusError is an HTTP status that is no answer.
type statusError int

func (e statusError) Error() string { return "auth: the issuer answers with " + strconv.Itoa(int(e)) }

func (f *fetcher) request(ctx context.Context, target, etag string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{maxAge: maxAge(resp.Header.Get("Cache-Control"))}
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		a.notModified = true
		return a, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, statusError(resp.StatusCode)
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, f.maxBytes+1))
	switch {
	case err != nil:
		return answer{}, err
	case int64(len(a.body)) > f.maxBytes:
		return answer{}, errTooLong
	}
	if target == f.url {
		f.etag = resp.Header.Get("ETag")
	}
	return a, nil
}

// maxAge reads Cache-Control (RFC 9111 section 5.2.2); -1 when it says nothing.
func maxAge(header string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if sec, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				return time.Duration(sec) * time.Second
			}
		}
	}
	return -1
}
