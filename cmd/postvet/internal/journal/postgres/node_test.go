//go:build linux

package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// newDatabase creates a database with our tables.
func newDatabase(t testing.TB, s *keyservers.Server, name string) *Database {
	t.Helper()
	d := &Database{DSN: s.NewDatabase(t, name)}
	before, after, err := d.Migrate(t.Context())
	if err != nil || before != 0 || after != Schema {
		t.Fatalf("migrating an empty database: %d, %d, %v", before, after, err)
	}
	return d
}

// node is a node: its recorder, store and shipper.
type node struct {
	name     string
	dir      string
	store    *sqlite.Store
	recorder *journal.Recorder
	shipper  *Shipper
	random   *rand.Rand
	refs     result.References
	logs     *observer.ObservedLogs
}

// newNode starts a node whose shipper is impatient.
func newNode(t testing.TB, name string, d *Database, change func(*Options)) *node {
	t.Helper()
	n := &node{name: name, dir: filepath.Join(t.TempDir(), name), random: rand.New(rand.NewPCG(1, uint64(len(name))))}
	n.open(t)
	n.ship(t, d, change)
	t.Cleanup(func() { n.close() })
	return n
}

func (n *node) open(t testing.TB) {
	t.Helper()
	var err error
	n.store, err = sqlite.Open(sqlite.Options{Dir: n.dir})
	must(t, err)
	n.recorder = journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: n.store, Every: 50 * time.Millisecond})
}

func (n *node) ship(t testing.TB, d *Database, change func(*Options)) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	n.logs = logs
	o := Options{
		Database: d, Node: n.name, Version: "test", Directory: n.dir, All: true, Logger: zap.New(core),
		every: 40 * time.Millisecond, waitMin: 10 * time.Millisecond, waitMax: 100 * time.Millisecond, Rate: 1 << 20,
	}
	if change != nil {
		change(&o)
	}
	n.shipper = NewShipper(o)
}

func (n *node) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n.recorder.Close(ctx)
	n.shipper.Close(ctx)
}

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// add adds rows of the time from noon on, a fourth of which are refused.
func (n *node) add(count int) {
	for range count {
		n.recorder.Add(n.row(noon.Add(time.Duration(n.random.IntN(3600*11)) * time.Second)))
	}
}

func (n *node) row(at time.Time) *rows.Row {
	domain := fmt.Sprintf("company%d.example", n.random.IntN(50))
	res := &result.Results{
		Reference: n.refs.Next(at), Arrived: at, MailFrom: "ann@" + domain, Recipients: []string{"bob@example.com"}, Size: 1000,
		Client: result.ClientResult{IP: fmt.Sprintf("192.0.2.%d", n.random.IntN(256)), Helo: "mx." + domain},
		DMARC:  dmarc.Result{Status: "pass", AuthorDomain: domain, OrganizationalDomain: domain},
	}
	res.Author.Domain = domain
	v := &result.Verdict{Action: result.Accept, Intended: result.Accept}
	if n.random.IntN(4) == 0 {
		res.DMARC.Status = "fail"
		v = &result.Verdict{Action: result.Reject, Intended: result.Reject, Code: "550 5.7.1", Rule: "dmarc-reject"}
	}
	return &rows.Row{Ref: res.Reference, Queue: fmt.Sprintf("4X%09d", n.random.IntN(1e9)), MessageID: "<1@" + domain + ">", Recipients: 1, Generation: 7, Results: res, Verdict: v}
}

// references returns those of all rows that the files of the node have, sorted.
func (n *node) references(t testing.TB) (all []int64) {
	t.Helper()
	n.recorder.Flush(t.Context())
	must(t, sqlite.NewReader(n.dir).Each(t.Context(), rows.Query{}, func(r *rows.Row) error {
		all = append(all, int64(r.Ref))
		return nil
	}))
	slices.Sort(all)
	return all
}

// shipped returns those of all rows of the node in the database, sorted.
func shipped(t testing.TB, d *Database, name string) []int64 {
	t.Helper()
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	return column[int64](t, conn, "SELECT ref FROM postvet.mail WHERE node_name = $1 ORDER BY ref", name)
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it takes too long: %s", what)
		}
	}
}

// sent waits until all rows of a node were sent, and compares those on both sides.
func (n *node) sent(t testing.TB, d *Database) {
	t.Helper()
	want := n.references(t)
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	eventually(t, "rows of "+n.name+" are sent", func() bool {
		var there int
		must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM postvet.mail WHERE node_name = $1", n.name).Scan(&there))
		return there >= len(want)
	})
	if diff := cmp.Diff(want, shipped(t, d, n.name)); diff != "" {
		t.Fatalf("rows of %s in the database (-written +there):\n%.2000s", n.name, diff)
	}
	var counted int
	must(t, conn.QueryRow(t.Context(), "SELECT sum(rows) FROM postvet.shipped JOIN postvet.node ON id = node WHERE name = $1", n.name).Scan(&counted))
	if counted != len(want) {
		t.Errorf("the marks of %s count %d rows, want %d", n.name, counted, len(want))
	}
}
