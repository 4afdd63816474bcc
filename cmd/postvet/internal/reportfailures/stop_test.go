package reportfailures

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// TestClose: what is open goes into the outbox at the end, without a question to the DNS.
// Who takes reports is asked when they are sent.
func TestClose(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.fail(t, "example.com", "192.0.2.1")
	s.fail(t, "example.com", "192.0.2.2")
	s.fail(t, "outside.example", "192.0.2.1")
	s.o.Destinations = nil
	s.stop = func() {}
	close(s.done)
	s.Close(t.Context())
	got := s.sent(t)
	slices.Sort(got)
	if want := []string{"example.com 2 f@example.com", "outside.example 1 f@silent.example f@takes.example"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if st := s.Stats(); st.Reports != 2 || st.Open != 0 || len(st.Dropped) > 0 {
		t.Errorf("%+v", st)
	}
}

// TestCloseKeepsRates: an address gets no more reports than it may, and all get no more than
// are made in a minute: the others wait in the outbox.
func TestCloseKeepsRates(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *Settings) { s.PerDestination, s.Rate = 2, 4 })
	for i := range 5 {
		s.fail(t, "example.com", fmt.Sprintf("10.0.%d.1", i))
	}
	s.fail(t, "outside.example", "192.0.2.1")
	s.stop = func() {}
	close(s.done)
	s.Close(t.Context())
	all, err := s.store.Deliveries(t.Context(), reportstore.Query{Kind: reports.Failure, Address: "f@example.com"})
	if err != nil || len(all) != 5 {
		t.Fatal(len(all), err)
	}
	hours := map[int]int{}
	for _, d := range all {
		hours[int(d.Next.Sub(s.now())/time.Hour)]++
		if !d.Created.Equal(d.Next) {
			t.Errorf("due at %s, and its Date is %s", d.Next, d.Created)
		}
	}
	if hours[0] != 2 || hours[1] != 2 || hours[2] != 1 {
		t.Errorf("by hour: %v", hours)
	}
	// The service starts again: an address whose reports wait gets no other one.
	s.Gatherer = idle(s.o)
	s.fail(t, "example.com", "10.9.9.1")
	s.pass(t, 11*time.Minute)
	if got := len(s.sent(t)); got != 6 {
		t.Errorf("%d reports, want 6", got)
	}
}

// TestCloseLoses: what may not be sent, or is not taken, is counted as lost, and the end does
// not wait for it.
func TestCloseLoses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*Settings)
		fails  error
		why    Why
	}{
		{"a store that fails", nil, errors.New("disk full"), WhyStopped},
		{"an unknown domain", func(s *Settings) { s.Send = reportsending.Known }, nil, WhyUnknown},
	} {
		s := newSite(t, tc.change)
		s.fails = tc.fails
		s.fail(t, "example.com", "192.0.2.1")
		s.fail(t, "example.com", "198.51.100.1")
		s.stop = func() {}
		close(s.done)
		s.Close(t.Context())
		s.expect(t, tc.name)
		if st := s.Stats(); st.Dropped[tc.why] != 2 || st.Open != 0 || st.Reports != 0 {
			t.Errorf("%s: %+v", tc.name, st)
		}
	}
}
