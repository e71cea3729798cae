package replay

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// RedisConfig configures the stores in Redis. Every zero value is the documented
// default. All instances must agree on Capacity, Prefix and Window: after a change
// of one an id may pass once more.
type RedisConfig struct {
	_ [0]func()

	// Capacity is the number of ids expected in one window. It is about memory
	// only. [Redis] stays cheap from a quarter of it to nearly twice; [RedisBloom]
	// allocates a filter for all of it on a window's first use, and grows. Default
	// 1 048 576 for Redis, 65 536 for RedisBloom.
	Capacity int

	// FalsePositiveRate is the share of first uses that [RedisBloom] refuses by
	// mistake. Default 1e-9; 1e-12 to 0.01. [Redis] is exact.
	FalsePositiveRate float64

	// Logger is told once when the server may throw ids away (maxmemory-policy).
	// That is looked at on the first use; a look that fails is not repeated. Default
	// slog.Default().
	Logger *slog.Logger

	// MinReplicas is how many replicas must confirm a use before it is accepted;
	// with fewer the use fails. It narrows the window in which a failover forgets
	// a use, and does not close it. It costs a second round trip and a connection per
	// concurrent use. Default 0.
	MinReplicas int

	// Prefix begins every key. Default "ginsec:rp:" for [Redis], "ginsec:rb:" for
	// [RedisBloom].
	Prefix string

	// Timeout bounds one use, unless the guard has a Timeout of its own. Default
	// 50 ms, at most 30 s.
	Timeout time.Duration

	// Window is the step in which ids are forgotten. It should be about as long as
	// the tokens live. Default 1 h; whole seconds, 1 s to 31 days.
	Window time.Duration
}

// perBucket is how many ids share a key at Capacity. Redis keeps up to 512 (its
// set-max-intset-entries) integers as a plain sorted array of 8 bytes each.
const perBucket = 256

// The expiry is given as a distance, not as a time: the server's clock may be
// minutes off. It is only ever moved further away, so that the most careful of
// several instances decides.
const (
	setScript = `local call, key = redis.call, KEYS[1]
local r = call('SADD', key, ARGV[1])
if r == 1 and call('PTTL', key) < ARGV[2] - 5000 then call('PEXPIRE', key, ARGV[2]) end
return r`
	setSHA = "336d85a1f130cf969cbac6cfdea842d7316856e4"
)

// redisSet keeps 64 bits of every id in one of many sets, chosen by other bits of
// it: with n ids in a window and 4096 sets a first use is refused by mistake with
// probability n/2^76.
type redisSet struct {
	server
	windows
	prefix  string
	buckets uint64
}

// Redis returns an exact store in any Redis from version 6, Valkey, Sentinel and
// Cluster included, without a module. It refuses no first use by mistake and takes
// some 10 bytes per id. The client stays the caller's.
func Redis(client rueidis.Client, cfg RedisConfig) (Store, error) {
	cfg, w, err := cfg.withDefaults(client, "ginsec:rp:", 1<<20)
	if err != nil {
		return nil, err
	}
	buckets := uint64(max(1, (cfg.Capacity+perBucket-1)/perBucket))
	s := &redisSet{
		server: newServer(client, setScript, setSHA, cfg), windows: w, buckets: buckets,
		// Two configurations that would divide ids differently never share a key.
		prefix: cfg.Prefix + strconv.FormatInt(w.seconds, 36) + "-" + strconv.FormatUint(buckets, 36) + ":",
	}
	return newFronted(s, w, cfg.Timeout), nil
}

func (s *redisSet) Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	i := s.index(until)
	ttl, err := timeToLive(s.end(i))
	if ttl == 0 {
		return false, err
	}
	var stack [256]byte // key, member and expiry become one string
	text := append(stack[:0], s.prefix...)
	text = append(strconv.AppendInt(text, i, 36), ':')
	text = strconv.AppendUint(text, binary.BigEndian.Uint64(id[8:])%s.buckets, 36)
	key := len(text)
	// Signed: a set with an integer beyond an int64 is a hash table of text.
	text = strconv.AppendInt(text, int64(binary.BigEndian.Uint64(id[:8])), 10)
	member := len(text)
	all := string(strconv.AppendInt(text, ttl, 10))
	return s.decide(ctx, all[:key], all[key:member], all[member:])
}

// timeToLive is the distance to the end of a window in milliseconds, or 0 when it
// is over: that expiry would delete the key and make its ids fresh.
func timeToLive(end time.Time) (ms int64, err error) {
	left := time.Until(end)
	if left <= 0 {
		return 0, nil
	}
	if left > maxAhead {
		return 0, ErrLifetime
	}
	return (left + pad).Milliseconds(), nil
}

func (c RedisConfig) withDefaults(client rueidis.Client, prefix string, capacity int) (RedisConfig, windows, error) {
	f := faults{config: "RedisConfig"}
	f.unless(client != nil, "client", "must not be nil")
	w := checkWindow(&f, c.Window)
	if c.Capacity == 0 {
		c.Capacity = capacity
	}
	f.unless(c.Capacity > 0 && c.Capacity <= maxCapacity, "Capacity", "must not be negative, and 2^30 at most")
	if c.FalsePositiveRate == 0 {
		c.FalsePositiveRate = defaultRate
	}
	f.unless(c.FalsePositiveRate >= 1e-12 && c.FalsePositiveRate <= 0.01, "FalsePositiveRate", "must be 1e-12 to 0.01")
	f.unless(c.MinReplicas >= 0 && c.MinReplicas <= 16, "MinReplicas", "must be 0 to 16")
	if c.Prefix == "" {
		c.Prefix = prefix
	}
	f.unless(len(c.Prefix) <= 128, "Prefix", "must be 128 bytes at most")
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	f.unless(c.Timeout > 0 && c.Timeout <= maxTimeout, "Timeout", "must be positive and 30 s at most")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, w, f.err()
}
