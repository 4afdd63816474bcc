//go:build linux

package reportsending

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/contrib/keyservers"
)

// TestFleetKill has three nodes with one database. One of them has the lease and sends, and
// any of them is killed at any time: nothing is lost, and nothing comes twice with other
// octets or another identifier. The lease of a node ends while it works, too, so that two
// may send at a time.
func TestFleetKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	rounds := fleetKills
	if n, err := strconv.Atoi(os.Getenv(killRuns)); err == nil {
		rounds = n
	}
	server := keyservers.PostgreSQL(t, "secret")
	dsn := server.DSN("postgres")
	if _, _, err := (&postgres.Database{DSN: dsn}).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, err := reportstore.Open(t.Context(), reportstore.Options{DSN: dsn, AutoMigrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the end of the test
	k := newKillSite(t, store, 20*rounds, killDSN+"="+dsn, killEpoch+"="+strconv.FormatInt(time.Now().UnixMilli(), 10))
	nodes := make([]*killProcess, 3)
	working := 0
	for i := range nodes {
		nodes[i] = k.start("mx" + strconv.Itoa(i))
	}
	for range rounds {
		i := k.random.IntN(len(nodes))
		<-nodes[i].ready
		time.Sleep(time.Duration(k.random.IntN(150)) * time.Millisecond)
		nodes[i].kill()
		if !nodes[i].idle {
			working++
		}
		// Time passes: the lease of whoever has it ends, dead or alive.
		if _, err := conn.Exec(t.Context(), "UPDATE postvet.lease SET until = clock_timestamp()"); err != nil {
			t.Fatal(err)
		}
		nodes[i] = k.start("mx" + strconv.Itoa(i))
	}
	if t.Logf("%d of %d processes were killed while there was work", working, rounds); working < rounds/2 {
		t.Error("too few processes were killed at work to prove anything")
	}
	nodes[0].kill()
	if _, err := conn.Exec(t.Context(), "UPDATE postvet.lease SET until = clock_timestamp()"); err != nil {
		t.Fatal(err)
	}
	nodes[0] = k.start("mx0")
	<-nodes[0].done
	for _, n := range nodes {
		n.kill()
	}
	k.check()
}
