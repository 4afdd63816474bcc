//go:build linux

package postgres

import (
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/keyservers"
)

// testNodes has the database name its nodes: one without mail, and two with other rules.
func testNodes(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "nodes")
	if nodes, err := d.Nodes(t.Context()); err != nil || len(nodes) != 0 {
		t.Fatalf("of an empty database: %+v, %v", nodes, err)
	}
	began := time.Now()
	first := newNode(t, "mx1", d, func(o *Options) { o.Version = "1.0" })
	second := newNode(t, "mx2", d, func(o *Options) { o.Version = "1.1" })
	for i, n := range []*node{first, second} {
		row := n.row(noon.Add(time.Hour))
		row.Generation = int64(7 + i)
		n.recorder.Add(row)
		older := n.row(noon)
		older.Generation = 5
		n.recorder.Add(older)
		n.sent(t, d)
	}
	second.shipper.SetHealth(func() Health { return Health{Generation: 9, Dropped: 2, Degraded: true, Failing: 1, Resolvers: 2} })
	eventually(t, "a node says how it does", func() bool {
		nodes, err := d.Nodes(t.Context())
		must(t, err)
		return nodes[1].Health != nil
	})
	execute(t, d, "INSERT INTO postvet.node (name, identity, session, version, seen) VALUES ('mx3', 1, 1, '0.9', '2026-01-01')")
	nodes, err := d.Nodes(t.Context())
	must(t, err)
	if len(nodes) != 3 {
		t.Fatalf("%d nodes: %+v", len(nodes), nodes)
	}
	for i, want := range []NodeState{{Name: "mx1", Version: "1.0", Generation: 7}, {Name: "mx2", Version: "1.1", Generation: 8}, {Name: "mx3", Version: "0.9"}} {
		got := nodes[i]
		if h := got.Health; (i == 1) != (h != nil) || h != nil && (h.Generation != 9 || h.Dropped != 2 || !h.Degraded || h.Failing != 1 || h.Resolvers != 2 || h.Lag < 0) {
			t.Errorf("node %d says %+v of itself", i, h)
		}
		if got.Name != want.Name || got.Version != want.Version || got.Generation != want.Generation || (i < 2) != got.Seen.After(began.Add(-time.Minute)) || (i < 2) == got.Newest.IsZero() {
			t.Errorf("node %d is %+v, want %+v", i, got, want)
		}
	}
}
