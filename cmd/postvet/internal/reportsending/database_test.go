//go:build linux

package reportsending

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// countingNode is a node that counts messages. While the database is back, it may need a
// moment until it knows.
type countingNode struct {
	*reportstore.Store
	*reportcount.Counter
	clock clock
	late  atomic.Bool
}

var errLate = errors.New("not connected yet")

func (n *countingNode) AddOnce(ctx context.Context, b reportstore.Batch, counted []reports.Counted, leftOut ...reportstore.LeftOut) (reportstore.Added, error) {
	if n.late.Load() {
		return reportstore.Added{}, errLate
	}
	return n.Store.AddOnce(ctx, b, counted, leftOut...)
}

func (n *countingNode) Heartbeat(ctx context.Context, node string, flushed time.Time) error {
	if n.late.Load() {
		return errLate
	}
	return n.Store.Heartbeat(ctx, node, flushed)
}

// feed counts messages at the time of the clock of the node, each a record of its own.
func (n *countingNode) feed(messages int, source byte) {
	for i := range messages {
		c := counted("example.com", 0, reporting.Ordinary, 1, "mailto:dmarc@example.com")
		c.Record.Source = netip.AddrFrom4([4]byte{192, 0, source, byte(i)})
		n.Counter.Add(reporting.Row{Kind: c.Kind, Policy: c.Policy, Record: c.Record}, n.clock.Now())
	}
}

// TestDatabaseAwayAtMidnight has the database of two nodes killed before midnight and
// started again an hour later. It is the one that sends who is there first, when all nodes
// look dead. What they counted before midnight is in the report of its day all the same.
func TestDatabaseAwayAtMidnight(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	open := func() *reportstore.Store {
		s, err := reportstore.Open(t.Context(), reportstore.Options{DSN: server.DSN("postgres"), AutoMigrate: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	// The database has a clock of its own. Both clocks must show one day until the end of the test.
	if left := time.Until((reports.DayOf(time.Now()) + 1).Begin()); left < 2*time.Minute {
		time.Sleep(left + time.Millisecond)
	}
	today := reports.DayOf(time.Now())
	var nodes []*countingNode
	for i := range 2 {
		n := &countingNode{Store: open()}
		n.clock.set(today.Begin().Add(-time.Minute))
		n.Counter = reportcount.New(reportcount.Options{Store: n, Node: fmt.Sprint("mx", i), Every: 5 * time.Millisecond, Now: n.clock.Now})
		nodes = append(nodes, n)
	}
	store := open()
	x := newSite(t, "", func(o *Options) { o.Store = store })
	x.clock.set(today.Begin().Add(-time.Minute))
	flushed := func(rows int64) func() bool {
		return func() bool {
			s := [2]reportcount.Stats{nodes[0].Stats(), nodes[1].Stats()}
			return s[0].Rows == rows && s[1].Rows == rows && s[0].Trouble+s[1].Trouble == ""
		}
	}
	each := func(f func(*countingNode)) {
		for _, n := range nodes {
			f(n)
		}
	}
	each(func(n *countingNode) { n.feed(50, 1) })
	awaitTrue(t, "the first messages", flushed(50))
	awaitTrue(t, "both nodes", func() bool {
		_, waiting, err := store.CloseDays(t.Context())
		return err == nil && len(waiting) == 2
	})

	server.Kill()
	each(func(n *countingNode) { n.late.Store(true); n.feed(30, 2) })
	x.clock.set(today.Begin().Add(time.Hour))
	if err := x.Step(t.Context()); err == nil {
		t.Fatal("no error without a database")
	}
	each(func(n *countingNode) { n.clock.set(x.clock.Now()); n.feed(20, 3) })

	server.Start()
	db := (&postgres.Database{DSN: server.DSN("postgres")}).OpenSQL()
	_, err := db.ExecContext(t.Context(), "UPDATE postvet.report_node SET seen_at = seen_at - 3600000000")
	_ = db.Close()
	if err != nil {
		t.Fatal(err)
	}
	x.run(x.clock.Now().Add(time.Minute))
	all, err := store.Subjects(t.Context(), reportstore.SubjectQuery{Progress: reportstore.SubjectOpen})
	if err != nil || len(all) != 1 || len(x.states()) != 0 {
		t.Fatalf("before the nodes are there: %d subjects are open, %v, %v", len(all), x.states(), err)
	}
	each(func(n *countingNode) { n.late.Store(false) })
	awaitTrue(t, "the other messages", flushed(100))
	x.run(x.clock.Now().Add(20 * time.Minute))
	if len(x.sent) != 1 {
		t.Fatalf("%d messages: %v", len(x.sent), x.states())
	}
	v, err := report.Check(documentOf(t, x.sent[0].Data))
	if err != nil || !v.Valid() || v.Messages != 2*(50+30) || v.Records != 80 {
		t.Errorf("%d messages in %d records, want 160 in 80; %v", v.Messages, v.Records, err)
	}
	each(func(n *countingNode) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n.Counter.Close(ctx)
		s := n.Stats()
		dropped := int64(0)
		for _, lost := range s.Dropped {
			dropped += lost
		}
		if s.Late != 0 || dropped != 0 {
			t.Errorf("%d messages count for another day, %v are lost", s.Late, s.Dropped)
		}
	})
	all, err = store.Subjects(t.Context(), reportstore.SubjectQuery{Day: today, Progress: reportstore.SubjectOpen})
	if err != nil || len(all) != 1 || all[0].Messages[reporting.Ordinary] != 40 {
		t.Errorf("today: %+v, %v", all, err)
	}
}
