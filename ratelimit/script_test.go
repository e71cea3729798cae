package ratelimit_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func TestTheScriptsHaveTheNamesTheyAreCalledBy(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		ratelimit.TakeScript: ratelimit.TakeSHA, ratelimit.RefundScript: ratelimit.RefundSHA,
	} {
		sum := sha1.Sum([]byte(script))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("the script's hash is %s, the constant says %s", got, want)
		}
	}
}

// timed runs the scripts on a real server with a clock of its own.
type timed struct {
	t      *testing.T
	client rueidis.Client
	now    int64 // microseconds
	key    string
}

func (s *timed) take(limit int64, window time.Duration, cost int64, dry bool) (ok bool, remaining, wait, stamp int64) {
	s.t.Helper()
	tick, keep, _ := ratelimit.RuleArgs(limit, window)
	script := strings.Replace(ratelimit.TakeScript, "redis.call('TIME')", "{0, tonumber(ARGV[#ARGV])}", 1)
	peek := "0"
	if dry {
		peek = "1"
	}
	args := []string{peek}
	for _, n := range []int64{limit, tick, keep, cost, 1 << 40, 0, s.now} {
		args = append(args, strconv.FormatInt(n, 10))
	}
	reply, err := s.client.Do(context.Background(), s.client.B().Eval().Script(script).Numkeys(1).Key(s.key).Arg(args...).Build()).AsIntSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	if (reply[0] == 1) != (reply[3] == 1) {
		s.t.Fatalf("the reply contradicts itself: %v", reply)
	}
	return reply[0] == 1, reply[1], reply[2], reply[4]
}

func (s *timed) refund(limit, stamp, cost int64) {
	exact := "0"
	if limit <= 128 {
		exact = "1"
	}
	err := s.client.Do(context.Background(), s.client.B().Eval().Script(ratelimit.RefundScript).Numkeys(1).Key(s.key).
		Arg(strconv.FormatInt(stamp, 10), strconv.FormatInt(cost, 10), exact).Build()).Error()
	if err != nil {
		s.t.Fatal(err)
	}
}

// naive is the log as the promise is written down: every unit with its time.
type naive struct {
	limit, window int64
	events        []struct{ at, n int64 }
}

func (l *naive) used(now, window int64) (sum int64) {
	for _, e := range l.events {
		if now-e.at < window {
			sum += e.n
		}
	}
	return sum
}

func (l *naive) add(now, n int64) { l.events = append(l.events, struct{ at, n int64 }{now, n}) }

// lateness is by how much a slot may free after its window.
func lateness(limit, window int64) int64 {
	if limit <= 128 {
		return 0
	}
	return window/64 + 20
}

func TestTheScriptAgreesWithANaiveLog(t *testing.T) {
	t.Parallel()
	client := redisClient(t, testserver.Redis(t).Addr)
	for _, limit := range []int64{1, 7, 100, 128, 129, 1000} {
		for _, window := range []time.Duration{time.Millisecond, time.Second, 24 * time.Hour} {
			t.Run(fmt.Sprintf("%d per %v", limit, window), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(limit), uint64(window)))
				w := window.Microseconds()
				s := &timed{t: t, client: client, now: 1_700_000_000_000_000 + random.Int64N(w), key: t.Name()}
				log := &naive{limit: limit, window: w}
				for range 700 {
					cost := random.Int64N(max(limit/4, 1)) + 1
					if random.IntN(20) == 0 {
						cost = 0
					}
					ok, remaining, wait, stamp := s.take(limit, window, cost, false)
					used := log.used(s.now, w)
					if ok {
						log.add(s.now, cost)
						if used+cost > limit {
							t.Fatalf("%d units in one window of %d", used+cost, limit)
						}
						if left := limit - used - cost; limit <= 128 && remaining != left {
							t.Fatalf("says %d are left, it is %d", remaining, left)
						}
						if random.IntN(10) == 0 {
							s.refund(limit, stamp, cost)
							log.events = log.events[:len(log.events)-1]
						}
					} else if late := log.used(s.now, w+lateness(limit, w)); late+cost <= limit {
						t.Fatalf("refused with %d used and %d asked of %d", late, cost, limit)
					}
					if !ok && random.IntN(3) == 0 {
						s.now += wait - 1
						if ok, _, again, _ := s.take(limit, window, cost, true); ok || again != 1 {
							t.Fatalf("a microsecond early: ok %v, wait %d", ok, again)
						}
						s.now++
						if ok, _, again, _ := s.take(limit, window, cost, true); !ok {
							t.Fatalf("at the told time still refused, for %d", again)
						}
						continue
					}
					s.now += random.Int64N(2*w/limit + 2)
				}
			})
		}
	}
}

// A clock that steps back makes the log wait, but never longer than a window, and
// never lets more through than the limit in any window of true time.
func TestAClockThatStepsBackNeitherAdmitsMoreNorBlocksForEver(t *testing.T) {
	t.Parallel()
	client := redisClient(t, testserver.Redis(t).Addr)
	for _, limit := range []int64{1, 7, 100, 200} {
		for _, jump := range []string{"a little", "five windows", "a day"} {
			t.Run(fmt.Sprintf("%d, %s", limit, jump), func(t *testing.T) {
				t.Parallel()
				const window = time.Minute
				w := window.Microseconds()
				random := rand.New(rand.NewPCG(uint64(limit), uint64(len(jump))))
				s := &timed{t: t, client: client, key: t.Name()}
				log := &naive{limit: limit, window: w}
				offset, truth, waited := int64(1_700_000_000_000_000), int64(0), int64(0)
				for range 1500 {
					if random.IntN(50) == 0 {
						back := map[string]int64{"a little": w / 100, "five windows": 5 * w, "a day": 24 * 3600 * 1_000_000}[jump]
						offset -= random.Int64N(back) + 1
						waited = 0
					}
					s.now = offset + truth
					ok, _, _, _ := s.take(limit, window, 1, false)
					if ok {
						if used := log.used(truth, w); used+1 > limit {
							t.Fatalf("%d units in one window of %d", used+1, limit)
						}
						log.add(truth, 1)
						waited = 0
					}
					step := random.Int64N(2*w/limit + 2)
					truth += step
					if waited += step; waited > 3*w {
						t.Fatalf("nothing admitted for %v", time.Duration(waited)*time.Microsecond)
					}
				}
			})
		}
	}
}
