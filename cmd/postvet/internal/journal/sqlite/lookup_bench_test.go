package sqlite

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// rowsVariable says how many rows the benchmark searches; default 100000.
const rowsVariable = "POSTVET_JOURNAL_ROWS"

// BenchmarkFind searches a day that is over.
func BenchmarkFind(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv(rowsVariable)); err == nil {
		n = v
	}
	dir := b.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	g := newGenerator()
	midnight := noon.Add(-12 * time.Hour)
	var refused, plain *rows.Row
	began := time.Now()
	for i := range n {
		row := g.row(midnight.Add(time.Duration(i) * (24 * time.Hour / time.Duration(n))))
		r.Add(row)
		if i%5000 == 0 {
			r.Flush(context.Background())
		}
		if i < n/2 {
			if row.Class() == rows.Rest {
				refused = row
			} else {
				plain = row
			}
		}
	}
	r.Close(context.Background())
	b.Logf("%d rows written in %s", n, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	all, _ := files(dir)
	before := total(all)
	for _, f := range all {
		if err := seal(context.Background(), f); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("sealed in %s, %d octets a row before and %d after", time.Since(began).Round(time.Millisecond), before/int64(n), total(all)/int64(n))
	reader := NewReader(dir)
	for _, x := range []struct {
		name string
		q    rows.Query
	}{
		{"refused queue id", rows.Query{Queue: refused.Queue}},
		{"any queue id", rows.Query{Queue: plain.Queue}},
		{"reference", rows.Query{Ref: plain.Ref}},
		{"newest 100 of a domain", rows.Query{Domain: "company0.example"}},
		{"newest 100 of a rare domain", rows.Query{Domain: plain.Results.Author.Domain}},
		{"newest 100 refused", rows.Query{Action: "reject"}},
		{"recipient", rows.Query{To: plain.Results.Recipients[0], Limit: 1}},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				page, err := reader.Find(context.Background(), x.q)
				if err != nil || len(page.Rows) == 0 {
					b.Fatal(len(page.Rows), err)
				}
			}
		})
	}
}
