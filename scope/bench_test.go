package scope_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// Row is the benchmarks' model, with the index Check recommends.
type Row struct {
	ID       string `gorm:"primaryKey;size:36;uniqueIndex:idx_row,priority:3"`
	TenantID string `gorm:"size:36;uniqueIndex:idx_row,priority:1"`
	OwnerID  string `gorm:"size:36;uniqueIndex:idx_row,priority:2"`
	Title    string `gorm:"size:100"`
	Stars    int
}

// pair is one operation written by hand and under the guard with the scope.
type pair struct {
	name         string
	hand, scoped func(i int) error
}

type benchWorld struct {
	hand, guarded *gorm.DB
	ctx           context.Context //nolint:containedctx // of the benchmark
}

func newBenchWorld(b *testing.B, kind string) *benchWorld {
	b.Helper()
	cfg := silent()
	cfg.SkipDefaultTransaction = true
	hand := open(b, kind, cfg)
	guarded, err := gorm.Open(hand.Dialector, &gorm.Config{TranslateError: true, Logger: cfg.Logger, SkipDefaultTransaction: true})
	if err != nil {
		b.Fatal(err)
	}
	guarded.ConnPool, guarded.Statement.ConnPool = hand.ConnPool, hand.ConnPool
	if err := guarded.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Row{}}})); err != nil {
		b.Fatal(err)
	}
	if err := hand.AutoMigrate(&Row{}); err != nil {
		b.Fatal(err)
	}
	var rows []Row
	for i := range 2000 {
		p := people[i%3]
		rows = append(rows, Row{ID: fmt.Sprintf("%s-%d", p.Subject, i), TenantID: p.Tenant, OwnerID: p.Subject, Title: "title", Stars: i})
	}
	if err := hand.CreateInBatches(&rows, 200).Error; err != nil {
		b.Fatal(err)
	}
	return &benchWorld{hand: hand, guarded: guarded, ctx: as(b.Context(), alice)}
}

func (w *benchWorld) pairs() []pair {
	const mine = "alice-0"
	own := func(db *gorm.DB) *gorm.DB { return db.Where("tenant_id = ? AND owner_id = ?", "acme", "alice") }
	h := func() *gorm.DB { return own(w.hand.WithContext(w.ctx)) }
	s := func() *gorm.DB { return w.guarded.WithContext(w.ctx).Scopes(scope.Owned(w.ctx)) }
	return []pair{
		{
			"select", func(int) error {
				var r []Row
				return h().Where("stars < ?", 60).Order("stars").Limit(20).Find(&r).Error
			},
			func(int) error {
				var r []Row
				return s().Where("stars < ?", 60).Order("stars").Limit(20).Find(&r).Error
			},
		},
		{
			"take", func(int) error { var r Row; return h().Take(&r, "id = ?", mine).Error },
			func(int) error { var r Row; return s().Take(&r, "id = ?", mine).Error },
		},
		{
			"create", func(i int) error {
				return w.hand.WithContext(w.ctx).Create(&Row{ID: fmt.Sprint("h", i), TenantID: "acme", OwnerID: "alice", Title: "t"}).Error
			},
			func(i int) error { return s().Create(&Row{ID: fmt.Sprint("s", i), Title: "t"}).Error },
		},
		{
			"update", func(i int) error {
				return h().Model(&Row{}).Where("id = ?", mine).Updates(map[string]any{"stars": i}).Error
			},
			func(i int) error {
				return s().Model(&Row{}).Where("id = ?", mine).Updates(map[string]any{"stars": i}).Error
			},
		},
		{
			"delete", func(i int) error { return h().Delete(&Row{}, "id = ?", fmt.Sprint("h", i)).Error },
			func(i int) error { return s().Delete(&Row{}, "id = ?", fmt.Sprint("s", i)).Error },
		},
	}
}

// BenchmarkOverhead compares each operation with a hand-written Where, interleaved:
// ns/hand and ns/scoped are the first quartiles, ratio is their quotient, allocs+
// how many more allocations the scope takes.
func BenchmarkOverhead(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			w := newBenchWorld(b, kind)
			for _, p := range w.pairs() {
				b.Run(p.name, func(b *testing.B) { compare(b, p) })
			}
		})
	}
}

// BenchmarkStatement gives the usual figures, for benchstat.
func BenchmarkStatement(b *testing.B) {
	w := newBenchWorld(b, "sqlite")
	for _, p := range w.pairs() {
		for how, run := range map[string]func(int) error{"hand": p.hand, "scope": p.scoped} {
			b.Run(p.name+"/"+how, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := run(1_000_000*b.N + i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

var serial int

func compare(b *testing.B, p pair) {
	b.Helper()
	var hand, scoped []float64
	for b.Loop() {
		serial++
		first, second := p.hand, p.scoped
		if serial%2 == 0 {
			first, second = second, first
		}
		x, y := timed(b, first), timed(b, second)
		if serial%2 == 0 {
			x, y = y, x
		}
		hand, scoped = append(hand, x), append(scoped, y)
	}
	more := func(run func(int) error) float64 {
		return testing.AllocsPerRun(50, func() {
			serial++
			if err := run(serial); err != nil {
				b.Fatal(err)
			}
		})
	}
	h, s := quartile(hand), quartile(scoped)
	b.ReportMetric(h, "ns/hand")
	b.ReportMetric(s, "ns/scoped")
	b.ReportMetric(s/h, "ratio")
	b.ReportMetric(more(p.scoped)-more(p.hand), "allocs+")
}

func timed(b *testing.B, run func(int) error) float64 {
	b.Helper()
	now := time.Now()
	if err := run(serial); err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(now).Nanoseconds())
}

func quartile(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/4]
}

// BenchmarkExistence times reading an id that is somebody else's against one that
// does not exist, interleaved, with the index Check recommends. t is Welch's: below
// about 2 the two cannot be told apart. MariaDB reads through any unique key that is
// given whole, a primary key of the id before all: there the primary key itself must be
// what else an index is for.
func BenchmarkExistence(b *testing.B) {
	const rekey = "ALTER TABLE `rows` DROP PRIMARY KEY, DROP INDEX idx_row, ADD PRIMARY KEY (tenant_id, owner_id, id)"
	for _, schema := range []struct{ name, kind, change string }{
		{"sqlite", "sqlite", ""}, {"postgres", "postgres", ""}, {"mariadb", "mariadb", rekey}, {"mariadb-id-alone", "mariadb", ""},
	} {
		b.Run(schema.name, func(b *testing.B) {
			w := newBenchWorld(b, schema.kind)
			if schema.change != "" {
				if err := w.hand.Exec(schema.change).Error; err != nil {
					b.Fatal(err)
				}
			}
			var foreign, absent []float64
			get := func(id string) float64 {
				var r Row
				tx := w.guarded.WithContext(w.ctx)
				now := time.Now()
				tx.Take(&r, "id = ?", id)
				return float64(time.Since(now).Nanoseconds())
			}
			for i := 0; b.Loop(); i++ {
				n := 3*(i*7%600) + 1 // bob's rows, and between them none
				f, a := fmt.Sprintf("bob-%d", n), fmt.Sprintf("bob-%d", n+1)
				if i%2 == 0 {
					foreign = append(foreign, get(f))
					absent = append(absent, get(a))
				} else {
					absent = append(absent, get(a))
					foreign = append(foreign, get(f))
				}
			}
			mf, ma := trimmed(foreign), trimmed(absent)
			b.ReportMetric(mean(mf)-mean(ma), "ns-difference")
			b.ReportMetric(welch(mf, ma), "t")
		})
	}
}

// trimmed drops the slowest tenth: scheduling, not the database.
func trimmed(v []float64) []float64 {
	slices.Sort(v)
	return v[:max(len(v)*9/10, 2)]
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func variance(v []float64) float64 {
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(v)-1)
}

// welch returns Welch's t for two samples of unequal variance.
func welch(a, b []float64) float64 {
	if len(a) < 3 || len(b) < 3 {
		return 0
	}
	return (mean(a) - mean(b)) / math.Sqrt(variance(a)/float64(len(a))+variance(b)/float64(len(b)))
}
