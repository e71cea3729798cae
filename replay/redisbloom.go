package replay

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// BF.INSERT makes a missing filter and adds in one step, with the rate asked for;
// BF.ADD would make one of 100 entries at 1 %. Its reply may hold an error where
// the answer should be, which must not be taken for a yes; with RESP3 it may hold a
// boolean.
const (
	bloomScript = `local r = redis.call('BF.INSERT', KEYS[1], 'CAPACITY', ARGV[3], 'ERROR', ARGV[4], 'ITEMS', ARGV[1])
local v = r[1]
if type(v) == 'table' and v.err then return v end
if v == true then v = 1 elseif v == false then v = 0 end
if v ~= 0 and v ~= 1 then return redis.error_reply('ERR no answer from BF.INSERT') end
if redis.call('PTTL', KEYS[1]) < ARGV[2] - 5000 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return v`
	bloomSHA = "6119ed8b7a89ceb03c9c80c2dd2f3d7c5bdee026"
)

type redisBloom struct {
	server
	windows
	prefix, capacity, rate string
}

// RedisBloom returns a store of Bloom filters on the server, one per window: Redis
// 8, or the RedisBloom or valkey-bloom module. Without them every use is
// [ErrNoBloom]. It takes some 6 bytes per id at the default rate; [Redis] takes
// 10, needs no module and refuses nothing by mistake. The client stays the
// caller's.
func RedisBloom(client rueidis.Client, cfg RedisConfig) (Store, error) {
	cfg, w, err := cfg.withDefaults(client, "ginsec:rb:", 1<<16)
	if err != nil {
		return nil, err
	}
	s := &redisBloom{
		server: newServer(client, bloomScript, bloomSHA, cfg), windows: w,
		prefix:   cfg.Prefix + strconv.FormatInt(w.seconds, 36) + ":",
		capacity: strconv.Itoa(cfg.Capacity),
		rate:     strconv.FormatFloat(cfg.FalsePositiveRate, 'f', -1, 64),
	}
	return newFronted(s, w, cfg.Timeout), nil
}

func (s *redisBloom) Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	i := s.index(until)
	ttl, err := timeToLive(s.end(i))
	if ttl == 0 {
		return false, err
	}
	fresh, err = s.decide(ctx, s.prefix+strconv.FormatInt(i, 36), string(id[:]), strconv.FormatInt(ttl, 10), s.capacity, s.rate)
	if reply := (*rueidis.RedisError)(nil); errors.As(err, &reply) && unknownCommand(reply.Error()) {
		return false, ErrNoBloom
	}
	return fresh, err
}

// unknownCommand recognises a server without the command, told directly or from
// within a script.
func unknownCommand(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "unknown") && strings.Contains(text, "command")
}
