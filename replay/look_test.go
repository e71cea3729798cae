package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// nodes is a client of several nodes.
type nodes struct {
	rueidis.Client

	all map[string]rueidis.Client
}

func (n nodes) Nodes() map[string]rueidis.Client { return n.all }

// A node that must not be asked says nothing about the others.
func TestAllNodesAreLookedAtUntilOneAnswers(t *testing.T) {
	t.Parallel()
	yes := func([]string) string { return ":1\r\n" }
	good := newStub(t, yes)
	good.info = "$45\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lfu\r\n\r\n"
	bad := newStub(t, yes)
	bad.info = "-NOPERM no INFO for you\r\n"
	client, refusing := stubClient(t, good.addr, false), stubClient(t, bad.addr, false)
	all := map[string]rueidis.Client{"good": client, "good, too": client}
	for i := range 20 { // they are asked in any order
		all[strconv.Itoa(i)] = refusing
	}
	var out bytes.Buffer
	store := must(t)(replay.Redis(nodes{client, all}, replay.RedisConfig{
		Timeout: patient, Logger: slog.New(slog.NewTextHandler(&out, nil)),
	}))
	accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
	replay.Looked(store)
	if n := strings.Count(out.String(), "maxmemory_policy=allkeys-lfu"); n != 1 {
		t.Errorf("%d warnings: %s", n, &out)
	}
}

// A server that does not tell its policy is not warned about, nor one without a limit.
func TestAServerThatTellsTooLittleIsNotWarnedAbout(t *testing.T) {
	t.Parallel()
	for _, info := range []string{"maxmemory:100\r\n", "maxmemory_policy:allkeys-lru\r\n", "maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", "maxmemory:many\r\nmaxmemory_policy:allkeys-lru\r\n"} {
		s := newStub(t, func([]string) string { return ":1\r\n" })
		s.info = fmt.Sprintf("$%d\r\n%s\r\n", len(info), info)
		var out bytes.Buffer
		store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: patient, Logger: slog.New(slog.NewTextHandler(&out, nil))}))
		accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
		replay.Looked(store)
		if out.Len() > 0 {
			t.Errorf("%q: %s", info, &out)
		}
	}
}

// held is a client whose INFO takes until it is released, or its time is over.
type held struct {
	rueidis.Client

	begun, release chan struct{}
	heeds          bool // the end of its time
}

func (h held) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if cmd.Commands()[0] == "INFO" {
		close(h.begun)
		var over <-chan struct{}
		if h.heeds {
			over = ctx.Done()
		}
		select {
		case <-h.release:
		case <-over:
		}
	}
	return h.Client.Do(ctx, cmd)
}

func (h held) Nodes() map[string]rueidis.Client { return map[string]rueidis.Client{"": h} }

// The client may be closed after the store, so nothing may still use it.
func TestCloseWaitsForTheLookAtTheServer(t *testing.T) {
	t.Parallel()
	client := held{Client: stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false), begun: make(chan struct{}), release: make(chan struct{})}
	store := must(t)(replay.Redis(client, replay.RedisConfig{Timeout: patient}))
	accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
	<-client.begun
	closed := make(chan struct{})
	go func() { defer close(closed); _ = store.Close() }()
	eventually(t, "the store is told to close", func() error {
		if !replay.Stopped(store) {
			return errors.New("not yet")
		}
		return nil
	})
	eventually(t, "the uses have ended", func() error {
		if replay.Workers(store) > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	select {
	case <-closed:
		t.Error("closed while the server is looked at")
	case <-time.After(50 * time.Millisecond):
	}
	close(client.release)
	<-closed
}

func TestTheLookAtAServerThatHangsEnds(t *testing.T) {
	t.Parallel()
	client := held{Client: stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false), begun: make(chan struct{}), heeds: true}
	store := must(t)(replay.Redis(client, replay.RedisConfig{}))
	_, _ = store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
	<-client.begun
	ended := make(chan struct{})
	go func() { defer close(ended); replay.Looked(store) }()
	select {
	case <-ended:
	case <-time.After(patient): // 1 s, on a quiet machine
		t.Error("it goes on")
	}
}
