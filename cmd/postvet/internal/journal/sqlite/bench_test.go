package sqlite

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// BenchmarkWrite measures the CPU time of everything from Add to the file, and the octets of
// a row. cpu-us/op is of the whole process.
func BenchmarkWrite(b *testing.B) {
	g := newGenerator()
	pool := make([]*rows.Row, 20_000)
	for i := range pool {
		pool[i] = g.row(noon)
	}
	dir := b.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Second})
	before, n := cpu(), 0
	b.ResetTimer()
	for b.Loop() {
		row := *pool[n%len(pool)]
		row.Ref = g.refs.Next(noon.Add(time.Duration(n/20) * time.Millisecond)) // 20,000 a second
		r.Add(&row)
		if n++; n%5000 == 0 {
			r.Flush(context.Background())
		}
	}
	r.Flush(context.Background())
	b.ReportMetric(float64(cpu()-before)/float64(n)/1000, "cpu-us/op")
	stats := r.Stats()
	r.Close(context.Background())
	all, _ := files(dir)
	b.ReportMetric(float64(total(all))/float64(n), "octets/row")
	b.ReportMetric(float64(stats.Dropped[0]+stats.Dropped[1]), "dropped")
	before = cpu()
	for _, f := range all {
		if err := seal(context.Background(), f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(n)/1000, "seal-us/op")
	b.ReportMetric(float64(total(all))/float64(n), "sealed-octets/row")
}

// cpu returns the CPU time of the process in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkPaced adds rows at a rate, as mail comes in, and writes them each second.
func BenchmarkPaced(b *testing.B) {
	for _, rate := range []int{5_000, 20_000} {
		b.Run(fmt.Sprintf("%d a second", rate), func(b *testing.B) {
			g := newGenerator()
			pool := make([]*rows.Row, 20_000)
			for i := range pool {
				pool[i] = g.row(noon)
			}
			s, err := Open(Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s})
			before, began, n := cpu(), time.Now(), 0
			for b.Loop() {
				row := *pool[n%len(pool)]
				row.Ref = g.refs.Next(time.Now())
				r.Add(&row)
				if n++; n%100 == 0 {
					time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(rate))))
				}
			}
			took := time.Since(began)
			r.Flush(context.Background())
			stats := r.Stats()
			r.Close(context.Background())
			b.ReportMetric(float64(cpu()-before)/float64(n)/1000, "cpu-us/op")
			b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
			b.ReportMetric(float64(stats.Dropped[0]+stats.Dropped[1]), "dropped")
			b.ReportMetric(stats.Writing.Seconds()/took.Seconds(), "writing")
			if written := stats.Written[0] + stats.Written[1] + stats.Dropped[0] + stats.Dropped[1]; written != int64(n) {
				b.Errorf("%d rows of %d were written or dropped", written, n)
			}
		})
	}
}
