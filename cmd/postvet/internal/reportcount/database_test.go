//go:build linux

package reportcount_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/contrib/keyservers"
)

// TestDatabaseAway: a database that is killed and started again while two nodes count has
// each message once in the end.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	dsn := server.NewDatabase(t, "reports")
	var counters []*reportcount.Counter
	for i := range 2 {
		s, err := reportstore.Open(t.Context(), reportstore.Options{DSN: dsn, AutoMigrate: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		counters = append(counters, reportcount.New(reportcount.Options{Store: s, Node: fmt.Sprint("mx", i), Every: 5 * time.Millisecond}))
	}
	fed := int64(0)
	feed := func(lasts time.Duration) {
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(time.Millisecond) {
			for _, c := range counters {
				c.Add(row(int(fed%300)), time.Now())
				fed++
			}
		}
	}
	for i := range 3 {
		feed(400*time.Millisecond + time.Duration(i*7)*time.Millisecond)
		server.Kill()
		feed(50 * time.Millisecond)
		server.Start()
	}
	feed(200 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range counters {
		for c.Stats().Trouble != "" && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		c.Close(ctx)
		for why, n := range c.Stats().Dropped {
			if n > 0 {
				t.Errorf("%d messages were dropped: %s", n, why)
			}
		}
	}
	s, err := reportstore.Open(t.Context(), reportstore.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Subjects(t.Context(), reportstore.SubjectQuery{})
	if err != nil {
		t.Fatal(err)
	}
	there := int64(0)
	for _, x := range all {
		rs := s.Records(t.Context(), x)
		for range rs.All() { //nolint:revive // it counts
		}
		if rs.Err() != nil {
			t.Fatal(rs.Err())
		}
		_, n := rs.Count()
		there += n
	}
	if there != fed {
		t.Errorf("%d messages are there, want %d", there, fed)
	}
	t.Logf("%d messages", fed)
}

// BenchmarkDatabase is BenchmarkAllDistinct with a database on this machine.
func BenchmarkDatabase(b *testing.B) {
	benchmarkDistinct(b, 500, 0, reportstore.Options{DSN: keyservers.PostgreSQL(b, "secret").NewDatabase(b, "reports"), AutoMigrate: true, MaxRecords: 1_000_000, MaxAllRecords: 10_000_000})
}
