package egress_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// receiver checks each message as a webhook's owner would.
type receiver struct {
	mu      sync.Mutex
	secrets []string
	status  int
	header  http.Header
	ids     []string
	bodies  []string
	errs    []error
	headers []http.Header
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	id, _, err := egress.Verify(r.secrets, req.Header, body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids, r.bodies, r.errs = append(r.ids, id), append(r.bodies, string(body)), append(r.errs, err)
	r.headers = append(r.headers, req.Header)
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
}

const otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDfPFD"

func TestADeliveredMessageVerifies(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{"the only secret": {secret}, "the new one during a rotation": {otherSecret, secret}, "without prefix": {strings.TrimPrefix(secret, "whsec_")}} {
		r := &receiver{secrets: []string{secret}, status: 204}
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, r)
		receipt, err := client.Deliver(t.Context(), egress.Delivery{
			URL: "http://hooks.example/in", ID: "msg_1", Body: []byte(`{"a":1}`), Secrets: secrets,
			Header: http.Header{"X-Event": {"paid"}, "webhook-id": {"forged"}, "Webhook-Signature": {"v1,forged"}},
		})
		if err != nil || !receipt.Delivered || receipt.Status != 204 || receipt.Retry {
			t.Fatalf("%s: %+v, %v", name, receipt, err)
		}
		if r.errs[0] != nil || r.ids[0] != "msg_1" || r.bodies[0] != `{"a":1}` || r.headers[0].Get("X-Event") != "paid" || r.headers[0].Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %v %v %v", name, r.errs, r.ids, r.bodies, r.headers)
		}
	}
}

func TestReceiptsAdviseOnRetries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status     int
		retryAfter string
		want       egress.Receipt
	}{
		{200, "", egress.Receipt{Delivered: true}},
		{299, "", egress.Receipt{Delivered: true}},
		{301, "", egress.Receipt{}},
		{302, "", egress.Receipt{}},
		{400, "", egress.Receipt{}},
		{401, "", egress.Receipt{}},
		{404, "10", egress.Receipt{}},
		{408, "", egress.Receipt{Retry: true}},
		{410, "", egress.Receipt{Gone: true}},
		{425, "", egress.Receipt{Retry: true}},
		{429, "120", egress.Receipt{Retry: true, RetryAfter: 2 * time.Minute}},
		{500, "", egress.Receipt{Retry: true}},
		{503, "999999999", egress.Receipt{Retry: true, RetryAfter: 24 * time.Hour}},
		{503, "-5", egress.Receipt{Retry: true}},
		{503, "soon", egress.Receipt{Retry: true}},
		{503, "Wed, 21 Oct 2015 07:28:00 GMT", egress.Receipt{Retry: true}},
		{503, "Wed, 21 Oct 2099 07:28:00 GMT", egress.Receipt{Retry: true, RetryAfter: 24 * time.Hour}},
	} {
		header := http.Header{"Location": {"http://127.0.0.1/"}}
		if tc.retryAfter != "" {
			header.Set("Retry-After", tc.retryAfter)
		}
		r := &receiver{secrets: []string{secret}, status: tc.status, header: header}
		client, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, r)
		got, err := client.Deliver(t.Context(), egress.Delivery{URL: "http://hooks.example/", ID: "1", Secrets: []string{secret}})
		tc.want.Status, got.Duration = tc.status, 0
		if err != nil || got != tc.want || len(w.dials()) != 1 {
			t.Errorf("%d %s: %+v, %v", tc.status, tc.retryAfter, got, err)
		}
	}
}

func TestAFailedDeliverySaysWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name, url string
		ctx       context.Context
		want      error
		retry     bool
	}{
		{"the inside", "http://127.0.0.1/", t.Context(), egress.ErrBlocked, false},
		{"a text that only looks like a URL", "http://hooks.example/\\x", t.Context(), egress.ErrBlocked, false},
		{"no URL", "", t.Context(), egress.ErrBlocked, false},
		{"an unreadable URL", "http://[::1", t.Context(), egress.ErrBlocked, false},
		{"an unknown name", "http://nowhere.example/", t.Context(), egress.ErrDNS, true},
		{"the sender left", "http://hooks.example/", gone, context.Canceled, false},
	} {
		client, w := worldOf(t, egress.Policy{Resolver: zone("hooks.example. 8.8.8.8")}, says(""))
		receipt, err := client.Deliver(tc.ctx, egress.Delivery{URL: tc.url, ID: "1", Secrets: []string{secret}})
		if !errors.Is(err, tc.want) || receipt.Retry != tc.retry || receipt.Delivered || len(w.dials()) != 0 {
			t.Errorf("%s: %+v, %v", tc.name, receipt, err)
		}
	}
}

// A receiver that answers 101 would get a tunnel without budgets, and hold the sender.
func TestADeliveryIsNeverATunnel(t *testing.T) {
	t.Parallel()
	server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
	})
	for _, report := range []bool{false, true} {
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, ReportOnly: report}))
		egress.SetDialer(client, (&world{server: server.address}).dial)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		receipt, err := client.Deliver(ctx, egress.Delivery{
			URL: "http://hooks.example/", ID: "1", Secrets: []string{secret},
			Header: http.Header{"upgrade": {"echo"}, "Connection": {"Upgrade"}},
		})
		cancel()
		if !errors.Is(err, egress.ErrBlocked) || failure(t, err).Rule != "unrequested_upgrade" || receipt.Retry {
			t.Errorf("%+v, %v", receipt, err)
		}
	}
	eventually(t, server.none, "the connection is left open")
}

func TestADeliveryThatCannotBeSignedIsNotSent(t *testing.T) {
	t.Parallel()
	client, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, says(""))
	for name, d := range map[string]egress.Delivery{
		"no ID":                {Secrets: []string{secret}},
		"a dot in the ID":      {ID: "a.1", Secrets: []string{secret}},
		"a line end in the ID": {ID: "a\r\nX: y", Secrets: []string{secret}},
		"a long ID":            {ID: strings.Repeat("a", 257), Secrets: []string{secret}},
		"no secret":            {ID: "1"},
		"43 secrets":           {ID: "1", Secrets: slices.Repeat([]string{secret}, 43)},
		"an empty secret":      {ID: "1", Secrets: []string{""}},
		"a short secret":       {ID: "1", Secrets: []string{"whsec_c2hvcnQ="}},
		"no base64":            {ID: "1", Secrets: []string{"whsec_!!!"}},
		"one bad of two":       {ID: "1", Secrets: []string{secret, "x"}},
	} {
		d.URL = "http://hooks.example/"
		_, err := client.Deliver(t.Context(), d)
		var mistake *egress.ConfigError
		if !errors.As(err, &mistake) || len(w.dials()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		for _, s := range d.Secrets {
			if len(s) > 1 && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the secret is in the error", name)
			}
		}
	}
}

func TestAsManySecretsAsVerifyReads(t *testing.T) {
	t.Parallel()
	h := signed(t, "1", "x", append(slices.Repeat([]string{otherSecret}, 41), secret)...)
	if _, _, err := egress.Verify([]string{secret}, h, []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestADeliveryMayCarryUserinfo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		url    string
		header http.Header
		want   string
	}{
		{"http://user:pass@hooks.example/", nil, "Basic dXNlcjpwYXNz"},
		{"http://user:pass@hooks.example/", http.Header{"authorization": {"Bearer x"}}, "Bearer x"},
		{"http://hooks.example/", nil, ""},
	} {
		r := &receiver{secrets: []string{secret}, status: 204}
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, AllowUserinfo: true}, r)
		_, err := client.Deliver(t.Context(), egress.Delivery{URL: tc.url, ID: "1", Secrets: []string{secret}, Header: tc.header})
		if err != nil || r.headers[0].Get("Authorization") != tc.want {
			t.Errorf("%s: %v, %v", tc.url, r.headers, err)
		}
	}
	strict, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, says(""))
	if _, err := strict.Deliver(t.Context(), egress.Delivery{URL: "http://user:pass@hooks.example/", ID: "1", Secrets: []string{secret}}); !errors.Is(err, egress.ErrBlocked) || len(w.dials()) != 0 {
		t.Error(err)
	}
}

// signed returns the headers of a message as the sender would set them.
func signed(t *testing.T, id string, body string, secrets ...string) http.Header {
	t.Helper()
	client := newClient(t, egress.Policy{Resolver: everywhere{}})
	r := &pipes{status: "200 OK"}
	egress.SetDialer(client, r.dial)
	if _, err := client.Deliver(t.Context(), egress.Delivery{URL: "http://hooks.example/", ID: id, Body: []byte(body), Secrets: secrets}); err != nil {
		t.Fatal(failure(t, err).Detail())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = client.Close()
	return r.requests[0].Header
}

func TestForgedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	const body = `{"amount":10}`
	good := signed(t, "msg_1", body, secret)
	both := signed(t, "msg_1", body, otherSecret, secret)
	for _, tc := range []struct {
		name    string
		secrets []string
		body    string
		change  func(http.Header)
		want    error
	}{
		{"untouched", []string{secret}, body, func(http.Header) {}, nil},
		{"any secret may fit", []string{otherSecret, secret}, body, func(http.Header) {}, nil},
		{"any signature may fit", []string{secret}, body, func(h http.Header) { h["Webhook-Signature"] = both["Webhook-Signature"] }, nil},
		{"beside a version nobody knows", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Signature", "v2,xyz "+h.Get("Webhook-Signature")) }, nil},
		{"another body", []string{secret}, `{"amount":1000}`, func(http.Header) {}, egress.ErrSignature},
		{"no body", []string{secret}, "", func(http.Header) {}, egress.ErrSignature},
		{"another id", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Id", "msg_2") }, egress.ErrSignature},
		{"another time", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Timestamp", "1700000000") }, egress.ErrSignature},
		{"a time with a plus", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Timestamp", "+"+h.Get("Webhook-Timestamp")) }, egress.ErrSignature},
		{"a time with zeros", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Timestamp", "0"+h.Get("Webhook-Timestamp")) }, egress.ErrSignature},
		{"no time", []string{secret}, body, func(h http.Header) { h.Del("Webhook-Timestamp") }, egress.ErrSignature},
		{"a time beyond all", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Timestamp", "9223372036854775807") }, egress.ErrSignature},
		{"two times", []string{secret}, body, func(h http.Header) { h.Add("Webhook-Timestamp", "1") }, egress.ErrSignature},
		{"two ids", []string{secret}, body, func(h http.Header) { h.Add("Webhook-Id", "x") }, egress.ErrSignature},
		{"no id", []string{secret}, body, func(h http.Header) { h.Del("Webhook-Id") }, egress.ErrSignature},
		{"no signature", []string{secret}, body, func(h http.Header) { h.Del("Webhook-Signature") }, egress.ErrSignature},
		{"an empty signature", []string{secret}, body, func(h http.Header) { h.Set("Webhook-Signature", "v1,") }, egress.ErrSignature},
		{"another version's label", []string{secret}, body, func(h http.Header) {
			h.Set("Webhook-Signature", strings.Replace(h.Get("Webhook-Signature"), "v1,", "v1a,", 1))
		}, egress.ErrSignature},
		{"a flood of signatures", []string{secret}, body, func(h http.Header) {
			h.Set("Webhook-Signature", strings.Repeat("v1,x ", 1000)+h.Get("Webhook-Signature"))
		}, egress.ErrSignature},
		{"another secret", []string{otherSecret}, body, func(http.Header) {}, egress.ErrSignature},
	} {
		h := good.Clone()
		tc.change(h)
		id, _, err := egress.Verify(tc.secrets, h, []byte(tc.body))
		if !errors.Is(err, tc.want) || (err == nil) != (id == "msg_1") {
			t.Errorf("%s: %q, %v", tc.name, id, err)
		}
	}
	var mistake *egress.ConfigError
	if _, _, err := egress.Verify(nil, good, []byte(body)); !errors.As(err, &mistake) || errors.Is(err, egress.ErrSignature) {
		t.Errorf("without secrets: %v", err)
	}
}

func TestAMessageIsFreshForFiveMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := time.Now()
		h := signed(t, "msg_1", "", secret)
		_, notAfter, err := egress.Verify([]string{secret}, h, nil)
		if err != nil || notAfter.Sub(sent) != 5*time.Minute {
			t.Fatalf("%v until %v", err, notAfter)
		}
		time.Sleep(5 * time.Minute) // simulated
		if _, _, err := egress.Verify([]string{secret}, h, nil); err != nil {
			t.Errorf("after exactly five minutes: %v", err)
		}
		time.Sleep(time.Second) // simulated
		if _, _, err := egress.Verify([]string{secret}, h, nil); !errors.Is(err, egress.ErrSignature) {
			t.Errorf("a second later: %v", err)
		}
	})
}

// signAt makes the headers of a message by the standard's text alone.
func signAt(at time.Time, id, body string) http.Header {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return http.Header{
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
}

func TestAMessageFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]error{
		4 * time.Minute: nil, 6 * time.Minute: egress.ErrSignature, 24 * time.Hour: egress.ErrSignature, -4 * time.Minute: nil, -6 * time.Minute: egress.ErrSignature,
	} {
		if _, _, err := egress.Verify([]string{secret}, signAt(time.Now().Add(ahead), "1", "x"), []byte("x")); !errors.Is(err, want) {
			t.Errorf("%v: %v", ahead, err)
		}
	}
}

// The published test vector of Standard Webhooks, for interoperability: only the time
// is old.
func TestTheSignatureIsTheStandardsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := time.Unix(1614265330, 0)
		time.Sleep(time.Until(at)) // simulated, from the bubble's year 2000
		h := http.Header{
			"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
			"Webhook-Timestamp": {"1614265330"},
			"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		}
		if _, _, err := egress.Verify([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, h, []byte(`{"test": 2432232314}`)); err != nil {
			t.Error(err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add("msg_1", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", []byte("x"), secret)
	f.Add("", "", "", []byte(nil), "")
	f.Fuzz(func(t *testing.T, id, timestamp, sig string, body []byte, key string) {
		_, _, err := egress.Verify([]string{key}, http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {sig}}, body)
		if err == nil {
			t.Error("a signature out of nothing")
		}
	})
}

func TestSecretsOfEveryLengthAllowed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{23, 24, 32, 64, 65} {
		key := "whsec_" + base64.StdEncoding.EncodeToString(slices.Repeat([]byte{7}, n))
		_, _, err := egress.Verify([]string{key}, http.Header{}, nil)
		if ok := errors.Is(err, egress.ErrSignature); ok != (n >= 24 && n <= 64) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
