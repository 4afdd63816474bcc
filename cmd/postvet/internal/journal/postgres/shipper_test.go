//go:build linux

package postgres

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
)

// testShip sends what nodes write, also at their end.
func testShip(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "ship")
	n := newNode(t, "mx1", d, nil)
	n.add(2500)
	n.sent(t, d)
	n.add(10)
	n.recorder.Add(n.row(noon.Add(-24 * time.Hour)))
	n.sent(t, d)
	if st := n.shipper.Stats(); st.Failures != 0 || st.Shipped[rows.Rest]+st.Shipped[rows.Accepted] != 2511 {
		t.Errorf("stats: %+v", st)
	}
	eventually(t, "the lag is over", func() bool { return n.shipper.Stats().Lag < time.Second })
	rest := newNode(t, "mx2", d, func(o *Options) { o.All = false; o.every = time.Hour })
	rest.add(100)
	rest.close() // it sends what is left
	if got := len(shipped(t, d, "mx2")); int64(got) != rest.shipper.Stats().Shipped[rows.Rest] || got == 0 || rest.shipper.Stats().Shipped[rows.Accepted] != 0 {
		t.Errorf("%d rows are there: %+v", got, rest.shipper.Stats())
	}
	(*Shipper)(nil).Close(t.Context())
}

// testTaken: two services with one name do not send both. The second one does when the
// first was silent.
func testTaken(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "taken")
	a, b := newNode(t, "mx1", d, nil), newNode(t, "mx1", d, nil)
	a.add(10)
	b.add(10)
	eventually(t, "one of them is refused", func() bool {
		return a.shipper.Stats().Trouble == errTaken.Error() || b.shipper.Stats().Trouble == errTaken.Error()
	})
	if a.shipper.Stats().Trouble != "" {
		a, b = b, a
	}
	a.sent(t, d)
	a.close()
	execute(t, d, "UPDATE postvet.node SET seen = seen - interval '1 hour'")
	eventually(t, "the other one follows", func() bool { return b.shipper.Stats().Trouble == "" })
	b.add(10)
	want := len(a.references(t)) + len(b.references(t))
	eventually(t, "its rows are there", func() bool { return len(shipped(t, d, "mx1")) == want })
}

// testAside: a file that is damaged and set aside does not stop others, and the new one of
// the same day is sent from its beginning.
func testAside(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "aside")
	n := newNode(t, "mx1", d, nil)
	n.add(50)
	n.sent(t, d)
	before := len(shipped(t, d, "mx1"))
	n.close()
	for _, p := range mustParts(t, n) {
		name := filepath.Join(n.dir, p.Day.Format(time.DateOnly)+"."+p.Class.String()+".db")
		must(t, os.WriteFile(name, bytes.Repeat([]byte("spoilt"), 5000), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(n.dir, "2026-11-01.rest.db"), bytes.Repeat([]byte("spoilt"), 5000), 0o600)) // which nobody writes
	n.open(t)
	n.ship(t, d, nil)
	n.add(70)
	eventually(t, "the rows of the new files are there", func() bool { return len(shipped(t, d, "mx1")) == before+70 })
	time.Sleep(100 * time.Millisecond) // some more rounds
	if got := n.logs.FilterMessageSnippet("a day of the journal cannot be read").FilterField(zap.String("day", "2026-11-01")).Len(); got != 1 || n.shipper.Stats().Trouble != "" {
		t.Errorf("the log tells the damaged file %d times: %v; %+v", got, n.logs.All(), n.shipper.Stats())
	}
}

// testForget removes messages of one node from its files and from the database, and nothing
// if the database is away.
func testForget(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "forget")
	n, other := newNode(t, "mx1", d, nil), newNode(t, "mx2", d, nil)
	n.add(200)
	other.add(50)
	n.sent(t, d)
	other.sent(t, d)
	local := sqlite.NewReader(n.dir)
	page, err := local.Find(t.Context(), rows.Query{Limit: 1})
	must(t, err)
	q := rows.Query{Domain: page.Rows[0].Results.Author.Domain}
	page, err = local.Find(t.Context(), q)
	must(t, err)
	away := &Database{DSN: "host=/nonexistent"}
	if forgotten, err := away.Forget(t.Context(), local, "mx1", q); err == nil || forgotten != 0 {
		t.Errorf("without the database: %d, %v", forgotten, err)
	}
	forgotten, err := d.Forget(t.Context(), local, "mx1", q)
	if err != nil || forgotten != len(page.Rows) {
		t.Errorf("%d messages are forgotten, %v; want %d", forgotten, err, len(page.Rows))
	}
	if diff := cmp.Diff(n.references(t), shipped(t, d, "mx1")); diff != "" || len(shipped(t, d, "mx1")) != 200-forgotten {
		t.Errorf("rows that are left (-files +database):\n%s", diff)
	}
	if left := len(shipped(t, d, "mx2")); left != 50 {
		t.Errorf("%d rows of the other node are left, want 50", left)
	}
}

// TestHang: a server that does not answer keeps neither mail nor the end of the service
// waiting, and nothing is lost or there twice when it goes on.
func TestHang(t *testing.T) {
	t.Parallel()
	s := keyservers.PostgreSQL(t, "secret")
	d := newDatabase(t, s, "hang")
	n := newNode(t, "mx1", d, nil)
	n.add(100)
	n.sent(t, d)
	pid := backend(t, d.DSN)
	must(t, s.Hang())
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	n.add(100)
	n.recorder.Flush(t.Context())
	eventually(t, "the lag grows", func() bool { return n.shipper.Stats().Lag > 300*time.Millisecond })
	began := time.Now()
	n.close()
	if took := time.Since(began); took > lastTime+5*time.Second {
		t.Errorf("the end took %s", took)
	}
	if r := n.recorder.Stats(); r.Failing != "" || r.Dropped != [rows.Classes]int64{} {
		t.Errorf("the local journal: %+v", r)
	}
	must(t, s.Resume())
	must(t, syscall.Kill(pid, syscall.SIGCONT))
	n.open(t)
	n.ship(t, d, nil)
	n.sent(t, d)
}

// TestUnshipped counts rows that were not sent, while it is not known how far they were.
func TestUnshipped(t *testing.T) {
	t.Parallel()
	n := newNode(t, "mx1", &Database{DSN: "host=/nonexistent"}, nil)
	n.recorder.Add(n.row(noon))
	n.recorder.Flush(t.Context())
	parts := mustParts(t, n)
	n.shipper.Removed(parts[0].Class, 3)
	if left := n.shipper.Unshipped(t.Context(), parts[0]); left != 1 || n.shipper.Stats().Lost[parts[0].Class] != 3 {
		t.Errorf("%d rows are left, %+v", left, n.shipper.Stats())
	}
	(*Shipper)(nil).Removed(rows.Rest, 1)
}
