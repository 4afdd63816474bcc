//go:build linux

package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/result"
)

// faultyNode is a node whose clock is wrong at times, and whose connection is cut.
type faultyNode struct {
	node
	counting *counting
	ahead    time.Duration
}

// cutsOfCounts are where a connection is cut while counts are sent.
var cutsOfCounts = []string{
	"UPDATE postvet.node SET session", "FROM postvet.counted", "max(at)", "BEGIN;", "DELETE FROM postvet.hour ", "DELETE FROM postvet.hour_facts", "DELETE FROM postvet.day ",
	"COPY postvet.hour ", "COPY postvet.hour_facts", "COPY postvet.day ", "COPY postvet.day_facts", "INSERT INTO postvet.period", "INSERT INTO postvet.counted", "COMMIT",
}

// testCountedFaults has three nodes count while their clocks jump by up to two days, their
// connections are cut or reset before or after a statement, they end in the middle, get other names,
// and forget domains while they send. The database has what the nodes have in the end, and one
// journal has that counted all.
func testCountedFaults(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "faults")
	p := newProxy(t, s)
	through := p.database("faults")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	one := newCounting(t, "one")
	var nodes []*faultyNode
	for i := range 3 {
		name := fmt.Sprint("mx", i+1)
		c := newCounting(t, name)
		nodes = append(nodes, &faultyNode{counting: c, node: node{name: name, dir: c.dir, random: random}})
	}
	// The clock of the database is behind, so that it says of no day that it is over.
	now := time.Now().UTC().Add(24 * time.Hour)
	begin := now
	var encoder rows.Encoder
	count := func(n *faultyNode) {
		t.Helper()
		for range random.IntN(8) {
			n.refs = result.References{}
			b := slices.Clone(encoder.Append(nil, randomRow(&n.node, now.Add(n.ahead-time.Duration(random.IntN(70))*time.Minute)), rows.Domains))
			must(t, n.counting.counter.Count(b))
			must(t, one.counter.Count(b))
		}
		one.write(t, now)
		n.counting.write(t, now.Add(n.ahead))
	}
	start := func(n *faultyNode) {
		t.Helper()
		at := now.Add(n.ahead)
		n.ship(t, through, func(o *Options) { o.every, o.now = time.Hour, func() time.Time { return at } })
	}
	sent := func(n *faultyNode) {
		t.Helper()
		eventually(t, "counts are sent", func() bool { return n.shipper.rounds.Load() > 0 })
		n.shipper.Close(t.Context())
	}
	check := func() {
		t.Helper()
		over := now.Add(72 * time.Hour) // all hours
		for _, n := range nodes {
			n.ahead = 0
			n.counting.write(t, over)
			n.counting.write(t, over)
			start(n)
			sent(n)
			compareCounts(t, random, d, n.name, n.dir, begin, now)
		}
		one.write(t, over)
		one.write(t, over)
		compareCounts(t, random, d, "", one.dir, begin, now)
	}
	for step := range 24 {
		now = now.Add(time.Duration(random.IntN(150)) * time.Minute)
		for _, n := range nodes {
			switch random.IntN(8) {
			case 0:
				n.ahead = time.Duration(random.IntN(48*60)) * time.Minute
			case 1, 2:
				n.ahead = 0
			}
			count(n)
		}
		n := nodes[random.IntN(3)]
		where := cut{message: cutsOfCounts[random.IntN(len(cutsOfCounts))], after: random.IntN(2) == 0, reset: random.IntN(2) == 0, times: 1 + random.IntN(2)}
		switch random.IntN(6) {
		case 0: // it ends in the middle
			where.times = 1000
			p.cutAt(where)
			start(n)
			eventually(t, "a failure, or the end", func() bool { return n.shipper.rounds.Load() > 0 || n.shipper.Stats().Trouble != "" })
			n.shipper.Close(t.Context())
		case 1:
			p.cutAt(where)
			domain := fmt.Sprintf("company%d.example", random.IntN(50))
			one.forget(t, domain, now)
			for _, n := range nodes {
				start(n)
				n.counting.forget(t, domain, now.Add(n.ahead))
				sent(n)
			}
		case 2:
			n.name = fmt.Sprint("renamed", step)
			execute(t, d, "UPDATE postvet.node SET seen = seen - interval '1 hour'")
			fallthrough
		default:
			p.cutAt(where)
			start(n)
			sent(n)
		}
		p.cutAt(cut{})
		if step%12 == 11 {
			execute(t, d, "UPDATE postvet.node SET seen = now()") // those that had to seem silent are not
			check()
		}
	}
}

// testReset resets connections in the middle of what a page asks: it is an error or an answer
// that is not complete, and the next one is whole.
func testReset(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "reset")
	p := newProxy(t, s)
	c := newCounting(t, "mx1")
	n := &node{name: "mx1", random: rand.New(rand.NewPCG(1, 1))}
	var encoder rows.Encoder
	now := time.Now()
	must(t, c.counter.Count(encoder.Append(nil, n.row(now), rows.Domains)))
	c.write(t, now)
	ship(t, d, "mx1", c.dir)
	r := &Reader{p.database("reset")}
	q := counts.Query{Kind: counts.Domain, Since: now.Add(-24 * time.Hour), Until: now.Add(24 * time.Hour), Nodes: counts.Nodes{Fleet: true}}
	for _, message := range []string{"", "goose_db_version", "REPEATABLE READ", "FROM postvet.node AS n", "FROM postvet.period", "LATERAL"} {
		for _, after := range []bool{false, true} {
			p.cutAt(cut{message: message, after: after, reset: true, times: 1})
			ranking, err := r.Top(t.Context(), q)
			if cuts := p.cutAt(cut{}); err == nil && ranking.Complete || cuts != 1 {
				t.Errorf("at %q, after %t: %d connections were cut; %+v, %v", message, after, cuts, ranking, err)
			}
			if ranking, err = r.Top(t.Context(), q); err != nil || !ranking.Complete || ranking.All[counts.All] != 1 {
				t.Errorf("at %q, after %t, the next one: %+v, %v", message, after, ranking, err)
			}
		}
	}
}

// forget is what a service does that forgets a domain.
func (c *counting) forget(t *testing.T, domain string, now time.Time) {
	t.Helper()
	c.counter.Forget(domain)
	c.write(t, now)
	_, err := sqlite.NewReader(c.dir).Forget(t.Context(), rows.Query{Domain: domain})
	must(t, err)
}
