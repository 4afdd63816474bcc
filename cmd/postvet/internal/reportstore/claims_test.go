//go:build linux

package reportstore

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// testHeartbeats: a day is closed when each node has added all of it, or is dead.
func testHeartbeats(t *testing.T, p testPlace) {
	s := p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 1))
	midnight := reports.DayOf(time.Now()).Begin()
	beat := func(node string, flushed time.Time) { must(t, s.Heartbeat(t.Context(), node, flushed)) }
	check := func(what string, want []string) {
		t.Helper()
		_, waiting, err := s.CloseDays(t.Context())
		must(t, err)
		if !slices.Equal(waiting, want) {
			t.Errorf("%s: waiting for %q, want %q", what, waiting, want)
		}
	}
	beat("mx2", midnight.Add(-time.Minute))
	beat("mx1", midnight.Add(time.Second))
	beat("mx3", midnight.Add(time.Hour))
	check("two are behind", []string{"mx1", "mx2"})
	beat("mx2", midnight.Add(3*time.Second))
	check("one is behind", []string{"mx1"})
	all, err := s.Subjects(t.Context(), SubjectQuery{Progress: SubjectClosed})
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d subjects are closed too early", len(all))
	}
	must(t, s.Leave(t.Context(), "mx1"))
	check("it has left", nil)
	beat("mx1", midnight.Add(-time.Minute))
	check("it is back", []string{"mx1"})
	_, err = s.exec(t.Context(), s.db, "UPDATE postvet.report_node SET seen_at = seen_at - $1", (dead + time.Second).Microseconds())
	must(t, err)
	check("it is dead", nil)
	if n := len(closeDays(t, s)); n != 1 {
		t.Errorf("%d subjects are closed, want 1", n)
	}
}

// testClaims: a delivery belongs to one process until its deadline.
func testClaims(t *testing.T, p testPlace) {
	s, other := p.open(t), p.open(t)
	addCounts(t, s, counted(yesterday, "example.com", "192.0.2.1", 1))
	now := time.Now().UTC().Truncate(time.Microsecond)
	freeze(t, s, closeDays(t, s)[0], "id", now, "a@one.example", "b@two.example", "c@One.example")
	claim := func(s *Store, at time.Time, n int) []Sent {
		t.Helper()
		got, err := s.Claim(t.Context(), at, n, at.Add(time.Minute))
		must(t, err)
		return got
	}
	if got := claim(s, now.Add(-time.Second), 5); len(got) != 0 {
		t.Errorf("claimed before they are due: %+v", got)
	}
	first, second := claim(s, now, 2), claim(other, now, 5)
	if len(first) != 2 || len(second) != 1 || len(claim(s, now, 5)) != 0 {
		t.Fatalf("claimed %d and %d", len(first), len(second))
	}
	d := first[0].Delivery
	if d.State != reports.Sending || !d.Next.Equal(now.Add(time.Minute)) || d.Claim == "" || first[0].Domain != "example.com" {
		t.Errorf("%+v", first[0])
	}
	d.State, d.Attempts, d.Next, d.Code, d.Status, d.Text, d.Changed = reports.Deferred, 1, now.Add(time.Hour), 451, "4.7.1", "later\x00\xff"+strings.Repeat("x", 1000), now
	if held, err := other.Finish(t.Context(), d); !held || err != nil {
		t.Fatalf("Finish: %v, %v", held, err)
	}
	if held, err := s.Finish(t.Context(), d); held || err != nil {
		t.Errorf("Finish again: %v, %v", held, err)
	}
	got, _, err := s.ByToken(t.Context(), d.Token)
	must(t, err)
	if want := d; got.Text[:6] != "later?" || len(got.Text) != maxSaid || got.Code != want.Code || got.Status != want.Status || got.Attempts != 1 || !got.Next.Equal(want.Next) || got.Claim != "" {
		t.Errorf("%+v", got.Delivery)
	}
	// The others lose their claims, and one more attempt was made.
	again := claim(other, now.Add(2*time.Minute), 5)
	if len(again) != 2 || again[0].Attempts != 1 {
		t.Fatalf("claimed again: %+v", again)
	}
	lost := first[1].Delivery
	lost.State = reports.Queued
	if held, err := s.Finish(t.Context(), lost); held || err != nil {
		t.Errorf("Finish with a claim that was lost: %v, %v", held, err)
	}
	queued := again[0].Delivery
	queued.State = reports.Queued
	if held, err := s.Finish(t.Context(), queued); !held || err != nil {
		t.Errorf("Finish with the claim of now: %v, %v", held, err)
	}
	queued.State, queued.Code = reports.Bounced, 550
	for i, want := range []bool{true, false} {
		if changed, err := other.Change(t.Context(), queued, reports.Queued, reports.Done); changed != want || err != nil {
			t.Errorf("Change %d: %v, %v", i, changed, err)
		}
	}
	// A domain waits.
	if n, err := s.Postpone(t.Context(), "ONE.example", now.Add(3*time.Hour)); n != 1 || err != nil {
		t.Errorf("Postpone: %d, %v", n, err)
	}
	if got := claim(s, now.Add(2*time.Hour), 5); len(got) != 1 {
		t.Errorf("claimed while a domain waits: %+v", got)
	}
	if n := len(claim(s, now.Add(4*time.Hour), 5)); n != 2 {
		t.Errorf("claimed afterwards: %d", n)
	}
	if n, err := s.Settle(t.Context(), now.Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("Settle: %d, %v", n, err)
	}
}

// testClaimsAtOnce: many processes that claim at one time get each delivery once.
func testClaimsAtOnce(t *testing.T, p testPlace) {
	s := p.open(t)
	now := time.Now()
	const n = 60
	for i := range n {
		r := &reports.Report{ID: fmt.Sprint(i), Kind: reports.Failure, Domain: "example.com", Begin: now, End: now, Submitter: "us.example", Created: now, Messages: 1, Document: []byte("x")}
		if created, err := s.Enqueue(t.Context(), r, now, "a@example.com"); !created || err != nil {
			t.Fatalf("Enqueue: %v, %v", created, err)
		}
		if created, err := s.Enqueue(t.Context(), r, now, "a@example.com"); created || err != nil {
			t.Fatalf("Enqueue again: %v, %v", created, err)
		}
	}
	var group sync.WaitGroup
	claims := make(chan string, 10*n)
	for range 4 {
		one := p.open(t)
		group.Go(func() {
			for range n {
				got, err := one.Claim(t.Context(), now, 3, now.Add(time.Hour))
				if err != nil {
					t.Error(err)
					return
				}
				for _, x := range got {
					claims <- x.ID
				}
			}
		})
	}
	group.Wait()
	close(claims)
	seen := map[string]bool{}
	for id := range claims {
		if seen[id] {
			t.Errorf("%s was claimed twice", id)
		}
		seen[id] = true
	}
	if len(seen) != n {
		t.Errorf("%d deliveries were claimed, want %d", len(seen), n)
	}
}
