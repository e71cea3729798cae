package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	pulse    *pulse
	*background
}

// background is what runs beside the uses, until it is stopped.
type background struct {
	mu     sync.Mutex // between starting and stopping
	work   sync.WaitGroup
	ctx    context.Context //nolint:containedctx // ends what runs in the background
	cancel context.CancelFunc
}

func newBackground() *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{ctx: ctx, cancel: cancel}
}

// start runs f beside its caller and reports true, or false after stop.
func (b *background) start(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.work.Go(f)
	return true
}

func (b *background) stop() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.work.Wait()
}

func newServer(client rueidis.Client, script, sha string, cfg RedisConfig) server {
	return server{
		client: client, text: script, sha: sha,
		replicas: int64(cfg.MinReplicas), log: cfg.Logger,
		looked: &sync.Once{}, patience: max(time.Second, cfg.Timeout), pulse: newPulse(), background: newBackground(),
	}
}

// decide runs the script. A call that fails is never repeated: it may have run.
func (s *server) decide(ctx context.Context, key string, args ...string) (fresh bool, err error) {
	if s.ctx.Err() != nil {
		return false, errClosed
	}
	s.looked.Do(func() { s.start(s.look) })
	switch {
	case s.replicas > 0:
		var written atomic.Bool
		fresh, err = s.aside(ctx, func() (bool, error) { return s.write(ctx, key, args, &written) })
		if err != nil && written.Load() && !errors.Is(err, errReplicas) {
			err = errReplicas
		}
	case s.pulse.beats() && s.client.Mode() != rueidis.ClientModeCluster:
		fresh, err = s.run(ctx, key, args)
	default:
		fresh, err = s.aside(ctx, func() (bool, error) { return s.run(ctx, key, args) })
	}
	_, answered := rueidis.IsRedisErr(err)
	s.pulse.note(answered || err == nil)
	return fresh, err
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

// aside tries no longer than ctx lasts: the client may wait for a connection, of
// which a cluster has several, without looking at it. What comes too late counts as
// used.
func (s *server) aside(ctx context.Context, try func() (bool, error)) (fresh bool, err error) {
	type answer struct {
		fresh bool
		err   error
	}
	answered := make(chan answer, 1)
	if !s.start(func() {
		fresh, err := try()
		answered <- answer{fresh, err}
	}) {
		return false, errClosed
	}
	select {
	case a := <-answered:
		return a.fresh, a.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// write asks on the connection of the write how many replicas have it: on another
// one the answer would be about that connection's writes, that is, none. Once the
// id is recorded, whatever else happens is a confirmation that is missing. It asks
// in a second trip: in one, a replay would wait for the replicas, too, and a deadline
// over meanwhile would not tell whether the id is recorded.
func (s *server) write(ctx context.Context, key string, args []string, written *atomic.Bool) (fresh bool, err error) {
	err = s.client.Dedicated(func(c rueidis.DedicatedClient) (err error) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// EVAL carries the script: a server that has lost it costs no second try.
		fresh, err = yes(c.Do(ctx, c.B().Eval().Script(s.text).Numkeys(1).Key(key).Arg(args...).Build()))
		if err != nil || !fresh {
			return err
		}
		written.Store(true)
		wait := int64(1)
		if deadline, ok := ctx.Deadline(); ok {
			wait = max(1, time.Until(deadline).Milliseconds()*4/5)
		}
		switch n, err := c.Do(ctx, c.B().Wait().Numreplicas(s.replicas).Timeout(wait).Build()).AsInt64(); {
		case err != nil:
			return fmt.Errorf("%w: %w", errReplicas, err)
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
