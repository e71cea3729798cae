package replay

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// server runs one script, which is one decision, on a Redis server.
type server struct {
	client   rueidis.Client
	script   *rueidis.Lua
	text     string
	replicas int64
	log      *slog.Logger
	looked   *sync.Once
	work     *sync.WaitGroup
	ctx      context.Context //nolint:containedctx // ends what runs in the background
	cancel   context.CancelFunc
}

func newServer(client rueidis.Client, script string, cfg RedisConfig) server {
	ctx, cancel := context.WithCancel(context.Background())
	return server{
		client: client, script: rueidis.NewLuaScript(script), text: script,
		replicas: int64(cfg.MinReplicas), log: cfg.Logger,
		looked: &sync.Once{}, work: &sync.WaitGroup{}, ctx: ctx, cancel: cancel,
	}
}

// decide runs the script. A call that fails is never repeated: it may have run.
func (s *server) decide(ctx context.Context, key string, args ...string) (fresh bool, err error) {
	if s.ctx.Err() != nil {
		return false, errClosed
	}
	s.looked.Do(func() { s.work.Go(s.look) })
	if s.replicas > 0 {
		return s.confirmed(ctx, key, args)
	}
	return yes(s.script.Exec(ctx, s.client, []string{key}, args))
}

// yes reads the script's answer: an integer, or a boolean where a server gives one
// with RESP3. Anything else is no answer, and never an acceptance.
func yes(reply rueidis.RedisResult) (bool, error) {
	m, err := reply.ToMessage()
	switch {
	case err != nil:
		return false, err
	case m.IsBool():
		return m.ToBool()
	case m.IsInt64():
		if n, err := m.ToInt64(); err != nil || n == 0 || n == 1 {
			return n == 1, err
		}
	}
	return false, errAnswer
}

// confirmed asks on the same connection how many replicas have the write: on
// another one the answer would be about that connection's writes, that is, none.
func (s *server) confirmed(ctx context.Context, key string, args []string) (fresh bool, err error) {
	wait := int64(1)
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(1, time.Until(deadline).Milliseconds()*4/5)
	}
	err = s.client.Dedicated(func(c rueidis.DedicatedClient) error {
		// EVAL carries the script: a server that has lost it costs no second trip.
		replies := c.DoMulti(ctx,
			c.B().Eval().Script(s.text).Numkeys(1).Key(key).Arg(args...).Build(),
			c.B().Wait().Numreplicas(s.replicas).Timeout(wait).Build())
		var err error
		if fresh, err = yes(replies[0]); err != nil || !fresh {
			return err
		}
		confirmed, err := replies[1].AsInt64()
		if err == nil && confirmed < s.replicas {
			err = errReplicas
		}
		return err
	})
	return fresh && err == nil, err
}

// look warns, once and in the background, when the server may evict ids before
// their time: every key has an expiry, so each policy but noeviction may do it.
func (s *server) look() {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	for _, node := range s.client.Nodes() {
		info, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
		if err != nil {
			continue // not allowed, or not there: the next node may answer
		}
		limit, policy := field(info, "maxmemory"), field(info, "maxmemory_policy")
		if n, err := strconv.ParseInt(limit, 10, 64); err == nil && n > 0 && policy != "" && policy != "noeviction" {
			s.log.WarnContext(ctx, "replay: Redis may evict ids before they expire and a used token may pass again; use maxmemory-policy noeviction",
				"maxmemory_policy", policy)
			return
		}
	}
}

// field returns the value of a line "name:value".
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Close ends the background work. The client stays open: it is the caller's.
func (s *server) Close() error {
	s.cancel()
	s.work.Wait()
	return nil
}
