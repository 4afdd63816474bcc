package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tc := range []struct {
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, .5, 0},
		{[]time.Duration{7}, .99, 7},
		{[]time.Duration{1, 2}, .5, 1},
		{[]time.Duration{1, 2, 3}, .5, 2},
		{hundred, 0, 1},
		{hundred, .5, 50},
		{hundred, .99, 99},
		{hundred, 1, 100},
	} {
		if got := percentile(tc.values, tc.q); got != tc.want {
			t.Errorf("percentile(%d values, %v) = %d, want %d", len(tc.values), tc.q, got, tc.want)
		}
	}
}

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		values         []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{4}, 4, 0},
		{[]float64{30, 10}, 20, 50},
		{[]float64{110, 90, 100}, 100, 10},
		{[]float64{0, 0}, 0, 0},
	} {
		if diff := cmp.Diff([]float64{tc.median, tc.spread}, []float64{median(tc.values), spread(tc.values)}); diff != "" {
			t.Errorf("median and spread of %v (-want +got):\n%s", tc.values, diff)
		}
	}
	v := []float64{3, 1, 2}
	median(v)
	if diff := cmp.Diff([]float64{3, 1, 2}, v); diff != "" {
		t.Errorf("median changes its argument:\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	busy, cold := Cell{false, 8, 1}, Cell{true, 1, 1}
	r := &Report{Records: []Record{
		{Contestant: "rspamd", Cell: cold, P50: 50},
		{Contestant: "rspamd", Cell: busy, CPU: 2.4, PerSecond: 100, Wrong: 3, Examples: []string{"good: dkim"}},
		{Contestant: "postvet", Cell: busy, CPU: .2, PerSecond: 300},
		{Contestant: "postvet", Cell: busy, CPU: .4, PerSecond: 500},
		{Contestant: "postvet+journal", Cell: busy, CPU: .315},
		{Contestant: "postvet", Cell: cold, P50: 40, ExcessP50: 2},
	}}
	r.compare()
	got := map[string]bool{}
	for _, a := range r.Aims {
		got[a.Text] = a.met()
	}
	want := map[string]bool{
		"CPU per message, Rspamd / Postvet (warm, 8 sessions)": true,
		"CPU per message, Postvet with a journal / without":    true,
		"messages/s, Postvet / Rspamd":                         true,
		"cold p50, Postvet / Rspamd (1 session)":               true,
		"cold: p50 of latency less the chain of lookups, ms":   true,
		"wrong verdicts and errors of Postvet":                 true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("aims (-want +got):\n%s", diff)
	}
	if (Aim{Measured: 5.9, Bound: 6, Least: true}).met() || (Aim{Measured: 1.8, Bound: 1.7}).met() {
		t.Error("an aim that is missed counts as met")
	}
	var b strings.Builder
	r.table(&b)
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	wantLines := []string{
		"msg/s ±% CPU ms/msg ±% p50 ms p99 ms peak MB DNS/msg wrong errors",
		"warm, 8 sessions, 1 per connection",
		"postvet 400 25 0.300 33 0.00 0.00 0.0 0.00 0 0",
		"postvet+journal 0 0 0.315 0 0.00 0.00 0.0 0.00 0 0",
		"rspamd 100 0 2.400 0 0.00 0.00 0.0 0.00 3 0",
		"cold, 1 sessions, 1 per connection",
		"postvet 0 0 0.000 0 40.00 0.00 0.0 0.00 0 0",
		"rspamd 0 0 0.000 0 50.00 0.00 0.0 0.00 0 0",
		"rspamd, for example: good: dkim",
	}
	if diff := cmp.Diff(wantLines, lines); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
