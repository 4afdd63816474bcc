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
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/keyservers"
)

// The environment of the processes of TestFleet.
const (
	fleetNode   = "POSTVET_TEST_FLEET_NODE" // the directory, the name and the DSN of a node
	fleetRounds = "POSTVET_TEST_FLEET"      // how many things go wrong; default 8
)

// TestFleetNode is a node of TestFleet, which kills it. It prints how many rows it has added.
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
		time.Sleep(time.Millisecond)
	}
}

// fleetProcess is a node that runs as a process.
type fleetProcess struct {
	dir, name string
	process   *child.Process
	begun     chan struct{}
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
	go func() {
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if n, err := strconv.Atoi(lines.Text()); err == nil && n >= 100 && begun != nil {
				close(begun)
				begun = nil
			}
		}
	}()
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

// TestFleet has three nodes write and send while they and the server are killed, stopped and
// hung. In the end all rows that the nodes have written are in the database, each once.
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
		total += len(n.references(t))
		n.close()
	}
	if total < 300*(rounds/4) {
		t.Errorf("only %d rows were written", total)
	}
	t.Logf("%d rows after %d faults", total, rounds)
}
