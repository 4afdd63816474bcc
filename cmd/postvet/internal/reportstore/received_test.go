//go:build linux

package reportstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/deviation"
)

var receivedTests = map[string]func(*testing.T, *Store){
	"added": testReceivedIsAsItWasAdded, "duplicates": testReceivedDuplicates, "filter": testReceivedFilter, "ends": testReceivedEnds,
}

func TestReceivedInAFile(t *testing.T) {
	t.Parallel()
	for name, test := range receivedTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), Options{File: filepath.Join(t.TempDir(), "reports.db")})
			must(t, err)
			t.Cleanup(func() { s.Close() })
			test(t, s)
		})
	}
}

func TestReceivedInADatabase(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	for name, test := range receivedTests {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), Options{DSN: server.NewDatabase(t, "received_"+name), AutoMigrate: true})
			must(t, err)
			t.Cleanup(func() { s.Close() })
			test(t, s)
		})
	}
}

// receivedReport is a report about a domain.
func receivedReport(domain string, key, content byte, at time.Time, result string) *reports.Received {
	r := &reports.Received{
		Kind: reports.ReceivedAggregate, Reporter: "Reporter", Email: "e@r.example", Domain: domain, ReportID: "id", Begin: noon.Add(-24 * time.Hour), End: noon,
		Messages: 7, Passed: 5, Records: 2, Head: []byte("{}"), Document: []byte{0x1f, 0x8b}, Findings: deviation.List{{Name: "x", Text: "y", Count: 1}},
		Arrived: at, Last: at, Copies: 1, Place: "Q" + result, From: "f@r.example", Subject: "s", MessageID: "<m>", Author: "author-" + result, Result: result,
	}
	r.Key[0], r.Content[0] = key, content
	return r
}

func allReceived(t testing.TB, s *Store, f reports.ReceivedFilter) []*reports.Received {
	t.Helper()
	var all []*reports.Received
	must(t, s.Received(t.Context(), f, func(r *reports.Received) error {
		all = append(all, r)
		return nil
	}))
	return all
}

func add(t testing.TB, s *Store, r *reports.Received, want reports.Outcome) {
	t.Helper()
	got, err := s.AddReceived(t.Context(), r)
	must(t, err)
	if got != want {
		t.Errorf("%s %s: outcome %s, want %s", r.Domain, r.Result, got, want)
	}
}

func testReceivedIsAsItWasAdded(t *testing.T, s *Store) {
	r := receivedReport("example.com", 1, 1, noon, "pass")
	r.Reporter = "na\x00me\xff"
	add(t, s, r, reports.Kept)
	got := allReceived(t, s, reports.ReceivedFilter{Documents: true})
	r.ID, r.Reporter = 1, "name\uFFFD"
	if diff := cmp.Diff([]*reports.Received{r}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := allReceived(t, s, reports.ReceivedFilter{}); len(got) != 1 || got[0].Document != nil || got[0].Head != nil {
		t.Errorf("%+v", got)
	}
}

// A report counts once, however often it comes, and the best proof of its sender counts.
func testReceivedDuplicates(t *testing.T, s *Store) {
	later := noon.Add(time.Hour)
	add(t, s, receivedReport("example.com", 1, 1, noon, "fail"), reports.Kept)
	add(t, s, receivedReport("example.com", 1, 1, later, "fail"), reports.Duplicate) // at the same place
	again := receivedReport("example.com", 1, 1, later, "fail")
	again.Place = "Q2"
	add(t, s, again, reports.Duplicate)
	got := allReceived(t, s, reports.ReceivedFilter{})[0]
	if got.Copies != 2 || !got.Arrived.Equal(noon) || !got.Last.Equal(later) || got.Trusted() || got.Conflicts {
		t.Errorf("%+v", got)
	}
	for _, result := range []string{"", "fail", "pass", "", "fail"} {
		add(t, s, receivedReport("example.com", 1, 1, noon, result), reports.Duplicate)
	}
	if got = allReceived(t, s, reports.ReceivedFilter{})[0]; got.Result != "pass" || got.Author != "author-pass" || got.Place != "Qpass" {
		t.Errorf("%+v", got)
	}
	add(t, s, receivedReport("example.com", 1, 2, noon, "pass"), reports.Conflicting)
	bare := receivedReport("example.com", 9, 9, noon, "pass")
	bare.Document = nil
	add(t, s, bare, reports.Duplicate)
	both := allReceived(t, s, reports.ReceivedFilter{})
	if len(both) != 2 || !both[0].Conflicts || !both[1].Conflicts {
		t.Errorf("%+v", both)
	}
}

func testReceivedFilter(t *testing.T, s *Store) {
	for i, domain := range []string{"example.com", "sub.example.com", "notexample.com", "com", "a_b.example", "axb.example", "x.a_b.example"} {
		r := receivedReport(domain, byte(i), 0, noon.Add(time.Duration(i)*time.Hour), "pass")
		if domain == "com" {
			r.Kind = reports.ReceivedTLS
		}
		add(t, s, r, reports.Kept)
	}
	for name, tt := range map[string]struct {
		filter reports.ReceivedFilter
		want   []string
	}{
		"below and above": {reports.ReceivedFilter{Domain: "Example.com"}, []string{"example.com", "sub.example.com", "com"}},
		"an underscore":   {reports.ReceivedFilter{Domain: "a_b.example"}, []string{"a_b.example", "x.a_b.example"}},
		"kind":            {reports.ReceivedFilter{Kind: reports.ReceivedTLS}, []string{"com"}},
		"time":            {reports.ReceivedFilter{Since: noon.Add(time.Hour), Until: noon.Add(3 * time.Hour)}, []string{"sub.example.com", "notexample.com"}},
		"the newest":      {reports.ReceivedFilter{Limit: 2}, []string{"x.a_b.example", "axb.example"}},
		"nothing":         {reports.ReceivedFilter{Domain: "%"}, nil},
	} {
		var got []string
		for _, r := range allReceived(t, s, tt.filter) {
			got = append(got, r.Domain)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	failed := errors.New("enough")
	if err := s.Received(t.Context(), reports.ReceivedFilter{}, func(*reports.Received) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("the error of each is %v", err)
	}
}

func testReceivedEnds(t *testing.T, s *Store) {
	now := time.Now()
	add(t, s, receivedReport("old.example", 1, 1, now.Add(-100*24*time.Hour), "pass"), reports.Kept)
	add(t, s, receivedReport("new.example", 2, 1, now, "pass"), reports.Kept)
	add(t, s, receivedReport("secret.example", 3, 1, now, "pass"), reports.Kept)
	if r, err := s.Retain(t.Context(), 35*24*time.Hour); err != nil || r.Received != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := s.Forget(t.Context(), "Secret.example"); err != nil || r.Received != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if all := allReceived(t, s, reports.ReceivedFilter{}); len(all) != 1 || all[0].Domain != "new.example" {
		t.Errorf("%+v", all)
	}
}

// Several processes add the same reports.
func TestReceivedConcurrently(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reports.db")
	var group sync.WaitGroup
	var lock sync.Mutex
	outcomes := map[reports.Outcome]int{}
	for i := range 4 {
		s, err := Open(t.Context(), Options{File: path})
		must(t, err)
		t.Cleanup(func() { s.Close() })
		group.Go(func() {
			for n := range 25 {
				r := receivedReport("example.com", byte(n), byte(n), noon, "pass")
				r.Place = fmt.Sprint(i)
				o, err := s.AddReceived(context.Background(), r)
				if err != nil {
					t.Error(err)
				}
				lock.Lock()
				outcomes[o]++
				lock.Unlock()
			}
		})
	}
	group.Wait()
	if outcomes[reports.Kept] != 25 || outcomes[reports.Duplicate] != 75 {
		t.Errorf("%v", outcomes)
	}
	s, err := Open(t.Context(), Options{File: path})
	must(t, err)
	defer s.Close()
	for _, r := range allReceived(t, s, reports.ReceivedFilter{}) {
		if r.Copies != 4 {
			t.Errorf("%d copies", r.Copies)
		}
	}
}
