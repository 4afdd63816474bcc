//go:build linux

package postgres

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/patterns"
)

// The environment of the processes of TestFleet.
const (
	fleetNode   = "POSTVET_TEST_FLEET_NODE" // the directory, the name and the DSN of a node
	fleetRounds = "POSTVET_TEST_FLEET"      // how many things go wrong; default 8
)

// TestFleetNode is a node of TestFleet, which kills it. It prints how many rows it has added,
// and each time that it has written what it learned.
func TestFleetNode(t *testing.T) {
	words := strings.SplitN(os.Getenv(fleetNode), " ", 3)
	if len(words) < 3 {
		t.Skip("only TestFleet runs it")
	}
	n := &node{dir: words[0], name: words[1], random: rand.New(rand.NewPCG(rand.Uint64(), 1))}
	n.open(t)
	n.ship(t, &Database{DSN: words[2]}, nil)
	for i := 0; ; i++ {
		at := time.Now()
		if i%10 == 0 {
			at = at.Add(-24 * time.Hour) // of another day, and late
		}
		n.recorder.Add(n.row(at))
		if i%100 == 0 {
			fmt.Println(i)
		}
		if i%20 == 0 {
			n.teach(t, patterns.Row{Org: "a.example", Kind: patterns.Network, Name: "192.0.2.0/24", Day: patterns.DayOf(time.Now()), N: 1})
			fmt.Println("learned")
		}
		time.Sleep(time.Millisecond)
	}
}

// fleetProcess is a node that runs as a process.
type fleetProcess struct {
	dir, name string
	process   *child.Process
	begun     chan struct{}
	starts    int64
	learned   atomic.Int64
	readers   sync.WaitGroup
}

func (f *fleetProcess) start(t *testing.T, dsn string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=TestFleetNode$") //nolint:noctx // it is killed
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s", fleetNode, f.dir, f.name, dsn))
	r, w, err := os.Pipe()
	must(t, err)
	cmd.Stdout = w
	f.process, err = child.Start(cmd, syscall.SIGKILL)
	must(t, err)
	must(t, w.Close())
	begun := make(chan struct{})
	f.begun = begun
	f.starts++
	f.readers.Go(func() {
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if lines.Text() == "learned" {
				f.learned.Add(1)
			}
			if n, err := strconv.Atoi(lines.Text()); err == nil && n >= 100 && begun != nil {
				close(begun)
				begun = nil
			}
		}
	})
	t.Cleanup(f.process.Kill)
}

// backend returns the process of a connection of a node; 0 if there is none.
func backend(t *testing.T, dsn string) (pid int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	defer closeConn(conn)
	_ = conn.QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'postvet' ORDER BY random() LIMIT 1").Scan(&pid)
	return pid
}

// sentPatterns waits until the database has what a node has learned, which is what it has
// written: at most one more at each end.
func (f *fleetProcess) sentPatterns(t *testing.T, n *node, d *Database) {
	t.Helper()
	f.readers.Wait()
	days, err := sqlite.NewReader(n.dir).PatternSums(t.Context(), 0)
	must(t, err)
	var learned, there int64
	for _, sums := range days {
		learned += sums.N
	}
	if least := f.learned.Load(); learned < least || learned > least+f.starts || least == 0 {
		t.Errorf("%s has learned %d, want %d to %d", n.name, learned, least, least+f.starts)
	}
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	eventually(t, "what was learned is sent", func() bool {
		must(t, conn.QueryRow(t.Context(), "SELECT coalesce(sum(p.n), 0)::bigint FROM postvet.pattern AS p JOIN postvet.node AS n ON n.id = p.node WHERE n.name = $1", n.name).Scan(&there))
		return there == learned
	})
}

// TestFleet has three nodes write, learn and send while they and the server are killed, stopped
// and hung. In the end all rows that the nodes have written, and what they learned, are in the
// database, each once.
func TestFleet(t *testing.T) {
	t.Parallel()
	rounds := 8
	if n, err := strconv.Atoi(os.Getenv(fleetRounds)); err == nil {
		rounds = n
	}
	s := keyservers.PostgreSQL(t, "secret")
	d := newDatabase(t, s, "fleet")
	dir := t.TempDir()
	var nodes []*fleetProcess
	for i := range 3 {
		f := &fleetProcess{dir: filepath.Join(dir, fmt.Sprint(i)), name: fmt.Sprintf("mx%d", i+1)}
		f.start(t, d.DSN)
		nodes = append(nodes, f)
	}
	for i := range rounds {
		for _, f := range nodes {
			select {
			case <-f.begun:
			case <-time.After(30 * time.Second):
				t.Fatalf("%s does not begin", f.name)
			}
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		switch i % 4 {
		case 0:
			f := nodes[i/4%3]
			f.process.Kill()
			f.start(t, d.DSN)
		case 1: // the server ends all backends when one of them is killed
			if pid := backend(t, d.DSN); pid > 0 {
				must(t, syscall.Kill(pid, syscall.SIGKILL))
			}
		case 2:
			s.Kill()
			time.Sleep(200 * time.Millisecond)
			s.Start()
		case 3:
			f := nodes[i/4%3]
			must(t, s.Hang())
			f.process.Kill()
			time.Sleep(200 * time.Millisecond)
			must(t, s.Resume())
			s.Stop()
			f.start(t, d.DSN)
			s.Start()
		}
	}
	total := 0
	for _, f := range nodes {
		f.process.Kill()
		n := &node{dir: f.dir, name: f.name, random: rand.New(rand.NewPCG(1, 1))}
		n.open(t)
		n.ship(t, d, nil)
		eventually(t, "the server answers", func() bool {
			conn, err := d.Connect(context.Background())
			if err == nil {
				closeConn(conn)
			}
			return err == nil
		})
		n.sent(t, d)
		f.sentPatterns(t, n, d)
		total += len(n.references(t))
		n.close()
	}
	if total < 300*(rounds/4) {
		t.Errorf("only %d rows were written", total)
	}
	t.Logf("%d rows after %d faults", total, rounds)
}
