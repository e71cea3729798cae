package replay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// childVariable makes this test binary a process of its own that uses tokens, see
// child: "store address prefix tokens goroutines until".
const childVariable = "GINSEC_TEST_REPLAY_CHILD"

// child uses every token from many goroutines and prints, a byte per token, how
// often it won.
func child() int {
	var store, addr, keys string
	var tokens, goroutines int
	var until int64
	if _, err := fmt.Sscan(os.Getenv(childVariable), &store, &addr, &keys, &tokens, &goroutines, &until); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer client.Close()
	open := replay.Redis
	if store == "bloom" {
		open = replay.RedisBloomOverSet
	}
	s, err := open(client, replay.RedisConfig{Prefix: keys, Timeout: patient})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close()
	// Ready; the parent says when.
	fmt.Println("ready")
	_, _ = io.ReadFull(os.Stdin, make([]byte, 1))
	wins := make([]byte, tokens)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			// From a place of their own, so that every token is a race somewhere.
			for n := range tokens {
				i := (n + g*tokens/goroutines) % tokens
				sum := sha256.Sum256([]byte(keys + strconv.Itoa(i)))
				fresh, err := s.Use(context.Background(), [16]byte(sum[:]), time.Unix(until, 0))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
				if fresh {
					mu.Lock()
					wins[i]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i := range wins {
		wins[i] += '0'
	}
	fmt.Println(string(wins))
	return 0
}

func TestTwoProcessesAcceptEachTokenOnce(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	tokens := soak(2000, 10_000)
	for _, store := range []string{"redis", "bloom"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			spec := fmt.Sprintf("%s %s %s %d 32 %d", store, server.Addr, prefix(), tokens, time.Now().Add(time.Hour).Unix())
			var children []*process
			for range 2 {
				children = append(children, startChild(t, spec))
			}
			for _, c := range children {
				c.begin(t)
			}
			first, second := children[0].wins(t), children[1].wins(t)
			if len(first) != tokens || len(second) != tokens {
				t.Fatalf("results for %d and %d tokens", len(first), len(second))
			}
			won := [2]int{}
			for i := range tokens {
				won[0] += int(first[i] - '0')
				won[1] += int(second[i] - '0')
				if first[i]+second[i] != '0'+'1' {
					t.Errorf("token %d was accepted %c and %c times", i, first[i], second[i])
				}
			}
			t.Logf("of %d tokens one process won %d, the other %d", tokens, won[0], won[1])
		})
	}
}

type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bytes.Buffer
	err *bytes.Buffer

	done chan struct{} // all output is read
}

func startChild(t *testing.T, spec string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0]), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), childVariable+"="+spec)
	p.cmd.Stderr = p.err
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("the process did not start: %v %s", err, p.err)
	}
	p.in = in
	p.done = make(chan struct{})
	go func() { defer close(p.done); _, _ = io.Copy(p.out, out) }()
	return p
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	if _, err := p.in.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wins(t *testing.T) string {
	t.Helper()
	<-p.done
	if err := p.cmd.Wait(); err != nil || p.err.Len() > 0 {
		t.Fatalf("the process failed: %v %s", err, p.err)
	}
	return strings.TrimSpace(p.out.String())
}
