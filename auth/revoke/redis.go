package revoke

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// Redis makes a list that all replicas share: one round trip per question. It
// needs Redis 2.6 or newer, alone, with Sentinel or as a cluster; the client stays
// the caller's. What a failover loses was revoked in vain: let tokens be short.
func Redis(client rueidis.Client, cfg Config) (*List, error) {
	if client == nil {
		return nil, fmt.Errorf("%w: no client", ErrConfig)
	}
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	return &List{&server{client, cfg.Prefix, cfg.Timeout}, cfg.MaxTokenAge, cfg.Leeway}, nil
}

type server struct {
	client  rueidis.Client
	prefix  string
	timeout time.Duration
}

func (s *server) key(kind string, name id) string {
	return s.prefix + kind + hex.EncodeToString(name[:])
}

// left is how long an entry has to live, in milliseconds; an entry that has run
// out already is kept for a moment, because Redis refuses none at all.
func left(until time.Time) string {
	return strconv.FormatInt(max(time.Until(until).Milliseconds(), 1000), 10)
}

// raise sets a key and its time to live unless it holds a later instant.
var raise = rueidis.NewLuaScript(`
local old = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) > old then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1`)

func (s *server) addToken(ctx context.Context, token id, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return raise.Exec(ctx, s.client, []string{s.key("t:", token)}, []string{strconv.FormatInt(until.UnixMilli(), 10), left(until)}).Error()
}

func (s *server) addSubject(ctx context.Context, subject id, before, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return raise.Exec(ctx, s.client, []string{s.key("s:", subject)}, []string{strconv.FormatInt(before.Add(time.Millisecond-1).UnixMilli(), 10), left(until)}).Error()
}

var errValue = errors.New("revoke: a value in Redis is not an instant")

func (s *server) find(ctx context.Context, token, subject id) (bool, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	commands := make(rueidis.Commands, 1, 2)
	commands[0] = s.client.B().Get().Key(s.key("s:", subject)).Build()
	if token != (id{}) {
		commands = append(commands, s.client.B().Exists().Key(s.key("t:", token)).Build())
	}
	replies := s.client.DoMulti(ctx, commands...)
	var before time.Time
	switch text, err := replies[0].ToString(); {
	case rueidis.IsRedisNil(err):
	case err != nil:
		return false, time.Time{}, err
	default:
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return false, time.Time{}, errValue
		}
		before = time.UnixMilli(ms)
	}
	if len(replies) == 1 {
		return false, before, nil
	}
	n, err := replies[1].AsInt64()
	return n > 0, before, err
}
