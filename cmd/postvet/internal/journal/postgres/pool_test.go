//go:build linux

package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/keyservers"
)

// newPool returns a pool of readers of a database.
func newPool(t testing.TB, dsn string) *Database {
	t.Helper()
	p := NewPool(dsn)
	t.Cleanup(p.Close)
	return p
}

// readers returns the processes of the server that serve readers of a name.
func readers(t *testing.T, d *Database, name string) []int32 {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	return column[int32](t, conn, "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid", name)
}

// testPool starts more readers at once than a pool has connections. Readers share the connections.
// The pool makes new ones when the server has ended them and after a reload, and none to a database
// with tables of another version.
func testPool(t *testing.T, s *keyservers.Server) {
	d, other := newDatabase(t, s, "pool"), newDatabase(t, s, "pool_other")
	execute(t, other, "INSERT INTO postvet.node (name, identity, session, version, seen) VALUES ('mx9', 1, 1, '1.0', now())")
	file := filepath.Join(t.TempDir(), "dsn")
	must(t, os.WriteFile(file, []byte(d.DSN+" application_name=pool"), 0o600))
	p := newPool(t, FilePrefix+file)
	read := func() {
		t.Helper()
		if nodes, err := p.Nodes(t.Context()); err != nil || len(nodes) != 0 {
			t.Fatalf("%+v, %v", nodes, err)
		}
	}
	var all sync.WaitGroup
	for range 11 {
		all.Go(func() {
			if _, err := p.Nodes(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	first := readers(t, d, "pool")
	if len(first) == 0 || len(first) > poolConnections {
		t.Errorf("11 readers have %d connections", len(first))
	}
	read()
	if again := readers(t, d, "pool"); !slices.Equal(again, first) {
		t.Errorf("the next one has one of %d, not of %d", again, first)
	}

	execute(t, d, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pool'")
	eventually(t, "the server ends the connections", func() bool { return len(readers(t, d, "pool")) == 0 })
	read()
	if slices.ContainsFunc(readers(t, d, "pool"), func(pid int32) bool { return slices.Contains(first, pid) }) {
		t.Error("a connection has survived")
	}

	short, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := p.Nodes(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without time: %v", err)
	}

	must(t, os.WriteFile(file, []byte(other.DSN+" application_name=pool"), 0o600))
	read() // a connection that is there
	p.Reset()
	nodes, err := p.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || nodes[0].Name != "mx9" {
		t.Errorf("after a reload: %+v, %v", nodes, err)
	}
	execute(t, other, "INSERT INTO "+versionTable+" (version_id, is_applied) VALUES (1000, true)")
	if _, err := p.Nodes(t.Context()); !errors.Is(err, ErrTooNew) {
		t.Errorf("with newer tables: %v", err)
	}
	must(t, os.WriteFile(file, []byte("postgres://db.example.net/x?sslmode=disable"), 0o600))
	p.Reset()
	if _, err := p.Nodes(t.Context()); !errors.Is(err, ErrTLS) || !strings.HasPrefix(err.Error(), "journal.postgres ") {
		t.Errorf("with an unusable DSN: %v", err)
	}
	p.Close()
	p.Close()
	if _, err := p.Nodes(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("after its end: %v", err)
	}
	eventually(t, "all connections are closed", func() bool { return len(readers(t, d, "pool")) == 0 })
}

// testPoolLeft: if a connection takes longer than its reader may wait, the next reader gets it.
func testPoolLeft(t *testing.T, s *keyservers.Server) {
	newDatabase(t, s, "left")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p := newPool(t, "host=127.0.0.1 port="+port+" user=postgres sslmode=disable dbname=left")
	conns, err := p.openPool()
	must(t, err)
	read := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := p.Nodes(ctx)
		return err
	}
	eventually(t, "a connection is begun", func() bool { // and nobody has accepted it
		if err := read(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return conns.Stat().ConstructingConns() > 0
	})
	begun := int(conns.Stat().ConstructingConns())
	var all sync.WaitGroup
	for range begun {
		client, err := l.Accept()
		must(t, err)
		server, err := s.DialSocket()
		must(t, err)
		all.Go(func() { _, _ = io.Copy(server, client); server.Close() })
		all.Go(func() { _, _ = io.Copy(client, server); client.Close() })
	}
	must(t, l.Close()) // there is no other connection
	eventually(t, "the connection is there", func() bool { return int(conns.Stat().IdleConns()) == begun })
	must(t, read(time.Minute))
	p.Close()
	all.Wait()
}

// TestPoolAway has many readers ask a server that hangs, is stopped, or is killed. Each has its
// answer in its time, which says whether the server was too late or cannot be reached, and the
// server is read again soon after it is back.
func TestPoolAway(t *testing.T) {
	t.Parallel()
	s := keyservers.PostgreSQL(t, "secret")
	newDatabase(t, s, "away")
	p := newPool(t, s.NetworkDSN("away"))
	const within = 300 * time.Millisecond
	read := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := p.Nodes(ctx)
		return err
	}
	// Many read at once, so that all connections of the pool are used.
	many := func(check func(err error, took time.Duration)) {
		var all sync.WaitGroup
		for range 3 * poolConnections {
			all.Go(func() {
				began := time.Now()
				err := read()
				check(err, time.Since(began))
			})
		}
		all.Wait()
	}
	back := func(after string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			err := read()
			if err == nil {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("after %s: %v", after, err)
			}
		}
	}
	back("the start")
	for range 2 {
		for _, x := range []struct {
			what       string
			away, back func() error
			late       bool
		}{
			{"a hang", s.Hang, s.Resume, true},
			{"a stop", func() error { s.Stop(); return nil }, func() error { s.Start(); return nil }, false},
			{"a kill", func() error { s.Kill(); return nil }, func() error { s.Start(); return nil }, false},
		} {
			many(func(error, time.Duration) {})
			must(t, x.away())
			many(func(err error, took time.Duration) {
				if err == nil || took > within+5*time.Second {
					t.Errorf("during %s: %v after %s", x.what, err, took)
				}
			})
			eventually(t, "it is told what is wrong", func() bool {
				err := read()
				return errors.Is(err, context.DeadlineExceeded) == x.late && (x.late || strings.Contains(err.Error(), "the database cannot be reached"))
			})
			must(t, x.back())
			back(x.what)
		}
	}
	must(t, s.Hang())
	_ = read()
	began := time.Now()
	p.Close()
	if took := time.Since(began); took > poolClose+5*time.Second {
		t.Errorf("closing takes %s while the server hangs", took)
	}
	must(t, s.Resume())
}

// BenchmarkReaders measures how long a part of a page waits for a short answer, with a connection
// of its own and with one of a pool.
func BenchmarkReaders(b *testing.B) {
	s := keyservers.PostgreSQL(b, "secret")
	newDatabase(b, s, "readers")
	dsn := s.NetworkDSN("readers")
	for _, x := range []struct {
		name string
		d    *Database
	}{{"own", &Database{DSN: dsn}}, {"pool", newPool(b, dsn)}} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := x.d.Nodes(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
