package egresstest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
)

func TestOpenOpensExactlyOneServer(t *testing.T) {
	t.Parallel()
	base := egress.Policy{}
	a := egresstest.Open(base, "http://127.0.0.1:8080")
	both := egresstest.Open(a, "https://[::1]:8443/path?ignored")
	for _, tc := range []struct {
		name          string
		policy        egress.Policy
		pass, refused []string
	}{
		{"none", base, nil, []string{"http://127.0.0.1:8080/", "https://[::1]:8443/"}},
		{"one", a, []string{"http://127.0.0.1:8080/x", "https://127.0.0.1:8080/"}, []string{"http://127.0.0.1:8081/", "http://127.0.0.1/", "http://localhost:8080/", "http://127.0.0.2:8080/", "http://0.0.0.0:8080/", "http://[::1]:8080/", "https://[::1]:8443/", "http://127.1:8080/"}},
		{"two", both, []string{"http://127.0.0.1:8080/", "https://[::1]:8443/"}, []string{"http://127.0.0.1:8443/", "http://[::1]:8080/"}},
	} {
		client, err := egress.New(tc.policy)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range tc.pass {
			if !client.Valid(raw) {
				t.Errorf("%s: %s is refused", tc.name, raw)
			}
		}
		for _, raw := range tc.refused {
			if client.Valid(raw) {
				t.Errorf("%s: %s passes", tc.name, raw)
			}
		}
		_ = client.Close()
	}
}

func TestOpenNeedsAnAddressAndAPort(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"", "127.0.0.1:80", "http://127.0.0.1", "http://127.0.0.1:0", "http://localhost:80", "http://[fe80::1%25a]:80", "http://example.com:80", "::"} {
		_, err := egress.New(egresstest.Open(egress.Policy{}, server))
		var mistake *egress.ConfigError
		if !errors.As(err, &mistake) || mistake.Field != "AllowAddrPorts" {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func ExampleOpen() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	client, err := egress.New(egresstest.Open(egress.Policy{}, server.URL))
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Close() }()
	resp, err := client.HTTP().Get(server.URL)
	if err != nil {
		panic(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s", text)
	// Output: hello
}
