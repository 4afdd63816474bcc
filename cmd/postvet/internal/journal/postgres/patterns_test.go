//go:build linux

package postgres

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/patterns"
)

// teach has a node learn rows, and send them soon.
func (n *node) teach(t *testing.T, all ...patterns.Row) {
	t.Helper()
	must(t, sqlite.WritePatterns(n.dir, all))
	n.shipper.SharePatterns()
}

// known returns what a node knows with the others.
func (n *node) known(t *testing.T, d *Database, today int64) *patterns.Known {
	t.Helper()
	b := patterns.NewBuilder(today)
	must(t, d.Patterns(t.Context(), sqlite.NewReader(n.dir), n.name, "", today-patterns.Days, b.Add))
	return b.Known()
}

// patternSums returns what the database has: rows, messages and nodes.
func patternSums(t *testing.T, d *Database) (s [3]int64) {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	must(t, conn.QueryRow(t.Context(), "SELECT count(*), coalesce(sum(n), 0)::bigint, count(DISTINCT node) FROM postvet.pattern").Scan(&s[0], &s[1], &s[2]))
	return s
}

// testPatterns has two nodes with half of the mail each: both know the whole. What is sent
// again counts once, and what a forger sends to one node or to both changes nothing.
func testPatterns(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "patterns")
	nodes := []*node{newNode(t, "mx1", d, nil), newNode(t, "mx2", d, nil)}
	today := patterns.DayOf(time.Now())
	network := patterns.Row{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", N: 5}
	handed := patterns.Row{Kind: patterns.Forwarder, Name: "198.51.100.0/24", N: 1}
	for i := range int64(10) {
		row := network
		row.Day = today - i
		nodes[i%2].teach(t, row)
		for k := range 2 * patterns.ForwarderDomains {
			row := handed
			row.Org, row.Day = fmt.Sprintf("d%d.example", k%patterns.ForwarderDomains), today-i
			nodes[k%2].teach(t, row)
		}
	}
	total := func(want [3]int64) {
		t.Helper()
		eventually(t, fmt.Sprint("the database has ", want), func() bool { return patternSums(t, d) == want })
	}
	same := func(what string, passes int64) {
		t.Helper()
		for _, n := range nodes {
			k := n.known(t, d, today)
			got, ok := k.Domain("a.example")
			through, forwards := k.Forwarder(netip.MustParsePrefix("198.51.100.0/24"))
			if _, forwarders := k.Size(); !ok || !got.SignsAll || got.Days != 10 || got.Passes != passes || got.NetworkDays != 10 || !forwards || through.Days != 10 || forwarders != 1 {
				t.Errorf("%s, %s: %+v, %+v, %d forwarders", what, n.name, got, through, forwarders)
			}
		}
	}
	perDay := int64(patterns.ForwarderDomains)
	total([3]int64{10 + 10*perDay, 50 + 20*perDay, 2})
	same("half of the mail each", 50)
	for _, n := range nodes { // none of them knows that alone
		b := patterns.NewBuilder(today)
		must(t, sqlite.NewReader(n.dir).Patterns(t.Context(), "", today-patterns.Days, b.Add))
		if _, ok := b.Known().Domain("a.example"); ok {
			t.Errorf("%s knows the domain without the other", n.name)
		}
	}

	before := patternSums(t, d)
	nodes[0].shipper.SharePatterns() // nothing has changed
	more := network
	more.Day = today
	nodes[0].teach(t, more) // the day takes the place of what was sent
	total([3]int64{before[0], before[1] + 5, 2})
	same("a day was sent again", 55)

	// A message is replayed to both nodes, from many networks, with new domains beside it.
	for i := range int64(10) {
		for k := range 8 {
			replayed := patterns.Row{Org: "a.example", Kind: patterns.Forwarder, Name: fmt.Sprintf("203.0.%d.0/24", k), Day: today - i, N: 1}
			evil := patterns.Row{Org: fmt.Sprintf("d%d.evil.example", k), Kind: patterns.Forwarder, Name: replayed.Name, Day: today - i, N: 1}
			nodes[1].teach(t, replayed, evil)
			nodes[0].teach(t, replayed)
		}
	}
	total([3]int64{before[0] + 240, before[1] + 245, 2})
	same("replays", 55)

	nodes[0].close()
	nodes[0].open(t)
	nodes[0].ship(t, d, nil)
	more.N = 1
	nodes[0].teach(t, more)
	total([3]int64{before[0] + 240, before[1] + 246, 2})
	same("the node was started again", 56)
	testPatternsForgotten(t, d, nodes, today)
}

// testPatternsForgotten forgets a domain on one node. The other one goes on without the
// database, and old days go.
func testPatternsForgotten(t *testing.T, d *Database, nodes []*node, today int64) {
	t.Helper()
	before := patternSums(t, d)
	n := nodes[0]
	mine, err := sqlite.NewReader(n.dir).PatternSums(t.Context(), 0)
	must(t, err)
	rowsBefore := int64(0)
	for _, sums := range mine {
		rowsBefore += sums.Rows
	}
	_, err = d.Forget(t.Context(), sqlite.NewReader(n.dir), n.name, rows.Query{Domain: "a.example"})
	must(t, err)
	left, err := sqlite.NewReader(n.dir).PatternSums(t.Context(), 0)
	must(t, err)
	for _, sums := range left {
		rowsBefore -= sums.Rows
	}
	if got := patternSums(t, d); rowsBefore != 5+80 || got[0] != before[0]-rowsBefore {
		t.Errorf("%d rows are forgotten on the node; in the database %v, before %v", rowsBefore, got, before)
	}
	n.teach(t, patterns.Row{Org: "b.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 3}) // has the day sent again
	eventually(t, "the next rows are sent", func() bool { return patternSums(t, d)[0] == before[0]-rowsBefore+1 })
	count := func(d *Database, n *node, org string) (found int, err error) {
		err = d.Patterns(t.Context(), sqlite.NewReader(n.dir), n.name, org, today-patterns.Days, func(r patterns.Row) {
			if r.Org != org {
				t.Errorf("%+v among those of %s", r, org)
			}
			found++
		})
		return found, err
	}
	for _, n := range nodes { // the other node has its own
		if found, err := count(d, n, "a.example"); found != 5+80 || err != nil {
			t.Errorf("%s: %d rows, %v", n.name, found, err)
		}
	}
	if _, err := count(&Database{DSN: "host=/nonexistent"}, n, "b.example"); err == nil {
		t.Error("there is no database, and no error")
	}

	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	ses := &session{conn: conn}
	must(t, ses.removeOldPatterns(t.Context(), time.Now(), 0))
	kept := patternSums(t, d)
	must(t, ses.removeOldPatterns(t.Context(), time.Now().AddDate(0, 0, patterns.Days-5), 0))
	some := patternSums(t, d)
	must(t, ses.removeOldPatterns(t.Context(), time.Now(), 24*time.Hour))
	if most := patternSums(t, d); kept[0] != before[0]-rowsBefore+1 || some[0] >= kept[0] || some[0] == 0 || most[0] >= some[0] || most[0] == 0 {
		t.Errorf("rows that are left: %v, %v, %v", kept, some, most)
	}
}

// testPatternNames: a name that is none of the DNS is left out, and stops no others.
func testPatternNames(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "pattern_names")
	n := newNode(t, "mx1", d, nil)
	today := patterns.DayOf(time.Now())
	n.teach(
		t,
		patterns.Row{Org: "a.example", Kind: patterns.Signer, Name: "a\xff.example", Day: today, N: 1},
		patterns.Row{Org: "a.example", Kind: patterns.Signer, Name: "a\xfe.example", Day: today, N: 1},
		patterns.Row{Org: "a.example", Kind: patterns.Signer, Name: "a\uFFFD.example", Day: today, N: 1},
		patterns.Row{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 1},
	)
	eventually(t, "names are sent", func() bool { return patternSums(t, d)[0] == 2 })
	other := newNode(t, "mx2", d, nil)
	other.teach(t, patterns.Row{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 1}, patterns.Row{Org: "b.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 1})
	eventually(t, "those of another node are sent", func() bool { return patternSums(t, d)[0] == 4 })
	var got []patterns.Row
	must(t, d.Patterns(t.Context(), sqlite.NewReader(other.dir), "mx2", "b.example", today, func(r patterns.Row) { got = append(got, r) }))
	must(t, d.Patterns(t.Context(), sqlite.NewReader(other.dir), "mx2", "a.example", today, func(r patterns.Row) {
		if r.Kind == patterns.Network {
			got = append(got, r)
		}
	}))
	want := []patterns.Row{{Org: "b.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 1}, {Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: today, N: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("single messages of two nodes (-want +got):\n%s", diff)
	}
}
