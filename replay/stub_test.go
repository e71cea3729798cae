package replay_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// lost is the answer that never comes: the connection breaks instead.
const lost = ""

// stub speaks enough of the Redis protocol to record what a store sends.
type stub struct {
	addr   string
	answer func(args []string) string // a raw reply to EVAL, EVALSHA and WAIT
	info   string                     // a raw reply to INFO, if not an empty one

	mu       sync.Mutex
	commands [][]string // those of the scripts, with the connection's number last
}

func newStub(t *testing.T, answer func(args []string) string) *stub {
	t.Helper()
	s, stop := startStub(answer)
	t.Cleanup(stop)
	return s
}

func startStub(answer func(args []string) string) (s *stub, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s = &stub{addr: l.Addr().String(), answer: answer}
	go func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, n)
		}
	}()
	return s, func() { _ = l.Close() }
}

func (s *stub) serve(conn net.Conn, number int) {
	defer conn.Close()
	for r := bufio.NewReader(conn); ; {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		reply := s.reply(args, number)
		if _, err := io.WriteString(conn, reply); err != nil || reply == lost {
			return
		}
	}
}

func (s *stub) reply(args []string, number int) string {
	switch strings.ToUpper(args[0]) {
	case "HELLO":
		if args[1] == "2" {
			return "-ERR unknown command 'HELLO'\r\n"
		}
		return "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.0.0\r\n"
	case "EVAL", "EVALSHA", "WAIT":
		s.mu.Lock()
		s.commands = append(s.commands, append(slices.Clone(args), strconv.Itoa(number)))
		s.mu.Unlock()
		return s.answer(args)
	case "PING":
		return "+PONG\r\n"
	case "INFO":
		return cmp.Or(s.info, "$0\r\n\r\n")
	}
	return "+OK\r\n"
}

// exampleClient returns a client of a server, for examples: it keeps members of
// keys, as the script would.
func exampleClient() rueidis.Client {
	var mu sync.Mutex
	members := map[string]bool{}
	s, _ := startStub(func(args []string) string {
		mu.Lock()
		defer mu.Unlock()
		member := args[3] + " " + args[4]
		defer func() { members[member] = true }()
		if members[member] {
			return ":0\r\n"
		}
		return ":1\r\n"
	})
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		panic(err)
	}
	return client
}

func (s *stub) seen() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

func readCommand(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil {
			return nil, err
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, err
		}
		args[i] = string(body[:size])
	}
	return args, nil
}

func stubClient(t *testing.T, addr string, resp2 bool) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, DisableCache: true, AlwaysRESP2: resp2, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// One use is one EVALSHA; a server that does not know the script gets it once.
func TestAUseIsOneCommand(t *testing.T) {
	t.Parallel()
	id := storetest.ID()
	until := time.Now().Add(30 * time.Minute)
	window := strconv.FormatInt(until.Unix()/3600, 36)
	for name, tc := range map[string]struct {
		open func(rueidis.Client, replay.RedisConfig) (replay.Store, error)
		key  string
		item func(string) bool
		rest []string
	}{
		"Redis": {replay.Redis, `^ginsec:rp:2s0-35s:` + window + `:[0-9a-z]{1,3}$`, regexp.MustCompile(`^-?\d{1,19}$`).MatchString, nil},
		"RedisBloom": {
			replay.RedisBloom, `^ginsec:rb:2s0:` + window + `$`, func(item string) bool { return item == string(id[:]) },
			[]string{"65536", "0.000000001"},
		},
	} {
		for _, resp2 := range []bool{false, true} {
			known := false
			s := newStub(t, func(args []string) string {
				if args[0] == "EVALSHA" && !known {
					known = true
					return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
				}
				return ":1\r\n"
			})
			store := must(t)(tc.open(stubClient(t, s.addr, resp2), replay.RedisConfig{Timeout: patient}))
			for _, id := range [][16]byte{id, storetest.ID()} {
				if !accepts(t, store, id, until) {
					t.Fatalf("%s: refused", name)
				}
			}
			got := s.seen()
			if len(got) != 3 || got[0][0] != "EVALSHA" || got[1][0] != "EVAL" || got[2][0] != "EVALSHA" {
				t.Fatalf("%s: commands %q", name, got)
			}
			eval := got[1]
			ttl, _ := strconv.Atoi(eval[5])
			low := time.Until(time.Unix((until.Unix()/3600+1)*3600, 0)).Milliseconds()
			if eval[2] != "1" || !regexp.MustCompile(tc.key).MatchString(eval[3]) ||
				!tc.item(eval[4]) ||
				int64(ttl) < low || int64(ttl) > low+70_000 || !slices.Equal(eval[6:len(eval)-1], tc.rest) {
				t.Errorf("%s: EVAL %q", name, eval[2:])
			}
			if !slices.Equal(got[0][2:len(got[0])-1], got[1][2:len(got[1])-1]) {
				t.Errorf("%s: the second try differs: %q %q", name, got[0], got[1])
			}
		}
	}
}

// Only a clear yes is one.
func TestEveryAnswerButAYesRefuses(t *testing.T) {
	t.Parallel()
	for raw, tc := range map[string]struct {
		fresh bool
		err   error // nil for a decision
	}{
		":1\r\n":                              {true, nil},
		":0\r\n":                              {false, nil},
		"#t\r\n":                              {true, nil}, // RESP3
		"#f\r\n":                              {false, nil},
		":2\r\n":                              {false, replay.ErrUnavailable},
		":-1\r\n":                             {false, replay.ErrUnavailable},
		"+OK\r\n":                             {false, replay.ErrUnavailable},
		"$1\r\n1\r\n":                         {false, replay.ErrUnavailable},
		"*1\r\n:1\r\n":                        {false, replay.ErrUnavailable},
		"_\r\n":                               {false, replay.ErrUnavailable},
		"$-1\r\n":                             {false, replay.ErrUnavailable},
		",1\r\n":                              {false, replay.ErrUnavailable},
		"-ERR nope\r\n":                       {false, replay.ErrUnavailable},
		"-OOM command\r\n":                    {false, replay.ErrUnavailable},
		"-ERR unknown option\r\n":             {false, replay.ErrUnavailable},
		"-ERR not a command\r\n":              {false, replay.ErrUnavailable},
		"-ERR non scaling filter is full\r\n": {false, replay.ErrUnavailable},
		"-NOPERM this user has no permissions to run the 'bf.insert' command\r\n":        {false, replay.ErrUnavailable},
		"-LOADING Redis is loading the dataset in memory\r\n":                            {false, replay.ErrUnavailable},
		"-READONLY You can't write against a read only replica.\r\n":                     {false, replay.ErrUnavailable},
		"-ERR unknown command 'BF.INSERT', with args beginning with: \r\n":               {false, replay.ErrNoBloom},
		"-ERR Unknown Redis command called from script script: f_1, on @user_script\r\n": {false, replay.ErrNoBloom},
		"-ERR Error compiling script: Unknown Redis command called from script\r\n":      {false, replay.ErrNoBloom},
	} {
		s := newStub(t, func([]string) string { return raw })
		store := must(t)(replay.RedisBloom(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: patient}))
		fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
		if fresh != tc.fresh || !errors.Is(err, tc.err) || (tc.err != nil && !errors.Is(err, replay.ErrUnavailable)) ||
			errors.Is(err, replay.ErrNoBloom) != (tc.err == replay.ErrNoBloom) { //nolint:errorlint // it is from the table
			t.Errorf("%q: %v, %v", raw, fresh, err)
		}
	}
}

// The confirmation counts only on the connection of the write.
func TestConfirmationIsAskedOnTheSameConnection(t *testing.T) {
	t.Parallel()
	for confirmed, want := range map[int]bool{0: false, 1: false, 2: true, 3: true} {
		s := newStub(t, func(args []string) string {
			if args[0] == "WAIT" {
				return fmt.Sprintf(":%d\r\n", confirmed)
			}
			return ":1\r\n"
		})
		store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 2, Timeout: patient}))
		fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
		if fresh != want || (err == nil) != want {
			t.Errorf("%d replicas: %v, %v", confirmed, fresh, err)
		}
		got := s.seen()
		if len(got) != 2 || got[0][0] != "EVAL" || got[1][0] != "WAIT" || got[1][1] != "2" || got[1][2] == "0" {
			t.Fatalf("commands: %q", got)
		}
		// A server that waits longer than the use keeps the connection from the next one.
		if ms, err := strconv.ParseInt(got[1][2], 10, 64); err != nil || ms > patient.Milliseconds()*4/5 {
			t.Errorf("asked to wait %s ms", got[1][2])
		}
		if a, b := got[0][len(got[0])-1], got[1][len(got[1])-1]; a != b {
			t.Errorf("asked on connection %s about a write on %s", b, a)
		}
	}
}

// A replay has nothing to confirm, and is one with and without replicas.
func TestAReplayDoesNotWaitForReplicas(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return ":0\r\n" })
	store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 2, Timeout: patient}))
	if accepts(t, store, storetest.ID(), time.Now().Add(time.Hour)) {
		t.Error("accepted")
	}
	if got := s.seen(); len(got) != 1 || got[0][0] != "EVAL" {
		t.Errorf("commands: %q", got)
	}
}

// A call that fails is not repeated: it may have run.
func TestAFailedUseIsNotRepeated(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newStub(t, func([]string) string { <-release; return ":1\r\n" })
	defer close(release)
	store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: 20 * time.Millisecond}))
	fresh, err := store.Use(context.Background(), storetest.ID(), time.Now().Add(time.Hour))
	if fresh || !errors.Is(err, replay.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", fresh, err)
	}
	if got := s.seen(); len(got) > 1 {
		t.Errorf("commands: %q", got)
	}
	for _, answer := range []string{lost, "-ERR nope\r\n", "-LOADING wait\r\n", "?"} {
		s := newStub(t, func([]string) string { return answer })
		for _, replicas := range []int{0, 1} {
			store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: patient, MinReplicas: replicas}))
			if fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour)); fresh || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("%q: %v, %v", answer, fresh, err)
			}
			if got := s.seen(); len(got) != 1+replicas {
				t.Errorf("%q, %d replicas: commands %q", answer, replicas, got)
			}
		}
	}
}

// Two kinds of dividing time or ids never meet in one key.
func TestConfigurationsNeverShareAKey(t *testing.T) {
	t.Parallel()
	keys := map[string]string{}
	until := time.Now().Add(time.Hour)
	for _, cfg := range []replay.RedisConfig{{}, {Window: time.Minute}, {Capacity: 1000}, {Capacity: 1 << 24}, {Prefix: "other:"}} {
		for name, open := range map[string]func(rueidis.Client, replay.RedisConfig) (replay.Store, error){"Redis": replay.Redis, "RedisBloom": replay.RedisBloom} {
			if name == "RedisBloom" && cfg.Capacity != 0 {
				continue // a filter's size divides nothing
			}
			s := newStub(t, func([]string) string { return ":1\r\n" })
			cfg.Timeout = patient
			store := must(t)(open(stubClient(t, s.addr, false), cfg))
			label := fmt.Sprintf("%s %+v", name, cfg)
			for i := range 50 {
				accepts(t, store, [16]byte{15: byte(i)}, until)
			}
			for _, cmd := range s.seen() {
				if other, ok := keys[cmd[3]]; ok && other != label {
					t.Errorf("%s and %s share %s", label, other, cmd[3])
				}
				keys[cmd[3]] = label
			}
		}
	}
}

// A text that crosses from one part of a token into the next is another token.
func FuzzTokensWithDifferentPartsHaveDifferentIDs(f *testing.F) {
	f.Add("token", "i", "c", "1", "token", "ic", "", "1")
	f.Add("a", "bc", "", "", "ab", "c", "", "")
	f.Add("", "", "", "\x00", "", "", "\x00", "")
	f.Add("", "", "", strings.Repeat("x", 600), "", "", "", strings.Repeat("x", 601))
	// What would be one text with something between the parts, or a length of one byte.
	for _, between := range []string{"", "\x00", ":", "\x00\x00\x00\x00\x00\x00\x00\x01"} {
		f.Add("a"+between+"b", "c", "d", "e", "a", "b"+between+"c", "d", "e")
		f.Add("a", "b", "c"+between+"d", "e", "a", "b", "c", "d"+between+"e")
	}
	long := strings.Repeat("x", 253)
	f.Add("\x00\x00\x01"+long, "", "", "z", "", "", "", long+"\x00\x00\x01z")
	f.Fuzz(func(t *testing.T, k1, i1, c1, d1, k2, i2, c2, d2 string) {
		a := replay.Token{Kind: replay.Kind(k1), Issuer: i1, Client: c1, ID: d1}
		b := replay.Token{Kind: replay.Kind(k2), Issuer: i2, Client: c2, ID: d2}
		if same := replay.ID(a) == replay.ID(b); same != (k1 == k2 && i1 == i2 && c1 == c2 && d1 == d2) {
			t.Errorf("%q and %q", a, b)
		}
		if id := replay.ID(a); len(d1) >= 12 && strings.Contains(hex.EncodeToString(id[:])+string(id[:]), d1) {
			t.Errorf("the id shows %q", d1)
		}
	})
}
