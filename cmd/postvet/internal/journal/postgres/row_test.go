//go:build linux

package postgres

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testColumns: the tables have the columns of a row, and day and node.
func testColumns(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "columns")
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	kinds := map[rows.Kind]string{rows.Text: "text", rows.Integer: "bigint", rows.Blob: "bytea"}
	want := map[string]string{"day": "date", "node": "integer"}
	for c := range rows.Columns {
		want[c.String()] = kinds[c.Kind()]
	}
	want[rows.ColClient.String()] = "inet"
	for c := range rows.Class(rows.Classes) {
		lines, err := conn.Query(t.Context(), "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'postvet' AND table_name = $1", c.String())
		must(t, err)
		got := map[string]string{}
		var name, kind string
		_, err = pgx.ForEachRow(lines, []any{&name, &kind}, func() error { got[name] = kind; return nil })
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("columns of %s; add a migration (-want +got):\n%s", c, diff)
		}
	}
}

// testHostile sends rows with every kind of octets in every column: none stops a batch.
func testHostile(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "hostile")
	hostile := []string{
		"", "\x00", "a\x00b", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "\\N", "\\.", "a\tb\nc\r", "'; DROP TABLE postvet.rest; --", `\x41`,
		strings.Repeat("x", 100_000), strings.Repeat("\x00", 3000), strings.Repeat("\u4e00", 2000), "\U0010ffff", "\ufeff", "::1%eth0", "192.0.2.1/24", "::ffff:192.0.2.1",
	}
	numbers := []int64{0, 1, -1, math.MaxInt64, math.MinInt64}
	day := noon.Truncate(24 * time.Hour)
	o := Options{Database: d, Node: strings.Repeat("n", 200)}
	ses := &session{id: 1}
	must(t, ses.open(t.Context(), &o, 1))
	defer ses.close()
	b := &batch{part: rows.Part{Day: day, Class: rows.Rest}, file: 1, data: []byte(copyHeader)}
	add := func(rec *rows.Record) {
		b.data = appendRow(b.data, day, ses.node, rec)
		b.chunk.Rows++
		b.chunk.Next.Ref++
	}
	for _, text := range hostile {
		var rec rows.Record
		for c := range rows.Columns {
			rec[c].Octets = []byte(text)
		}
		add(&rec)
	}
	for _, n := range numbers {
		var rec rows.Record
		for c := range rows.Columns {
			rec[c].Int = n
		}
		add(&rec)
	}
	b.data = append(b.data, 0xff, 0xff)
	must(t, ses.send(t.Context(), b))
	var n, bad int
	must(t, ses.conn.QueryRow(t.Context(), "SELECT count(*), count(*) FILTER (WHERE octet_length(helo) > 2048 OR octet_length(queue) > 512) FROM postvet.rest").Scan(&n, &bad))
	if n != len(hostile)+len(numbers) || bad > 0 {
		t.Errorf("%d rows are there, %d too long; want %d", n, bad, len(hostile)+len(numbers))
	}
	got := column[string](t, ses.conn, "SELECT DISTINCT helo FROM postvet.rest WHERE octet_length(helo) < 50 ORDER BY 1")
	for _, text := range []string{"'; DROP TABLE postvet.rest; --", "a\ufffdb", "a\tb\nc\r", "\\N", "\\.", "\U0010ffff"} {
		if !strings.Contains(fmt.Sprintf("%q", got), fmt.Sprintf("%q", text)) {
			t.Errorf("%q is not among %q", text, got)
		}
	}
}

// testSame: a row reads as it was in the file.
func testSame(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "same")
	n := newNode(t, "mx1", d, nil)
	n.add(8)
	n.sent(t, d)
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	for _, p := range mustParts(t, n) {
		file, err := n.shipper.spool.Open(t.Context(), p)
		must(t, err)
		defer file.Close()
		_, err = file.Read(t.Context(), rows.Mark{}, 100, func(rec *rows.Record) error {
			for c := range rows.Columns {
				var octets []byte
				var number *int64
				switch {
				case c.Kind() == rows.Integer:
					err = conn.QueryRow(t.Context(), fmt.Sprintf("SELECT %s FROM postvet.mail WHERE ref = $1", c), rec[rows.ColRef].Int).Scan(&number)
				case c == rows.ColClient:
					var text *string
					err = conn.QueryRow(t.Context(), "SELECT abbrev(client) FROM postvet.mail WHERE ref = $1", rec[rows.ColRef].Int).Scan(&text)
					if text != nil {
						octets = []byte(*text)
					}
				case c.Kind() == rows.Text:
					var text *string
					err = conn.QueryRow(t.Context(), fmt.Sprintf("SELECT %s FROM postvet.mail WHERE ref = $1", c), rec[rows.ColRef].Int).Scan(&text)
					if text != nil {
						octets = []byte(*text)
					}
				default:
					err = conn.QueryRow(t.Context(), fmt.Sprintf("SELECT %s FROM postvet.mail WHERE ref = $1", c), rec[rows.ColRef].Int).Scan(&octets)
				}
				must(t, err)
				var is int64
				if number != nil {
					is = *number
				}
				if !bytes.Equal(octets, rec[c].Octets) || is != rec[c].Int {
					t.Errorf("column %s is %q %d, want %q %d", c, octets, is, rec[c].Octets, rec[c].Int)
				}
			}
			return nil
		})
		must(t, err)
	}
}

func mustParts(t testing.TB, n *node) []rows.Part {
	t.Helper()
	parts, err := n.shipper.spool.Parts()
	must(t, err)
	return parts
}
