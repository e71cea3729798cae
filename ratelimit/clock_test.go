package ratelimit_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// A server's clock that is set wrong and right again, in any order, lets a limit be
// used once more for each step forward, never more, and blocks nobody for longer
// than a window.
func TestAServerClockThatStepsBackAndForth(t *testing.T) {
	t.Parallel()
	client := redisClient(t, testserver.Redis(t).Addr)
	for _, limit := range []int64{1, 7, 128, 200} {
		for name, size := range map[string]time.Duration{"a second": time.Second, "ten minutes": 10 * time.Minute, "a day": 24 * time.Hour} {
			t.Run(fmt.Sprintf("%d, %s", limit, name), func(t *testing.T) {
				t.Parallel()
				const window = time.Minute
				w := window.Microseconds()
				random := rand.New(rand.NewPCG(uint64(limit), uint64(size)))
				s := &timed{t: t, client: client, key: t.Name()}
				log := &naive{limit: limit, window: w}
				const right = int64(1_700_000_000_000_000)
				offset, truth, waited := right, int64(0), int64(0)
				var forward []int64 // when the clock stepped forward
				for range 1200 {
					if random.IntN(40) == 0 {
						next := right // corrected
						if offset == right {
							next += (random.Int64N(2)*2 - 1) * (random.Int64N(size.Microseconds()) + 1)
						}
						if next > offset {
							forward = append(forward, truth)
						}
						offset, waited = next, 0
					}
					s.now = offset + truth
					steps := int64(1)
					for _, at := range forward {
						if truth-at < w {
							steps++
						}
					}
					if ok, _, wait, _ := s.take(limit, window, 1, false); ok {
						if used := log.used(truth, w); used+1 > limit*steps {
							t.Fatalf("%d units in one window of %d, with %d steps forward in it", used+1, limit, steps-1)
						}
						log.add(truth, 1)
						waited = 0
					} else if longest := w + lateness(limit, w); wait > 2*longest {
						t.Fatalf("told to wait for %v", time.Duration(wait)*time.Microsecond)
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

// Nothing that an instance sends to Redis depends on its clock: two that are twenty
// minutes apart send the same.
func TestNoTimeIsSentToRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	server.Do("CONFIG", "SET", "slowlog-log-slower-than", "0")
	sent := func() string {
		server.Do("SLOWLOG", "RESET")
		if r, err := l.Take(t.Context(), charge(policy(t, "p: 100/1m by user"), "k"), charge(policy(t, "q: 1000/1h by user"), "k")); err != nil || !r.Allowed {
			t.Fatal(r, err)
		}
		log := server.Do("SLOWLOG", "GET")
		_, call, found := strings.Cut(strings.ToUpper(log), "EVAL") // before it: the entry's number and its time
		if !found {
			t.Fatal(log)
		}
		call, _, _ = strings.Cut(call, "127.0.0.1") // behind it: the client
		return call
	}
	sent() // loads the script
	first, begin := sent(), time.Now()
	until(t, aWhile, "another second", func() bool { return time.Now().Unix() != begin.Unix() })
	if second := sent(); first != second {
		t.Errorf("two calls at different times differ:\n%q\n%q", first, second)
	}
	if long := regexp.MustCompile(`\r\n\d{10,}\r\n`).FindString(first); long != "" {
		t.Errorf("something as long as a time was sent: %q", long)
	}
}

// In process only the monotonic clock counts: the wall clock can be set at will. So
// nothing here may read the wall clock's part of a time.
func TestNothingReadsTheWallClock(t *testing.T) {
	t.Parallel()
	wall := []string{
		"Unix", "UnixMilli", "UnixMicro", "UnixNano", "Round", "Truncate", "UTC", "Local", "In", "AddDate", "Date", "Clock",
		"Format", "AppendFormat", "Compare", "Nanosecond", "YearDay",
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(wall, s.Sel.Name) {
					t.Errorf("%s uses %s", name, s.Sel.Name)
				}
				return true
			})
		}
	}
	for _, script := range []string{ratelimit.TakeScript, ratelimit.RefundScript} {
		if n := strings.Count(script, "'TIME'"); n > 1 {
			t.Errorf("a script reads the clock %d times", n)
		}
	}
}
