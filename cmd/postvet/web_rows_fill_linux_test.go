package main

import (
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/patterns"
)

// bagDays is over how many days the mail comes.
const bagDays = 60

// fillJournal writes n messages by the recorder of the service, the newest just now, and has
// the days that are over indexed. It returns one that was accepted half the time ago.
func fillJournal(t *testing.T, dir string, n int) *rows.Row {
	t.Helper()
	ahead := time.Duration(0)
	store, err := sqlite.Open(sqlite.Options{Dir: dir, Now: func() time.Time { return time.Now().Add(ahead) }})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: store, Every: time.Hour, Memory: 64 << 20})
	m := newMailbag()
	end := time.Now()
	step := bagDays * 24 * time.Hour / time.Duration(n)
	var known *rows.Row
	for i := range n {
		row := m.row(end.Add(-time.Duration(n-i) * step))
		if r.Add(row); i%5000 == 0 {
			r.Flush(t.Context())
		}
		if i >= n/2 && known == nil && row.Class() == rows.Accepted {
			known = row
		}
		if i%500_000 == 0 {
			t.Logf("%d messages", i)
		}
	}
	r.Flush(t.Context())
	if s := r.Stats(); s.Failing != "" || s.Dropped != [rows.Classes]int64{} {
		t.Fatalf("messages are missing: %+v", s)
	}
	ahead = 55 * time.Minute // once an hour days are indexed
	store.Tick(time.Now())
	waitSealed(t, dir, end)
	r.Close(t.Context())
	return known
}

// waitSealed waits until each day that is over is indexed: then it has no log.
func waitSealed(t *testing.T, dir string, now time.Time) {
	t.Helper()
	for range 3600 {
		names, _ := filepath.Glob(filepath.Join(dir, "????-??-??.*.db"))
		open := 0
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			var head [20]byte
			_, _ = f.Read(head[:])
			_ = f.Close()
			if head[18] != 1 && now.Format(time.DateOnly) != filepath.Base(name)[:10] && now.Add(-24*time.Hour).Format(time.DateOnly) != filepath.Base(name)[:10] {
				open++
			}
		}
		if open == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	t.Fatal("days of the journal are not indexed")
}

// fillReports keeps the reports of a month. Each day 30 reporters send one about each domain of
// own, and 200 of our reports are sent.
func fillReports(t *testing.T, dir string, own []string) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for d := range 30 {
		begin := today.Add(-time.Duration(30-d) * 24 * time.Hour)
		for i := range 30 * len(own) {
			reporter := fmt.Sprintf("receiver%d.example", i/len(own))
			arrival := received.Arrival{At: begin.Add(26 * time.Hour), Author: reporter, Result: "pass"}
			h := &report.Head{OrgName: reporter, Email: "dmarc@" + reporter, ReportID: fmt.Sprintf("%d-%d", d, i), Begin: begin, End: begin.Add(24*time.Hour - time.Second), Policy: report.Policy{Domain: own[i%len(own)], P: "none"}}
			var b strings.Builder
			if err := report.Write(&b, h, recordsOf(own[i%len(own)], 40)); err != nil {
				t.Fatal(err)
			}
			keepReport(t, s, arrival, b.String(), fmt.Sprintf("4Q%d-%d", d, i))
		}
		for i := range 200 {
			domain := fmt.Sprintf("company%d.example", i)
			sent := &reports.Report{ID: reports.NewID(), Kind: reports.Aggregate, Domain: domain, Begin: begin, End: begin.Add(24*time.Hour - time.Second), Submitter: "example.com", Created: begin.Add(25 * time.Hour), Records: 3, Messages: 700, Document: make([]byte, 1500)}
			if _, err := s.Enqueue(t.Context(), sent, begin.Add(25*time.Hour), "dmarc@"+domain); err != nil {
				t.Fatal(err)
			}
		}
		claimed, err := s.Claim(t.Context(), begin.Add(25*time.Hour), 1000, begin.Add(26*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for i := range claimed {
			x := claimed[i].Delivery
			x.State, x.Attempts, x.Code, x.Status, x.Text, x.Changed = reports.Done, 1, 250, "2.0.0", "Ok: queued as 4X0123456789", begin.Add(25*time.Hour)
			if i%20 == 0 {
				x.State, x.Code, x.Status, x.Text = reports.Bounced, 550, "5.1.1", "User unknown"
			}
			if _, err := s.Finish(t.Context(), x); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// recordsOf returns n records of a report about a domain.
func recordsOf(domain string, n int) iter.Seq[*report.Record] {
	return func(yield func(*report.Record) bool) {
		for i := range n {
			pass := i%4 != 0
			r := &report.Record{
				Source: netip.AddrFrom4([4]byte{10, 9, byte(i), 1}), Count: int64(100 - i), Disposition: report.DispositionNone, DKIMAligned: pass, SPFAligned: pass, HeaderFrom: domain,
				DKIM: []report.DKIM{{Domain: domain, Selector: "s2026", Result: "pass"}}, SPF: []report.SPF{{Domain: domain, Scope: "mfrom", Result: "pass"}},
			}
			if !pass {
				r.DKIM[0].Domain, r.SPF[0].Domain = "other.example", "other.example"
			}
			if !yield(r) {
				return
			}
		}
	}
}

// fillPatterns keeps what 60 days of genuine mail of 3,000 domains taught.
func fillPatterns(t *testing.T, dir string) {
	t.Helper()
	today := patterns.DayOf(time.Now())
	for d := today - bagDays; d < today; d++ {
		var all []patterns.Row
		for n := range 3000 {
			org := fmt.Sprintf("company%d.example", n)
			all = append(all, patterns.Row{Org: org, Kind: patterns.Network, Name: fmt.Sprintf("10.%d.%d.0/24", n*7>>8&255, n*7&255), Day: d, N: 20})
		}
		if err := sqlite.WritePatterns(dir, all); err != nil {
			t.Fatal(err)
		}
	}
}
