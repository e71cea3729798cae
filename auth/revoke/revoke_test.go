package revoke_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/auth/revoke"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
)

func principal(subject, jti string, issued time.Time) *identity.Principal {
	return &identity.Principal{
		Issuer: "https://id.example", Subject: subject, TokenID: jti,
		IssuedAt: issued, ExpiresAt: issued.Add(10 * time.Minute),
	}
}

func newClient(t *testing.T, addr string) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Every kind of list keeps the same promises.
func conform(t *testing.T, l *revoke.List) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	check := func(name string, p *identity.Principal, want bool) {
		t.Helper()
		if got, err := l.Revoked(ctx, p); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	alice := principal("alice", "a1", now)
	check("nothing was revoked", alice, false)
	must(l.Token(ctx, alice))
	must(l.Token(ctx, alice)) // again: no matter
	check("a revoked token", alice, true)
	check("another token of the same subject", principal("alice", "a2", now), false)
	check("the same id without its subject's token", principal("bob", "b1", now), false)
	other := principal("alice", "a1", now)
	other.Issuer = "https://other.example"
	check("the same id of another issuer", other, false)
	check("a token without an id", principal("carol", "", now), false)

	must(l.Subject(ctx, alice.Issuer, "dave", now))
	check("issued before", principal("dave", "d1", now.Add(-time.Minute)), true)
	check("without an id, issued before", principal("dave", "", now.Add(-time.Minute)), true)
	check("issued after", principal("dave", "d2", now.Add(time.Minute)), false)
	must(l.Subject(ctx, alice.Issuer, "dave", now.Add(-time.Hour)))
	check("an earlier instant does not undo a later one", principal("dave", "d1", now.Add(-time.Minute)), true)
	check("another subject", principal("erin", "e1", now.Add(-time.Minute)), false)
	if err := l.Token(ctx, principal("frank", "", now)); !errors.Is(err, revoke.ErrNoID) {
		t.Errorf("a token without an id: %v", err)
	}
	must(l.TokenID(ctx, alice.Issuer, "later", time.Time{}))
	check("by id alone", principal("grace", "later", now), true)
}

// ASVS 7.4.1, 7.4.2.
func TestMemoryKeepsItsPromises(t *testing.T) {
	t.Parallel()
	l, err := revoke.Memory(revoke.Config{})
	if err != nil {
		t.Fatal(err)
	}
	conform(t, l)
}

// ASVS 7.4.1, 7.4.2.
func TestRedisKeepsItsPromises(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	client := newClient(t, server.Addr)
	l, err := revoke.Redis(client, revoke.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	conform(t, l)
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if ttl, err := client.Do(t.Context(), client.B().Pttl().Key(key).Build()).AsInt64(); err != nil || ttl <= 0 {
			t.Errorf("%s never expires: %d, %v", key, ttl, err)
		}
	}
	other, err := revoke.Redis(newClient(t, server.Addr), revoke.Config{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if revoked, err := other.Revoked(t.Context(), principal("alice", "a1", time.Now())); err != nil || !revoked {
		t.Errorf("another replica does not see it: %v, %v", revoked, err)
	}
	server.Kill()
	if _, err := other.Revoked(t.Context(), principal("alice", "a1", time.Now())); err == nil {
		t.Error("no error while Redis is down")
	}
}

func TestClusterKeepsThePromisesToo(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	l, err := revoke.Redis(newClient(t, nodes[0].Addr), revoke.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	conform(t, l)
}

// Many instants for one subject at once: the latest holds.
func TestLatestInstantHolds(t *testing.T) {
	t.Parallel()
	inMemory, err := revoke.Memory(revoke.Config{})
	if err != nil {
		t.Fatal(err)
	}
	inRedis, err := revoke.Redis(newClient(t, testserver.Redis(t).Addr), revoke.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	for _, l := range []*revoke.List{inMemory, inRedis} {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if err := l.Subject(t.Context(), "i", "s", now.Add(time.Duration(i)*time.Second)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p := &identity.Principal{Issuer: "i", Subject: "s", IssuedAt: now.Add(48 * time.Second)}
		if revoked, err := l.Revoked(t.Context(), p); err != nil || !revoked {
			t.Errorf("just before the latest: %v, %v", revoked, err)
		}
		p.IssuedAt = now.Add(49 * time.Second)
		if revoked, err := l.Revoked(t.Context(), p); err != nil || revoked {
			t.Errorf("at the latest: %v, %v", revoked, err)
		}
	}
}

func TestFullMemoryRefusesRatherThanForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := revoke.Memory(revoke.Config{MaxEntries: 2})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, jti := range []string{"1", "2"} {
			if err := l.Token(t.Context(), principal("a", jti, now)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Token(t.Context(), principal("a", "3", now)); !errors.Is(err, revoke.ErrFull) {
			t.Errorf("full: %v", err)
		}
		if err := l.Subject(t.Context(), "i", "s", now); !errors.Is(err, revoke.ErrFull) {
			t.Errorf("full: %v", err)
		}
		if err := l.Token(t.Context(), principal("a", "1", now)); err != nil {
			t.Errorf("one that is there: %v", err)
		}
		time.Sleep(16 * time.Minute) // exp and leeway have passed
		if err := l.Token(t.Context(), principal("a", "3", time.Now())); err != nil {
			t.Errorf("after the others ran out: %v", err)
		}
	})
}

func TestMistakesAreErrors(t *testing.T) {
	t.Parallel()
	for _, cfg := range []revoke.Config{{MaxTokenAge: -1}, {Leeway: -1}, {Timeout: -1}, {MaxEntries: -1}} {
		if _, err := revoke.Memory(cfg); !errors.Is(err, revoke.ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := revoke.Redis(nil, revoke.Config{}); !errors.Is(err, revoke.ErrConfig) {
		t.Errorf("no client: %v", err)
	}
}

func ExampleMemory() {
	list, err := revoke.Memory(revoke.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, p := context.Background(), principal("alice", "id-1", time.Now())
	before, _ := list.Revoked(ctx, p)
	_ = list.Token(ctx, p) // log out
	after, _ := list.Revoked(ctx, p)
	fmt.Println(before, after)
	// Output: false true
}

func TestRedisLosesNoPartOfAMillisecond(t *testing.T) {
	t.Parallel()
	l, err := revoke.Redis(newClient(t, testserver.Redis(t).Addr), revoke.Config{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Truncate(time.Millisecond)
	p := principal("alice", "a1", start.Add(200*time.Microsecond))
	if err := l.Subject(t.Context(), p.Issuer, "alice", start.Add(500*time.Microsecond)); err != nil {
		t.Fatal(err)
	}
	if revoked, err := l.Revoked(t.Context(), p); err != nil || !revoked {
		t.Errorf("revoked is %v, %v", revoked, err)
	}
}
