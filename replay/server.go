package replay

import (
	"context"
	"errors"
	"fmt"
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
	text     string // of the script
	sha      string // by which Redis knows it
	replicas int64
	log      *slog.Logger
	looked   *sync.Once
	patience time.Duration // of the look at the server's settings
	*workers
}

func newServer(client rueidis.Client, script, sha string, cfg RedisConfig) server {
	return server{
		client: client, text: script, sha: sha,
		replicas: int64(cfg.MinReplicas), log: cfg.Logger,
		looked: &sync.Once{}, patience: max(time.Second, cfg.Timeout), workers: newWorkers(),
	}
}

// decide runs the script, and waits no longer than ctx lasts: the client may wait for
// a connection, which it or another of its users makes, without looking at it. What
// comes too late counts as used. A call that fails is never repeated: it may have run.
func (s *server) decide(ctx context.Context, key string, args ...string) (fresh bool, err error) {
	s.looked.Do(func() { s.start(s.look) })
	c := s.call(ctx, key, args)
	if err := s.hand(c); err != nil {
		return false, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		select {
		case <-c.done: // both at once: what the server has decided counts
		default:
			if c.written.Load() {
				return false, errReplicas
			}
			return false, ctx.Err()
		}
	}
	fresh, err = c.fresh, c.err
	s.spare(c)
	return fresh, err
}

// try makes a call. A panic of what the application has hooked into its client must
// not end the process, and is no answer.
func (s *server) try(c *call) {
	defer func() {
		if !errors.Is(c.err, errReplicas) && s.unconfirmed(c) {
			c.err = fmt.Errorf("%w: %w", errReplicas, c.err)
		}
	}()
	defer recovered(&c.err)
	if s.replicas == 0 {
		c.fresh, c.err = s.run(c.ctx, c.key, c.args)
		return
	}
	c.fresh, c.err = s.write(c)
}

// unconfirmed reports whether a failed call is one that replicas should have confirmed:
// the id is recorded, or the server has answered and so may answer others. A master that
// has lost its replicas or its place, or a slot of a cluster that moves, says so instead of
// recording: if that left this process alone, another would accept the id, too.
func (s *server) unconfirmed(c *call) bool {
	return c.err != nil && (c.written.Load() || s.replicas > 0 && answered(c.err))
}

// answered reports whether an error is one of a server that has answered.
func answered(err error) bool {
	var reply *rueidis.RedisError
	return errors.As(err, &reply) || errors.Is(err, errAnswer)
}

// recovered makes a panic an error. It must be deferred itself.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

// run names the script by its hash, and sends it to a server that has lost it.
func (s *server) run(ctx context.Context, key string, args []string) (fresh bool, err error) {
	reply := s.client.Do(ctx, s.client.B().Evalsha().Sha1(s.sha).Numkeys(1).Key(key).Arg(args...).Build())
	if e, ok := rueidis.IsRedisErr(reply.Error()); ok && e.IsNoScript() {
		reply = s.client.Do(ctx, s.client.B().Eval().Script(s.text).Numkeys(1).Key(key).Arg(args...).Build())
	}
	return yes(reply)
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

// write asks on the connection of the write how many replicas have it: on another
// one the answer would be about that connection's writes, that is, none. Once the
// id is recorded, whatever else happens is a confirmation that is missing. It asks
// in a second trip: in one, a replay would wait for the replicas, too, and a deadline
// over meanwhile would not tell whether the id is recorded.
func (s *server) write(c *call) (fresh bool, err error) {
	err = s.client.Dedicated(func(d rueidis.DedicatedClient) (err error) {
		defer recovered(&err) // here, or the connection would never be given back
		// EVAL carries the script: a server that has lost it costs no second try.
		fresh, err = yes(d.Do(c.ctx, d.B().Eval().Script(s.text).Numkeys(1).Key(c.key).Arg(c.args...).Build()))
		if err != nil || !fresh {
			return err
		}
		c.written.Store(true)
		wait := int64(1)
		if deadline, ok := c.ctx.Deadline(); ok {
			wait = max(1, time.Until(deadline).Milliseconds()*4/5)
		}
		switch n, err := d.Do(c.ctx, d.B().Wait().Numreplicas(s.replicas).Timeout(wait).Build()).AsInt64(); {
		case err != nil: // its text alone: nothing is missing for the write
			return fmt.Errorf("%w: %s", errReplicas, err.Error())
		case n < s.replicas:
			return errReplicas
		}
		return nil
	})
	return fresh && err == nil, err
}

// look warns, once and in the background, when the server may evict ids before
// their time: every key has an expiry, so each policy but noeviction may do it. A
// command under way may outlive the store's end: Close waits for it.
func (s *server) look() {
	defer func() { _ = recover() }() // of a hook, or of the logger itself: nobody can be told
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
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
	s.stop()
	return nil
}
