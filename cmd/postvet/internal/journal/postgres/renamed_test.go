//go:build linux

package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testRenamed: a node with another name keeps what it sent. While one with the same directory
// is alive, another name is that of a copy, which sends nothing.
func testRenamed(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "renamed")
	n := newNode(t, "mx1", d, nil)
	n.add(50)
	n.sent(t, d)
	n.close()
	n.name = "mx9"
	n.open(t)
	n.add(20)
	n.ship(t, d, nil)
	eventually(t, "it may be a copy", func() bool { return n.shipper.Stats().Trouble == errCopied.Error() })
	execute(t, d, "UPDATE postvet.node SET seen = seen - interval '1 hour'")
	n.sent(t, d)
	if n.logs.FilterMessageSnippet("renamed").Len() != 1 {
		t.Errorf("the log: %v", n.logs.All())
	}
	nodes, err := d.Nodes(t.Context())
	must(t, err)
	var names []string
	for _, x := range nodes {
		names = append(names, x.Name)
	}
	if diff := cmp.Diff([]string{"mx9"}, names); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// sumsIn returns the messages that the database has counted by the hour and by the day.
func sumsIn(t *testing.T, d *Database) (hours, days int) {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	must(t, conn.QueryRow(t.Context(), "SELECT coalesce(sum(n) FILTER (WHERE length = 'hour'), 0), coalesce(sum(n) FILTER (WHERE length = 'day'), 0) FROM postvet.period").Scan(&hours, &days))
	return hours, days
}

// testClockAhead: the day that a node with a wrong clock took for over is counted by its hours
// until it is over. Messages that were counted in an hour of the future are sent too.
func testClockAhead(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "ahead")
	n := newNode(t, "mx1", d, nil)
	n.close()
	c := newCounting(t, "counting")
	var encoder rows.Encoder
	begin := time.Now().UTC().Truncate(24 * time.Hour)
	for _, step := range []struct {
		at, ahead   time.Duration
		hours, days int
	}{
		{at: 1 * time.Hour, hours: 10},
		{at: 2 * time.Hour, ahead: 48 * time.Hour, hours: 20, days: 20}, // wrong
		{at: 3 * time.Hour, hours: 30},
		{at: 23 * time.Hour, hours: 40},
		{at: 4 * time.Hour, hours: 50},
		{at: 5 * time.Hour, ahead: 24 * time.Hour, hours: 60, days: 60}, // the day is over
	} {
		for range 10 {
			must(t, c.counter.Count(encoder.Append(nil, n.row(begin.Add(step.at)), rows.Domains)))
		}
		c.write(t, begin.Add(72*time.Hour))
		c.write(t, begin.Add(72*time.Hour))
		now := begin.Add(6*time.Hour + step.ahead)
		n.name, n.dir = "mx2", c.dir
		n.ship(t, d, func(o *Options) { o.every, o.now = time.Hour, func() time.Time { return now } })
		eventually(t, "counts are sent", func() bool { return n.shipper.rounds.Load() > 0 })
		n.shipper.Close(t.Context())
		if hours, days := sumsIn(t, d); hours != step.hours || days != step.days {
			t.Errorf("at %s: %d messages in hours and %d in days, want %d and %d", step.at, hours, days, step.hours, step.days)
		}
	}
}

// testReplaced: a new machine with the name of one that is gone has counted other hours, which
// are sent although their numbers are below those that the former one has sent.
func testReplaced(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "replaced")
	n := newNode(t, "mx1", d, nil)
	n.close()
	var encoder rows.Encoder
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	want := 0
	for i, hours := range []int{3, 8} {
		c := newCounting(t, fmt.Sprint("machine", i))
		for h := range hours {
			must(t, c.counter.Count(encoder.Append(nil, n.row(begin.Add(time.Duration(12*i+h)*time.Hour)), rows.Domains)))
			c.write(t, time.Now())
			c.write(t, time.Now())
		}
		want += hours
		ship(t, d, "mx2", c.dir)
		execute(t, d, "UPDATE postvet.node SET seen = seen - interval '1 hour'")
	}
	if hours, _ := sumsIn(t, d); hours != want {
		t.Errorf("%d messages are counted, want %d", hours, want)
	}
}
