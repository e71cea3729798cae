package growth_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/sethvargo/go-limiter/memorystore"

	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// batch is how many calls one point is measured over.
const batch = 100_000

func policy(name string) ratelimit.Policy {
	key := ratelimit.By(func(*gin.Context) (string, bool) { return "", false })
	return ratelimit.Policy{Name: name, Limit: 1_000_000_000, Window: time.Hour, Key: key}
}

// names are keys that are parts of one long text: ten million texts of their own
// would cost the collector more than what is measured.
type names string

const nameLength = 13

func newNames(n int) names {
	var b strings.Builder
	b.Grow(n * nameLength)
	for i := range n {
		fmt.Fprintf(&b, "user_%08d", i)
	}
	return names(b.String())
}

func (n names) at(i int) string { return string(n[i*nameLength : (i+1)*nameLength]) }

// BenchmarkKeys draws from n live keys at random.
func BenchmarkKeys(b *testing.B) {
	sizes := decades(10_000_000)
	keys := newNames(sizes[len(sizes)-1])
	ours, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 2 * sizes[len(sizes)-1]})
	check(b, err)
	l, err := ratelimit.New(ratelimit.Config{Store: ours})
	check(b, err)
	defer l.Close()
	p, ctx := policy("user"), b.Context()
	grow(b, "ginsec/", sizes, keys, func(key string) bool {
		r, err := l.Take(ctx, ratelimit.Charge{Policy: p, Key: key})
		return err == nil && r.Allowed
	})
	if len(sizes) > 7 {
		sizes = sizes[:7] // a million is enough to compare
	}
	peer, err := memorystore.New(&memorystore.Config{Tokens: 1_000_000_000, Interval: time.Hour})
	check(b, err)
	defer func() { _ = peer.Close(ctx) }()
	grow(b, "peer/sethvargo/", sizes, keys, func(key string) bool {
		_, _, _, ok, err := peer.Take(ctx, key)
		return err == nil && ok
	})
}

func grow(b *testing.B, name string, sizes []int, keys names, take func(string) bool) {
	b.Helper()
	held, before := 0, heap()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range sizes {
		for ; held < n; held++ {
			if !take(keys.at(held)) {
				b.Fatal("refused")
			}
		}
		bytes := float64(heap()-before) / float64(n)
		cpu := cost(batch, func(int) {
			if !take(keys.at(random.IntN(n))) {
				b.Fatal("refused")
			}
		})
		tell(b, name, n, cpu, metric{bytes, "B/key"})
	}
}

// BenchmarkTokens fills the store of one-time ids in this process, once from its
// small beginnings and once made for as many as come.
func BenchmarkTokens(b *testing.B) {
	sizes := decades(10_000_000)
	fillTokens(b, "default/", sizes, replay.LocalConfig{})
	fillTokens(b, "sized/", sizes, replay.LocalConfig{Capacity: sizes[len(sizes)-1]})
}

func fillTokens(b *testing.B, name string, sizes []int, cfg replay.LocalConfig) {
	b.Helper()
	before := heap()
	s, err := replay.Local(cfg)
	check(b, err)
	defer s.Close()
	random, until, ctx, refused := rand.NewPCG(3, 4), time.Now().Add(30*time.Minute), b.Context(), 0
	use := func(int) {
		var id [16]byte
		binary.LittleEndian.PutUint64(id[:8], random.Uint64())
		binary.LittleEndian.PutUint64(id[8:], random.Uint64())
		fresh, err := s.Use(ctx, id, until)
		if check(b, err); fresh {
			return
		}
		// The filter's rate makes one such refusal in some runs out of a hundred.
		if refused++; refused > 2 {
			b.Fatal("honest tokens are refused")
		}
	}
	held := 0
	for _, n := range sizes {
		for ; held < n; held++ {
			use(held)
		}
		bytes := float64(heap()-before) / float64(n)
		more := min(max(1000, n/20), batch) // these are held from now on
		cpu := cost(more, use)
		held += more
		tell(b, name, n, cpu, metric{bytes, "B/token"}, metric{float64(refused), "refused"})
	}
}

// BenchmarkPolicies charges one to eight policies in one call.
func BenchmarkPolicies(b *testing.B) {
	l, err := ratelimit.New(ratelimit.Config{})
	check(b, err)
	defer l.Close()
	ctx := b.Context()
	for n := 1; n <= 8; n++ {
		charges := make([]ratelimit.Charge, n)
		for i := range charges {
			charges[i] = ratelimit.Charge{Policy: policy("p" + strconv.Itoa(i)), Key: "user_1"}
		}
		cpu := cost(batch, func(int) {
			if r, err := l.Take(ctx, charges...); err != nil || !r.Allowed {
				b.Fatal("refused", err)
			}
		})
		tell(b, "", n, cpu)
	}
}
