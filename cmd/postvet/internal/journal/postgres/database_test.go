//go:build linux

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/contrib/keyservers"
)

// TestServer has the tests that share a server, each with a database of its own.
func TestServer(t *testing.T) {
	t.Parallel()
	s := keyservers.PostgreSQL(t, "secret")
	for name, test := range map[string]func(*testing.T, *keyservers.Server){
		"ship": testShip, "cut": testCut, "forget": testForget, "hide": testHide, "find": testFind, "counts": testCounts, "counted": testCounted, "ranked": testRanked, "faults": testCountedFaults, "reset": testReset, "renamed": testRenamed, "clock ahead": testClockAhead, "replaced": testReplaced, "columns": testColumns, "hostile": testHostile, "same": testSame, "migrate": testMigrate,
		"unusable": testUnusable, "leases": testLeases, "partitions": testPartitions, "taken": testTaken, "aside": testAside, "patterns": testPatterns, "pattern names": testPatternNames, "nodes": testNodes, "removal": testRemoval, "pool": testPool, "pool left": testPoolLeft,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// execute carries out statements in a database.
func execute(t testing.TB, d *Database, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DSN)
	must(t, err)
	defer closeConn(conn)
	must(t, do(t.Context(), conn, statements))
}

// column returns the only column of the rows that a query has.
func column[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) []T {
	t.Helper()
	lines, err := conn.Query(t.Context(), query, args...)
	must(t, err)
	all, err := pgx.CollectRows(lines, pgx.RowTo[T])
	must(t, err)
	return all
}

// testMigrate has several nodes migrate at one time, and then again.
func testMigrate(t *testing.T, s *keyservers.Server) {
	execute(t, &Database{DSN: s.DSN("postgres")}, "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'")
	other := &Database{DSN: s.DSN("ascii")}
	if _, _, err := other.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "SQL_ASCII; create one with UTF8") {
		t.Errorf("in another encoding: %v", err)
	}
	d := &Database{DSN: s.NewDatabase(t, "migrate")}
	if _, err := d.Connect(t.Context()); !errors.Is(err, ErrTooOld) {
		t.Errorf("without tables: %v", err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			_, after, err := d.Migrate(t.Context())
			if err != nil || after != Schema {
				t.Errorf("version %d, %v", after, err)
			}
		})
	}
	group.Wait()
	var applied int
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+versionTable+" WHERE version_id > 0").Scan(&applied))
	if before, _, err := d.Migrate(t.Context()); applied != Schema || before != Schema || err != nil {
		t.Errorf("%d migrations were applied, and then %d, %v", applied, before, err)
	}
}

// testUnusable has databases that cannot be used: each says why once, mail and the local
// journal go on, and all is sent when the database can be used.
func testUnusable(t *testing.T, s *keyservers.Server) {
	for name, x := range map[string]struct {
		spoil, mend string
		change      func(*Database)
		want        string
	}{
		"old":   {change: func(d *Database) { d.atLeast = 99 }, want: "the server is PostgreSQL 15; 99 or newer is needed"},
		"older": {spoil: "DELETE FROM postvet.goose_db_version WHERE version_id > 0", mend: "INSERT INTO postvet.goose_db_version (version_id, is_applied) VALUES (1, true), (2, true), (3, true), (4, true), (5, true), (6, true)", want: ErrTooOld.Error()},
		"newer": {spoil: "INSERT INTO postvet.goose_db_version (version_id, is_applied) VALUES (1000, true)", mend: "DELETE FROM postvet.goose_db_version WHERE version_id = 1000", want: ErrTooNew.Error()},
		"readonly": {
			spoil: "ALTER DATABASE unusable_readonly SET default_transaction_read_only = on", mend: "BEGIN READ WRITE; ALTER DATABASE unusable_readonly SET default_transaction_read_only = off; COMMIT",
			want: "can only be read",
		},
		"gone":     {spoil: "ALTER SCHEMA postvet RENAME TO elsewhere", mend: "ALTER SCHEMA elsewhere RENAME TO postvet", want: ErrTooOld.Error()},
		"full":     {spoil: fullDisk, mend: "DROP TRIGGER full_disk ON postvet.shipped", want: "SQLSTATE 53100"},
		"password": {change: func(d *Database) { d.DSN = strings.Replace(d.DSN, "host="+s.Socket, "host=127.0.0.1 password=KEY", 1) }, want: "SQLSTATE 28P01"},
		"missing":  {change: func(d *Database) { d.DSN = strings.ReplaceAll(d.DSN, "unusable", "nonexistent") }, want: "SQLSTATE 3D000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, s, "unusable_"+name)
			broken := *d
			if x.change != nil {
				x.change(&broken)
			} else {
				execute(t, d, x.spoil)
			}
			n := newNode(t, "mx1", &broken, nil)
			n.add(300)
			eventually(t, "the second failure", func() bool { return n.shipper.Stats().Failures >= 2 })
			st := n.shipper.Stats()
			if !strings.Contains(st.Trouble, x.want) || strings.Contains(st.Trouble, "KEY") || st.Shipped != [rows.Classes]int64{} {
				t.Errorf("trouble %q, want %q; shipped %v", st.Trouble, x.want, st.Shipped)
			}
			if r := n.recorder.Stats(); r.Failing != "" || r.Dropped != [rows.Classes]int64{} {
				t.Errorf("the local journal: %+v", r)
			}
			if got := n.logs.FilterLevelExact(zapcore.WarnLevel).Len(); got != 1 {
				t.Errorf("the log has %d warnings: %v", got, n.logs.All())
			}
			if x.change != nil {
				n.shipper.Close(t.Context())
				n.ship(t, d, nil)
			} else {
				execute(t, d, x.mend)
			}
			n.sent(t, d)
			eventually(t, "the end of the trouble", func() bool { return n.shipper.Stats().Trouble == "" })
			if again := n.logs.FilterMessageSnippet("again").Len(); x.change == nil && again != 1 {
				t.Errorf("the log says the end of the trouble %d times: %v", again, n.logs.All())
			}
		})
	}
}

// fullDisk has the server say that its disk is full whenever a mark is written.
const fullDisk = `CREATE FUNCTION postvet.full_disk() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
	CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON postvet.shipped FOR EACH ROW EXECUTE FUNCTION postvet.full_disk()`

// testLeases: of several processes one has the lease; it passes on when the one that has it
// is gone, with a higher token.
func testLeases(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "leases")
	var inside atomic.Int32
	var group sync.WaitGroup
	tokens := make(chan int64, 100)
	for i := range 4 {
		l := &Leases{Database: d, Holder: fmt.Sprint(i), time: 3 * time.Second, renew: 100 * time.Millisecond}
		group.Go(func() {
			for range 5 {
				_, err := l.Do(t.Context(), "reports", func(_ context.Context, lease Lease) error {
					if inside.Add(1) > 1 {
						t.Error("two processes have the lease")
					}
					time.Sleep(30 * time.Millisecond)
					inside.Add(-1)
					tokens <- lease.Token
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	group.Wait()
	close(tokens)
	last := int64(0)
	for token := range tokens {
		if token < last {
			t.Errorf("token %d follows %d", token, last)
		}
		last = token
	}
	if last < 2 {
		t.Errorf("the last token is %d; the lease did not pass on", last)
	}
	// One that cannot renew its lease ends before another one has it.
	l := &Leases{Database: d, Holder: "a", time: 600 * time.Millisecond, renew: 100 * time.Millisecond}
	var until time.Time
	held, err := l.Do(t.Context(), "slow", func(ctx context.Context, lease Lease) error {
		execute(t, d, "BEGIN; LOCK postvet.lease; SELECT pg_sleep(1); COMMIT")
		<-ctx.Done()
		until = time.Now()
		return context.Cause(ctx)
	})
	if !held || !errors.Is(err, ErrLost) || until.IsZero() {
		t.Errorf("a lease that cannot be renewed: %t, %v", held, err)
	}
	// What one has, no other takes, and an error is handed on.
	fault := errors.New("a fault")
	held, err = l.Do(t.Context(), "other", func(context.Context, Lease) error {
		b := &Leases{Database: d, Holder: "b"}
		if held, err := b.Do(t.Context(), "other", func(context.Context, Lease) error { return nil }); held || err != nil {
			t.Errorf("a lease that another process has: %t, %v", held, err)
		}
		time.Sleep(time.Second) // longer than it lasts, so that it is renewed
		if held, err := b.Do(t.Context(), "other", func(context.Context, Lease) error { return nil }); held || err != nil {
			t.Errorf("a lease that another process has renewed: %t, %v", held, err)
		}
		return fault
	})
	if !held || !errors.Is(err, fault) {
		t.Errorf("%t, %v", held, err)
	}
	if _, err := l.Do(t.Context(), "other", func(context.Context, Lease) error { panic("x") }); err == nil {
		t.Error("a panic is no error")
	}
}

// testPartitions makes and removes partitions beside a reader that holds a lock.
func testPartitions(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "partitions")
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	now, err := databaseTime(t.Context(), conn)
	must(t, err)
	old := rows.Part{Day: now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -10), Class: rows.Rest}
	kept := rows.Part{Day: old.Day.AddDate(0, 0, 1), Class: rows.Rest}
	var group sync.WaitGroup
	for range 4 { // as nodes at one time
		group.Go(func() {
			other, err := d.Connect(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer closeConn(other)
			for _, p := range []rows.Part{old, kept} {
				if err := makePartition(t.Context(), other, p); err != nil {
					t.Error(err)
				}
			}
			if err := makeAhead(t.Context(), other, now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	count := func() (n int) {
		must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_inherits WHERE inhparent IN ('postvet.rest'::regclass, 'postvet.accepted'::regclass)").Scan(&n))
		return n
	}
	if n := count(); n != 2*ahead+2 {
		t.Errorf("there are %d partitions, want %d", n, 2*ahead+2)
	}
	keep := [rows.Classes]time.Duration{rows.Rest: 9 * 24 * time.Hour}
	reader, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(reader)
	must(t, do(t.Context(), reader, "BEGIN; SELECT count(*) FROM postvet.rest"))
	if removed, err := removeOld(t.Context(), conn, now, keep); err != nil || len(removed) > 0 {
		t.Errorf("beside a reader %v were removed, %v", removed, err)
	}
	must(t, rollBack(t.Context(), reader))
	removed, err := removeOld(t.Context(), conn, now, keep)
	if err != nil || fmt.Sprint(removed) != "["+strings.TrimPrefix(partitionOf(old), "postvet.")+"]" {
		t.Errorf("%v were removed, %v; want that of %s", removed, err, old.Day)
	}
	if n := count(); n != 2*ahead+1 {
		t.Errorf("there are %d partitions, want %d", n, 2*ahead+1)
	}
}
