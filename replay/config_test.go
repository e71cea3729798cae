package replay_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

const day = 24 * time.Hour

// What a Config may hold ends where its documentation says, on either side.
func TestTheBoundsOfAConfigAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	client := stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false)
	guard := func(cfg replay.Config) func() error {
		return func() error { _, err := replay.New(cfg); return err }
	}
	local := func(cfg replay.LocalConfig) func() error {
		return func() error { _, err := replay.Local(cfg); return err }
	}
	shared := func(cfg replay.RedisConfig) func() error {
		return func() error {
			_, err := replay.Redis(client, cfg)
			_, other := replay.RedisBloom(client, cfg)
			if (err == nil) != (other == nil) {
				t.Errorf("%+v: Redis %v, RedisBloom %v", cfg, err, other)
			}
			return err
		}
	}
	for name, tc := range map[string]struct{ good, bad []func() error }{
		"Config.Leeway": {
			[]func() error{guard(replay.Config{Leeway: 5 * time.Minute}), guard(replay.Config{Leeway: -time.Hour})},
			[]func() error{guard(replay.Config{Leeway: 5*time.Minute + 1})},
		},
		"Config.MaxLifetime": {
			[]func() error{guard(replay.Config{MaxLifetime: 31 * day}), guard(replay.Config{MaxLifetime: 1})},
			[]func() error{guard(replay.Config{MaxLifetime: 31*day + 1}), guard(replay.Config{MaxLifetime: -1})},
		},
		"Config.Timeout": {
			[]func() error{guard(replay.Config{Timeout: 30 * time.Second})},
			[]func() error{guard(replay.Config{Timeout: 30*time.Second + 1}), guard(replay.Config{Timeout: -1})},
		},
		"Config.OnStoreFailure": {
			[]func() error{guard(replay.Config{OnStoreFailure: replay.LocalFallback})},
			[]func() error{guard(replay.Config{OnStoreFailure: replay.LocalFallback + 1})},
		},
		"LocalConfig.Capacity": {
			[]func() error{local(replay.LocalConfig{Capacity: 1 << 30}), local(replay.LocalConfig{Capacity: 1})},
			[]func() error{local(replay.LocalConfig{Capacity: 1<<30 + 1}), local(replay.LocalConfig{Capacity: -1})},
		},
		"LocalConfig.FalsePositiveRate": {
			[]func() error{local(replay.LocalConfig{FalsePositiveRate: 1e-12}), local(replay.LocalConfig{FalsePositiveRate: 0.01})},
			[]func() error{local(replay.LocalConfig{FalsePositiveRate: 9e-13}), local(replay.LocalConfig{FalsePositiveRate: 0.011})},
		},
		"LocalConfig.MaxBytes": {
			[]func() error{local(replay.LocalConfig{MaxBytes: 1 << 20})},
			[]func() error{local(replay.LocalConfig{MaxBytes: 1<<20 - 1}), local(replay.LocalConfig{MaxBytes: -1})},
		},
		"LocalConfig.Window": {
			[]func() error{local(replay.LocalConfig{Window: time.Second}), local(replay.LocalConfig{Window: 31 * day})},
			[]func() error{
				local(replay.LocalConfig{Window: 999 * time.Millisecond}), local(replay.LocalConfig{Window: 31*day + time.Second}),
				local(replay.LocalConfig{Window: time.Second + 1}), local(replay.LocalConfig{Window: -time.Second}),
			},
		},
		"RedisConfig.Capacity": {
			[]func() error{shared(replay.RedisConfig{Capacity: 1 << 30}), shared(replay.RedisConfig{Capacity: 1})},
			[]func() error{shared(replay.RedisConfig{Capacity: 1<<30 + 1}), shared(replay.RedisConfig{Capacity: -1})},
		},
		"RedisConfig.FalsePositiveRate": {
			[]func() error{shared(replay.RedisConfig{FalsePositiveRate: 1e-12}), shared(replay.RedisConfig{FalsePositiveRate: 0.01})},
			[]func() error{shared(replay.RedisConfig{FalsePositiveRate: 9e-13}), shared(replay.RedisConfig{FalsePositiveRate: 0.011})},
		},
		"RedisConfig.MinReplicas": {
			[]func() error{shared(replay.RedisConfig{MinReplicas: 16})},
			[]func() error{shared(replay.RedisConfig{MinReplicas: 17}), shared(replay.RedisConfig{MinReplicas: -1})},
		},
		"RedisConfig.Prefix": {
			[]func() error{shared(replay.RedisConfig{Prefix: strings.Repeat("p", 128)})},
			[]func() error{shared(replay.RedisConfig{Prefix: strings.Repeat("p", 129)})},
		},
		"RedisConfig.Timeout": {
			[]func() error{shared(replay.RedisConfig{Timeout: 30 * time.Second})},
			[]func() error{shared(replay.RedisConfig{Timeout: 30*time.Second + 1}), shared(replay.RedisConfig{Timeout: -1})},
		},
		"RedisConfig.Window": {
			[]func() error{shared(replay.RedisConfig{Window: time.Second}), shared(replay.RedisConfig{Window: 31 * day})},
			[]func() error{shared(replay.RedisConfig{Window: 31*day + time.Second}), shared(replay.RedisConfig{Window: -time.Second})},
		},
	} {
		for i, open := range tc.good {
			if err := open(); err != nil {
				t.Errorf("%s, good %d: %v", name, i, err)
			}
		}
		for i, open := range tc.bad {
			var fault *replay.ConfigError
			if err := open(); !errors.As(err, &fault) || fault.Field != name {
				t.Errorf("%s, bad %d: %v", name, i, err)
			}
		}
	}
}

// Processes of different versions share what is in Redis: an id is the same for ever.
func TestIDsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for want, tok := range map[string]replay.Token{
		"66687aadf862bd776c8fc18b8e9f8e20": {},
		"2b86bd3ad4e93663bc414460f5440788": {Kind: replay.KindToken, Issuer: "https://id.example", Client: "shop", ID: "1", NotAfter: time.Unix(1, 0)},
		"ee6358d0ffce12a332d1be3ab11ac349": {Kind: replay.KindNonce, ID: strings.Repeat("x", 1024), IssuedAt: time.Unix(1, 0)},
	} {
		if id := replay.ID(tok); hex.EncodeToString(id[:]) != want {
			t.Errorf("%.60q: %x", tok.ID, id)
		}
	}
}

// So are the keys, which Capacity and Window are part of.
func TestKeysStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(time.Hour).Truncate(time.Minute)
	for begin, cfg := range map[string]replay.RedisConfig{
		"ginsec:rp:2s0-35s:": {}, "ginsec:rp:1o-1:": {Capacity: 1, Window: time.Minute}, "p:2s0-1:": {Capacity: 256, Prefix: "p:"},
		"ginsec:rp:2s0-2:": {Capacity: 257}, "ginsec:rp:2s0-2t4x:": {Capacity: 1<<25 + 1},
	} {
		s := newStub(t, func([]string) string { return ":1\r\n" })
		cfg.Timeout = patient
		accepts(t, must(t)(replay.Redis(stubClient(t, s.addr, false), cfg)), storetest.ID(), until)
		if key := s.seen()[0][3]; !strings.HasPrefix(key, begin) {
			t.Errorf("%+v: %s does not begin with %s", cfg, key, begin)
		}
	}
}

// Ids whose marks are those of two others each would be refused, if anybody could tell
// where these are.
func TestIDsMadeToMeetDoNot(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Local(replay.LocalConfig{}))
	until := time.Now().Add(time.Hour)
	for n := range 5000 {
		first := storetest.ID()
		for _, steps := range []uint64{0, 2, 1} { // the last one's are those of the others
			if id := replay.Ahead(first, steps); !accepts(t, store, id, until) {
				t.Fatalf("round %d: the id %d steps ahead was refused", n, steps)
			}
		}
	}
}
