package egress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
)

func Example() {
	client, err := egress.New(egress.Policy{}) // the zero value is the secure default
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()

	for _, url := range []string{"http://169.254.169.254/latest/meta-data", "http://2130706433/", "http://localhost:6379/"} {
		_, err := client.HTTP().Get(url)
		fmt.Println(errors.Is(err, egress.ErrBlocked))
	}
	// Output:
	// true
	// true
	// true
}

func ExampleNew() {
	client, err := egress.New(egress.Policy{
		Schemes:       []string{"https"},
		Hosts:         []string{"*.partner.example"},         // only these,
		InternalHosts: []string{"billing.svc.cluster.local"}, // and this one, which may be private
		DenyPrefixes:  []netip.Prefix{netip.MustParsePrefix("93.184.0.0/16")},
		MaxBody:       1 << 20,
		Timeout:       3 * time.Second,
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()
	for _, url := range []string{"https://api.partner.example/v1", "https://billing.svc.cluster.local/", "https://elsewhere.example/", "http://api.partner.example/"} {
		fmt.Println(url, client.Valid(url))
	}
	// Output:
	// https://api.partner.example/v1 true
	// https://billing.svc.cluster.local/ true
	// https://elsewhere.example/ false
	// http://api.partner.example/ false
}

func ExampleNew_mistakes() {
	_, err := egress.New(egress.Policy{Ports: []uint16{0}, Schemes: []string{"ftp"}})
	fmt.Println(err)
	// Output:
	// egress: Schemes: "ftp": neither http nor https
	// egress: Ports: "0": not a port
}

// A look-up, a test of its answer and then an ordinary client is no protection: the
// client looks the name up again, and a name server that answers differently the
// second time sends it inside.
func Example_incorrect() {
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }))
	defer inside.Close()

	answers := []string{"93.184.215.14", "127.0.0.1"} // what the attacker's name server says, in turn
	lookup := func() netip.Addr {
		first := answers[0]
		answers = append(answers[1:], first)
		return netip.MustParseAddr(first)
	}
	if egress.Public(lookup()) { // judged: public
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(lookup().String(), port)) // dialled: loopback
		}}}
		resp, err := client.Get("http://attacker.example/")
		if err != nil {
			panic(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		fmt.Printf("%s", text)
	}
	// Output: secret
}

// In a handler the client comes from the request's context, never from the
// *gin.Context itself, which is reused after the request.
func ExampleFrom() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(func(c *gin.Context) { // the suite's middleware does this
		c.Request = c.Request.WithContext(egress.With(c.Request.Context(), client))
	})
	r.GET("/preview", func(c *gin.Context) {
		resp, err := egress.From(c.Request.Context()).HTTP().Get(c.Query("url"))
		if err != nil {
			c.Status(http.StatusUnprocessableEntity) // the same for every reason
			return
		}
		defer func() { _ = resp.Body.Close() }()
		c.Status(http.StatusOK)
	})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/preview?url=http://127.0.0.1/", http.NoBody))
	fmt.Println(w.Code)
	// Output: 422
}

// The error of net/http repeats the URL it failed at, which after a redirect can be
// an internal one. It is for the log, not for the answer.
func ExampleClient_HTTP_incorrect() {
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://10.0.0.7/admin", http.StatusFound)
	}))
	defer partner.Close()
	client, err := egress.New(egresstest.Open(egress.Policy{}, partner.URL))
	if err != nil {
		panic(err)
	}
	_, err = client.HTTP().Get(partner.URL)
	fmt.Println(err)
	// Output: Get "http://10.0.0.7/admin": egress: request failed
}

// Two lines give gin's validator the tag egress_url, with the very rules that will
// judge the request.
func ExampleClient_Valid() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	if v, ok := binding.Validator.Engine().(*validator.Validate); ok {
		_ = v.RegisterValidation("egress_url", func(f validator.FieldLevel) bool { return client.Valid(f.Field().String()) })
	}
	type webhook struct {
		URL string `binding:"required,egress_url"`
	}
	fmt.Println(binding.Validator.ValidateStruct(webhook{URL: "https://hooks.example.com/1"}) == nil)
	fmt.Println(binding.Validator.ValidateStruct(webhook{URL: "http://metadata.google.internal/"}) == nil)
	// Output:
	// true
	// false
}

func ExampleClient_Parse() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	u, err := client.Parse("HTTPS://BÜCHER.example.:443/a")
	fmt.Println(u, err)
	// Output: https://xn--bcher-kva.example/a <nil>
}

// Other protocols dial through the client: gRPC, WebSocket and SMTP libraries take a
// function of this form.
func ExampleClient_DialContext() {
	client, err := egress.New(egress.Policy{Ports: []uint16{25, 587}})
	if err != nil {
		panic(err)
	}
	_, err = client.DialContext(context.Background(), "tcp", "127.0.0.1:25")
	fmt.Println(errors.Is(err, egress.ErrBlocked))
	// Output: true
}

// A dialer of one's own is guarded at the socket.
func ExampleClient_Control() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	dialer := net.Dialer{Control: client.Control}
	_, err = dialer.DialContext(context.Background(), "tcp", "127.0.0.1:80")
	fmt.Println(errors.Is(err, egress.ErrBlocked))
	// Output: true
}

// net.Dialer ignores Control as soon as ControlContext is set: the guard is off, and
// nothing says so.
func ExampleClient_Control_incorrect() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	inside := httptest.NewServer(http.NotFoundHandler())
	defer inside.Close()
	dialer := net.Dialer{Control: client.Control, ControlContext: keepAlive}
	conn, err := dialer.DialContext(context.Background(), "tcp", inside.Listener.Addr().String())
	fmt.Println(err)
	_ = conn.Close()
	// Output: <nil>
}

func ExampleClient_Deliver() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		id, _, err := egress.Verify([]string{secret}, r.Header, body)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Println("received", id, string(body))
	}))
	defer receiver.Close()

	client, err := egress.New(egresstest.Open(egress.Policy{}, receiver.URL))
	if err != nil {
		panic(err)
	}
	receipt, err := client.Deliver(context.Background(), egress.Delivery{
		URL: receiver.URL, ID: "msg_1", Body: []byte(`{"paid":true}`), Secrets: []string{secret},
	})
	fmt.Println(receipt.Delivered, receipt.Retry, err)
	// Output:
	// received msg_1 {"paid":true}
	// true false <nil>
}

func ExampleClassify() {
	for _, a := range []string{"8.8.8.8", "10.1.2.3", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "168.63.129.16", "2002:7f00:1::"} {
		fmt.Println(a, egress.Classify(netip.MustParseAddr(a)))
	}
	// Output:
	// 8.8.8.8 public
	// 10.1.2.3 private
	// ::ffff:127.0.0.1 loopback
	// 64:ff9b::a9fe:a9fe cloud
	// 168.63.129.16 cloud
	// 2002:7f00:1:: tunnel
}

// The standard library's own tests are no list of what must not be called.
func ExamplePublic_incorrect() {
	for _, text := range []string{"168.63.129.16", "100.100.100.200", "64:ff9b::a9fe:a9fe"} {
		a := netip.MustParseAddr(text)
		standard := a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()
		fmt.Println(text, "refused by net/netip:", standard, "by egress:", !egress.Public(a))
	}
	// Output:
	// 168.63.129.16 refused by net/netip: false by egress: true
	// 100.100.100.200 refused by net/netip: false by egress: true
	// 64:ff9b::a9fe:a9fe refused by net/netip: false by egress: true
}
