package egress

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Delivery is one webhook message. Send it again with the same ID when
// [Receipt.Retry] says so: the receiver knows by the ID that it is the same.
type Delivery struct {
	_ [0]func()

	// URL is the receiver's address, as its owner gave it.
	URL string
	// ID names the message, the same for each attempt: 1 to 256 letters, digits and
	// "-_~:". Required.
	ID string
	// Body is sent as it is.
	Body []byte
	// ContentType is the body's type. Default "application/json".
	ContentType string
	// Secrets sign the message, in the form "whsec_" and base64 of 24 to 64 bytes. More
	// than one makes one signature each, for the time of a rotation; at most 42. Required.
	Secrets []string
	// Header holds further headers. Those of the signature cannot be set, and neither
	// can Connection and Upgrade: a delivery is no tunnel.
	Header http.Header
}

// Receipt says how a delivery went and whether another attempt makes sense.
type Receipt struct {
	// Delivered is true for a 2xx answer.
	Delivered bool
	// Status is the answer's status; 0 when there was none.
	Status int
	// Retry advises another attempt later: no answer, 408, 425, 429 or 5xx. A target
	// that is not allowed, a redirect and any other 4xx will not change by trying again.
	Retry bool
	// RetryAfter is what the receiver asked for in Retry-After, at most a day; 0 if it
	// did not.
	RetryAfter time.Duration
	// Gone is a 410: the receiver wants no more messages, so turn the webhook off.
	Gone bool
	// Duration is how long it took.
	Duration time.Duration
}

// Deliver posts a message once, signed with HMAC-SHA256 over its ID, the time and
// the body in the manner of Standard Webhooks (webhook-id, webhook-timestamp and
// webhook-signature headers; [Verify] is the other side). It follows no redirect and
// reads at most 4 KiB of the answer's body, to drop it. The error is nil whenever there was an
// answer, whatever its status; else it is an [*Error], or [*ConfigError]s for a
// Delivery that cannot be sent.
func (c *Client) Deliver(ctx context.Context, d Delivery) (Receipt, error) {
	start := time.Now()
	req, err := d.request(ctx, start)
	if err != nil {
		return Receipt{}, err
	}
	u, err := url.Parse(d.URL)
	if _, rule := textURL(d.URL); rule != "" {
		refused := blocked(rule, "")
		c.record(ctx, start, refused)
		if err != nil || !c.reports(refused) {
			return Receipt{Duration: time.Since(start)}, refused
		}
	}
	if _, set := req.Header["Authorization"]; u.User != nil && !set { // as an http.Client does it
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	req.URL, req.Host = u, u.Host
	resp, err := c.RoundTripper().RoundTrip(req)
	if err != nil {
		failure := asError(err)
		return Receipt{Retry: failure.transient(), Duration: time.Since(start)}, failure
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // a short answer leaves the connection reusable
	_ = resp.Body.Close()
	r := receiptOf(resp)
	r.Duration = time.Since(start)
	return r, nil
}

// transient reports whether the same delivery can succeed later.
func (e *Error) transient() bool {
	switch e.Kind {
	case kindBlocked, kindRedirect, kindTooLarge, kindCanceled:
		return false
	default:
		return true
	}
}

func (d *Delivery) request(ctx context.Context, now time.Time) (*http.Request, error) {
	var mistakes []error
	if !validID(d.ID) {
		mistakes = append(mistakes, &ConfigError{"Delivery.ID", d.ID, "not 1 to 256 letters, digits and -_~:"})
	}
	keys, err := decodeSecrets(d.Secrets)
	if err != nil {
		mistakes = append(mistakes, err)
	}
	if len(keys) > mostSecrets {
		mistakes = append(mistakes, &ConfigError{"Delivery.Secrets", strconv.Itoa(len(keys)), "more than " + strconv.Itoa(mostSecrets)})
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "", bytes.NewReader(d.Body))
	if err != nil {
		return nil, asError(err)
	}
	for name, values := range d.Header {
		if name := textproto.CanonicalMIMEHeaderKey(name); !strings.HasPrefix(name, "Webhook-") && name != "Connection" && name != "Upgrade" {
			req.Header[name] = values
		}
	}
	if d.ContentType != "" || req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", cmp.Or(d.ContentType, "application/json"))
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(keys))
	for i, key := range keys {
		signatures[i] = signature(key, d.ID, timestamp, d.Body)
	}
	req.Header.Set(headerID, d.ID)
	req.Header.Set(headerTimestamp, timestamp)
	req.Header.Set(headerSignature, strings.Join(signatures, " "))
	return req, nil
}

func receiptOf(resp *http.Response) Receipt {
	r := Receipt{Status: resp.StatusCode, Delivered: resp.StatusCode/100 == 2, Gone: resp.StatusCode == http.StatusGone}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		r.Retry = true
	default:
		r.Retry = resp.StatusCode >= 500
	}
	if r.Retry {
		r.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return r
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}
