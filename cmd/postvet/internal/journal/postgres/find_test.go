//go:build linux

package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/result"
)

// testFind compares what is found in the database with what is found in the files.
func testFind(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "find")
	n := newNode(t, "mx1", d, nil)
	n.add(300)
	yesterday := noon.AddDate(0, 0, -1)
	for i := range 60 {
		row := n.row(yesterday.Add(time.Duration(i) * time.Minute))
		switch i % 6 {
		case 0:
			row.Results.Author.Domain = "news." + row.Results.Author.Domain
		case 1:
			row.Results.MailFrom = ""
		case 2:
			row.Verdict.Action, row.Verdict.Monitored = result.Accept, true
			row.Verdict.Intended = result.Reject
		case 3:
			row.Results.Client.IP = fmt.Sprintf("2001:db8::%x", i)
		case 4:
			row.Verdict.Hints = []result.Hint{{Word: result.HintAltered}}
		}
		n.recorder.Add(row)
	}
	n.sent(t, d)
	local, fleet := sqlite.NewReader(n.dir), &Reader{d}
	page, err := local.Find(t.Context(), rows.Query{})
	must(t, err)
	one := page.Rows[7]
	for name, q := range map[string]rows.Query{
		"all":           {Limit: rows.MaxLimit},
		"newest":        {Limit: 10},
		"ref":           {Ref: one.Ref},
		"queue":         {Queue: one.Queue},
		"nothing":       {Queue: "a\x00b\xff"},
		"since":         {Since: noon.Add(5 * time.Hour)},
		"until":         {Until: noon},
		"before":        {Before: one.Ref},
		"after":         {After: one.Ref},
		"domain":        {Domain: "company3.example"},
		"domain below":  {Domain: "news." + one.Results.Author.Domain},
		"domain above":  {Domain: "example"},
		"from":          {From: "company3.example"},
		"null sender":   {From: "<>"},
		"rcpt":          {To: "example.com"},
		"client":        {Client: netip.MustParsePrefix("192.0.2.7/32")},
		"network":       {Client: netip.MustParsePrefix("192.0.2.0/26")},
		"network of v6": {Client: netip.MustParsePrefix("2001:db8::/64")},
		"action":        {Action: "reject"},
		"accepted":      {Action: "accept"},
		"dmarc":         {DMARC: "fail"},
		"rule":          {Rule: "dmarc-reject"},
		"hint":          {Hint: "altered"},
		"two":           {Domain: "company3.example", Action: "reject"},
	} {
		want, err := local.Find(t.Context(), q)
		must(t, err)
		q.Fleet = true
		got, err := fleet.Find(t.Context(), q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(refs(want), refs(got)); diff != "" || got.Next != want.Next || !got.Complete {
			t.Errorf("%s: next %v, want %v, complete %t (-files +database):\n%.1000s", name, got.Next, want.Next, got.Complete, diff)
		}
		for i, row := range got.Rows {
			if row.Node != "mx1" {
				t.Errorf("%s: a row of the node %q", name, row.Node)
			}
			row.Node = ""
			if diff := cmp.Diff(want.Rows[i], row, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Fatalf("%s: a row (-file +database):\n%s", name, diff)
			}
		}
	}
	testFleetPages(t, d, n, page.Rows[0])
}

// testFleetPages has a second node, reads pages, and runs out of time.
func testFleetPages(t *testing.T, d *Database, n *node, newest *rows.Row) {
	other := newNode(t, "mx2", d, nil)
	other.add(100)
	other.sent(t, d)
	fleet := &Reader{d}
	want := append(n.references(t), other.references(t)...)
	slices.Sort(want)
	slices.Reverse(want)
	var got []int64
	q := rows.Query{Fleet: true, Limit: 37}
	for {
		page, err := fleet.Find(t.Context(), q)
		must(t, err)
		got = append(got, refs(page)...)
		if q.Before = page.Next; page.Next == 0 || len(got) > len(want) {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages (-want +got):\n%.1000s", diff)
	}
	page, err := fleet.Find(t.Context(), rows.Query{Fleet: true, Node: "mx2", Limit: rows.MaxLimit})
	if err != nil || len(page.Rows) != 100 {
		t.Errorf("of one node: %d rows, %v", len(page.Rows), err)
	}
	if page, err = fleet.Find(t.Context(), rows.Query{Fleet: true, Node: "mx3"}); err != nil || len(page.Rows) != 0 {
		t.Errorf("of no node: %d rows, %v", len(page.Rows), err)
	}
	for _, q := range []rows.Query{{From: "ann@example.org"}, {To: "ann@example.org"}, {MessageID: "<1@example.org>"}} {
		q.Fleet = true
		if _, err := fleet.Find(t.Context(), q); err == nil {
			t.Errorf("%+v is not refused", q)
		}
	}
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	must(t, do(t.Context(), conn, "BEGIN; LOCK "+partitionOf(rows.Part{Day: noon.AddDate(0, 0, -1), Class: rows.Rest})))
	within(t, func(ctx context.Context) error {
		page, err := fleet.Find(ctx, rows.Query{Fleet: true, Limit: rows.MaxLimit})
		if err != nil || page.Complete || !page.Searched.Equal(noon.Truncate(24*time.Hour)) || len(page.Rows) == 0 {
			return fmt.Errorf("out of time: %d rows, complete %t, searched %v, %w", len(page.Rows), page.Complete, page.Searched, err)
		}
		return nil
	})
	g, ok := fleet.Generation(t.Context(), newest.Generation, newest.Ref.Time())
	if ok || g.Text != "" { // the store has none either
		t.Errorf("generation %+v", g)
	}
}

func refs(p rows.Page) (all []int64) {
	for _, r := range p.Rows {
		all = append(all, int64(r.Ref))
	}
	return all
}
