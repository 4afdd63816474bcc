package main

import (
	"fmt"
	"io"
	"slices"
)

// contestantNames are the contestants in the order of the table.
var contestantNames = []string{"postvet", "postvet+journal", "rspamd", "opendkim+opendmarc", "pyspf+opendkim+opendmarc", "go-milter+work", "go-milter", "libmilter", "blind-libmilter"}

// cells returns the cells of the records in the order of their first record.
func cells(rs []Record) []Cell {
	var all []Cell
	for i := range rs {
		if !slices.Contains(all, rs[i].Cell) {
			all = append(all, rs[i].Cell)
		}
	}
	slices.SortStableFunc(all, func(a, b Cell) int {
		if a.Cold != b.Cold {
			if a.Cold {
				return 1
			}
			return -1
		}
		if a.PerConnection != b.PerConnection {
			return a.PerConnection - b.PerConnection
		}
		return a.Sessions - b.Sessions
	})
	return all
}

// of returns the records of a contestant in a cell, one per round.
func of(rs []Record, name string, c Cell) []Record {
	var all []Record
	for i := range rs {
		if rs[i].Contestant == name && rs[i].Cell == c {
			all = append(all, rs[i])
		}
	}
	return all
}

// figures returns one figure of each record.
func figures(rs []Record, f func(*Record) float64) []float64 {
	all := make([]float64, len(rs))
	for i := range rs {
		all[i] = f(&rs[i])
	}
	return all
}

func (c Cell) String() string {
	cache := "warm"
	if c.Cold {
		cache = "cold"
	}
	return fmt.Sprintf("%s, %d sessions, %d per connection", cache, c.Sessions, c.PerConnection)
}

// table prints the medians of the rounds, with the spread of the first two
// figures.
func (r *Report) table(w io.Writer) {
	fmt.Fprintf(w, "%-26s%8s%5s%12s%5s%10s%10s%9s%9s%7s%7s\n", "", "msg/s", "±%", "CPU ms/msg", "±%", "p50 ms", "p99 ms", "peak MB", "DNS/msg", "wrong", "errors")
	names := r.names()
	for _, c := range cells(r.Records) {
		fmt.Fprintln(w, c)
		for _, name := range names {
			rs := of(r.Records, name, c)
			if len(rs) == 0 {
				continue
			}
			rate := figures(rs, func(r *Record) float64 { return r.PerSecond })
			cpu := figures(rs, func(r *Record) float64 { return r.CPU })
			m := func(f func(*Record) float64) float64 { return median(figures(rs, f)) }
			var wrong, errors int
			for i := range rs {
				wrong += rs[i].Wrong
				errors += rs[i].Errors
			}
			fmt.Fprintf(w, "  %-24s%8.0f%5.0f%12.3f%5.0f%10.2f%10.2f%9.1f%9.2f%7d%7d\n", name,
				median(rate), spread(rate), median(cpu), spread(cpu),
				m(func(r *Record) float64 { return r.P50 }), m(func(r *Record) float64 { return r.P99 }),
				m(func(r *Record) float64 { return r.PeakMB }), m(func(r *Record) float64 { return r.Queries }), wrong, errors)
		}
	}
	r.examples(w)
}

// names returns the contestants in the order of their first record.
func (r *Report) names() []string {
	var all []string
	for i := range r.Records {
		if !slices.Contains(all, r.Records[i].Contestant) {
			all = append(all, r.Records[i].Contestant)
		}
	}
	order := map[string]int{}
	for i, n := range contestantNames {
		order[n] = i
	}
	slices.SortStableFunc(all, func(a, b string) int { return order[a] - order[b] })
	return all
}

// examples prints a few errors and wrong verdicts, each text once per
// contestant.
func (r *Report) examples(w io.Writer) {
	for _, name := range r.names() {
		var seen []string
		for i := range r.Records {
			if r.Records[i].Contestant != name {
				continue
			}
			for _, e := range r.Records[i].Examples {
				if len(seen) < maxExamples && !slices.Contains(seen, e) {
					seen = append(seen, e)
				}
			}
		}
		for _, e := range seen {
			fmt.Fprintf(w, "%s, for example: %s\n", name, e)
		}
	}
}

// The memory checks, as the table names them.
const (
	checkBig  = "sessions with a half-sent 10 MB message"
	checkIdle = "idle connections"
	checkMany = "many small messages"
)

func (r *Report) memoryTable(w io.Writer) {
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprintf(w, "%-42s%12s%12s%12s\n", "memory of Postvet, MB", "idle before", "peak", "after")
	for _, m := range r.Memory {
		fmt.Fprintf(w, "%-42s%12.1f%12.1f%12.1f  %s\n", m.Check, m.BeforeMB, m.PeakMB, m.AfterMB, m.Text)
	}
}

func (r *Report) postfixTable(w io.Writer) {
	if len(r.Postfix) == 0 {
		return
	}
	fmt.Fprintf(w, "%-26s%8s%5s%12s%10s%10s%9s%9s%7s%7s\n", "through Postfix", "msg/s", "±%", "of Postfix", "p50 ms", "p99 ms", "accepted", "refused", "wrong", "errors")
	alone := r.postfixRate("none")
	var done []string
	for _, p := range r.Postfix {
		name := p.Contestant
		if slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		var rate, p50, p99 []float64
		var sum PostfixRecord
		for _, q := range r.Postfix {
			if q.Contestant != name {
				continue
			}
			rate, p50, p99 = append(rate, q.PerSecond), append(p50, q.P50), append(p99, q.P99)
			sum.Accepted += q.Accepted
			sum.Refused += q.Refused
			sum.Wrong += q.Wrong
			sum.Errors += q.Errors
			if sum.Example == "" {
				sum.Example = q.Example
			}
		}
		share := ""
		if alone > 0 {
			share = fmt.Sprintf("%.1f %%", median(rate)/alone*100)
		}
		fmt.Fprintf(w, "  %-24s%8.0f%5.0f%12s%10.2f%10.2f%9d%9d%7d%7d  %s\n", name, median(rate), spread(rate), share,
			median(p50), median(p99), sum.Accepted, sum.Refused, sum.Wrong, sum.Errors, sum.Example)
	}
}
