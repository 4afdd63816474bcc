package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// BenchmarkTop ranks names over 30 days that end at noon, with the counts that so many rows of
// 100,000 domains have left. 7.5 % of them fail.
func BenchmarkTop(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv(rowsVariable)); err == nil {
		n = v
	}
	dir := b.TempDir()
	began := time.Now()
	fillCounts(b, dir, n)
	b.Logf("counts of %d rows made in %s, %d octets", n, time.Since(began).Round(time.Millisecond), stateFile(dir).size())
	for _, x := range []struct {
		name string
		q    counts.Query
	}{
		{"failing domains, 30 days", counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon.Add(-30 * day)}},
		{"failing domains, a week", counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon.Add(-7 * day)}},
		{"failing domains, a day", counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon.Add(-day)}},
		{"clients by all messages, 30 days", counts.Query{Kind: counts.Client, By: counts.All, Since: noon.Add(-30 * day)}},
		{"rules, 30 days", counts.Query{Kind: counts.Rule, By: counts.All, Since: noon.Add(-30 * day)}},
		{"1000 failing domains, 30 days", counts.Query{Kind: counts.Domain, By: counts.Failed, Since: noon.Add(-30 * day), Limit: counts.MaxLimit}},
	} {
		x.q.Until = noon
		b.Run(x.name, func(b *testing.B) {
			reader := NewReader(dir)
			before, done := cpu(), 0
			for b.Loop() {
				done++
				r, err := reader.Top(context.Background(), x.q)
				if err != nil || len(r.Lines) == 0 || !r.Complete {
					b.Fatal(len(r.Lines), err)
				}
			}
			b.ReportMetric(float64(cpu()-before)/float64(done)/1e6, "cpu-ms/op")
		})
	}
}

// fillCounts writes the counts of rows over 60 days, as the service would have. Hours that no
// query of BenchmarkTop needs are left out.
func fillCounts(b *testing.B, dir string, n int) {
	b.Helper()
	st, err := openState(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer st.close()
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.15, 1, 99_999)
	first := noon.Truncate(day).Add(-60 * day)
	for d := range 61 {
		at := first.Add(time.Duration(d) * day)
		var whole [counts.Kinds]map[string]*counts.Sums
		for k := range whole {
			whole[k] = map[string]*counts.Sums{}
		}
		for h := range 24 {
			hour := whole
			for k := range hour {
				hour[k] = map[string]*counts.Sums{}
			}
			for range n / 30 / 24 {
				name := z.Uint64()
				var s counts.Sums
				s[counts.All] = 1
				rule := "dmarc-pass"
				if r.IntN(1000) < 75 {
					s[counts.Failed], s[counts.Rejected], rule = 1, 1, "dmarc-reject"
				} else {
					s[counts.Passed] = 1
				}
				for k, name := range []string{fmt.Sprintf("company%d.example", name), fmt.Sprintf("192.%d.%d.0/24", name>>8&255, name&255), "", rule} {
					for _, all := range []map[string]*counts.Sums{hour[k], whole[k]} {
						if all[name] == nil {
							all[name] = &counts.Sums{}
						}
						all[name].Add(&s)
					}
				}
			}
			if begins := at.Add(time.Duration(h) * time.Hour); d == 0 || d == 23 || d == 30 || d >= 45 {
				if begins.Before(noon) {
					fillPeriod(b, st, "hour", begins, hour)
				}
			}
		}
		fillPeriod(b, st, "day", at, whole)
	}
	if err := st.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		b.Fatal(err)
	}
}

func fillPeriod(b *testing.B, st *state, table string, at time.Time, all [counts.Kinds]map[string]*counts.Sums) {
	b.Helper()
	if err := st.exec("BEGIN IMMEDIATE"); err != nil {
		b.Fatal(err)
	}
	add, err := st.prepared(insertCounts(table))
	if err != nil {
		b.Fatal(err)
	}
	defer add.close()
	facts, err := st.prepared("INSERT INTO " + table + "_facts VALUES (?, ?, 'fail', 'reject', '', '', 'altered', 'dmarc-reject', ?)")
	if err != nil {
		b.Fatal(err)
	}
	defer facts.close()
	var sum counts.Sums
	insert := func(kind, name string, s *counts.Sums) {
		add.set(0, at.Unix())
		add.set(1, kind)
		add.set(2, name)
		for f, n := range s {
			add.set(3+f, n)
		}
		if err := add.exec(); err != nil {
			b.Fatal(err)
		}
	}
	for k, names := range all {
		for name, s := range names {
			insert(counts.Kind(k).String(), name, s)
			if k != int(counts.Domain) {
				continue
			}
			sum.Add(s)
			if s[counts.Failed] > 0 {
				facts.set(0, at.Unix())
				facts.set(1, name)
				facts.set(2, s[counts.Failed])
				if err := facts.exec(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	insert(string(counts.AllMail), counts.AllName, &sum)
	if err := st.exec("INSERT INTO period VALUES (?, ?, ?, 0, 1)", table, at.Unix(), sum[counts.All]); err != nil {
		b.Fatal(err)
	}
	if err := st.exec("COMMIT"); err != nil {
		b.Fatal(err)
	}
}
