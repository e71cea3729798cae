package authtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func newIssuer(t *testing.T, algorithms ...string) *authtest.Issuer {
	t.Helper()
	iss, err := authtest.New(authtest.Config{Algorithms: algorithms})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = iss.Close() })
	return iss
}

func TestDiscoveryLeadsToThePublishedKeys(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256", "EdDSA")
	for _, path := range []string{"openid-configuration", "oauth-authorization-server"} {
		status, body := get(t, iss.URL()+"/.well-known/"+path)
		var metadata struct {
			Issuer  string `json:"issuer"`
			JWKSURI string `json:"jwks_uri"`
		}
		if err := json.Unmarshal([]byte(body), &metadata); err != nil || status != 200 || metadata.Issuer != iss.URL() || metadata.JWKSURI != iss.JWKSURL() {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := get(t, iss.JWKSURL()); status != 200 || body != string(iss.JWKS()) {
		t.Errorf("%d %s", status, body)
	}
	if c := iss.Counts(); c.Discovery != 2 || c.JWKS != 1 || c.Concurrent != 1 {
		t.Errorf("counts are %+v", c)
	}
}

func TestKeysRotateAndDisappear(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	first := iss.KeyID()
	second, err := iss.Rotate()
	if err != nil || second == first || iss.KeyID() != second || len(iss.KeyIDs()) != 2 {
		t.Fatalf("after Rotate: %q, %v, %v", second, err, iss.KeyIDs())
	}
	if !iss.Remove(first) || iss.Remove(first) || len(iss.KeyIDs()) != 1 {
		t.Errorf("after Remove: %v", iss.KeyIDs())
	}
	if _, err := iss.MintWith(nil, authtest.Token{KeyID: first}); err != nil {
		t.Errorf("a removed key must still sign: %v", err)
	}
	if _, err := iss.MintWith(nil, authtest.Token{KeyID: "none"}); err == nil {
		t.Error("signed with a key that never was")
	}
}

func TestFailAndRestore(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	iss.Fail(http.StatusBadGateway)
	if status, _ := get(t, iss.JWKSURL()); status != http.StatusBadGateway {
		t.Error(status)
	}
	iss.Hang()
	hanging := make(chan int, 1)
	go func() {
		status, _ := get(t, iss.JWKSURL())
		hanging <- status
	}()
	for iss.Counts().JWKS < 2 {
		runtime.Gosched()
	}
	iss.Restore()
	if status := <-hanging; status != http.StatusServiceUnavailable {
		t.Error(status)
	}
	if status, _ := get(t, iss.JWKSURL()); status != 200 {
		t.Error(status)
	}
}

func TestUnknownAlgorithmIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := authtest.New(authtest.Config{Algorithms: []string{"HS256"}}); err == nil {
		t.Error("made an issuer with HS256")
	}
	if _, err := authtest.NewHolder("HS256"); err == nil {
		t.Error("made a holder with HS256")
	}
}

func Example() {
	iss, err := authtest.New(authtest.Config{Algorithms: []string{"ES256"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer iss.Close()
	v, err := auth.New(auth.Config{
		Issuers: []auth.Issuer{{URL: iss.URL()}}, Audiences: []string{"api"},
		JWKS: auth.JWKSConfig{InsecureAllowLoopback: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	token, err := iss.Mint(iss.Claims("alice", "api"))
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := v.Verify(context.Background(), token)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Subject)
	// Output: alice
}

func ExampleNewHolder() {
	holder, err := authtest.NewHolder("")
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := holder.Prove(authtest.Proof{Method: "GET", URI: "https://api.example/", Token: "…"})
	fmt.Println(len(holder.Confirmation()), proof != "", err)
	// Output: 1 true <nil>
}
