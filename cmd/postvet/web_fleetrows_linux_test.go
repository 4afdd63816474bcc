package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/keyservers"
)

// fleetNames is how many domains each node of TestWebOfLargeFleet has a day, such as 20000, the
// most that are counted; they need 7 GB. fleetDSN is an empty database for them, or the one of an
// earlier run; by default a server is started and its data is removed. They are read here, as
// TestMain takes such variables away.
var (
	fleetNames, _ = strconv.Atoi(os.Getenv("POSTVET_FLEET_NAMES"))
	fleetDSN      = os.Getenv("POSTVET_FLEET_DSN")
)

// largeFleetPages are the pages with something of the database of all nodes.
var largeFleetPages = []string{
	"/", "/?node=mx2", "/fleet",
	"/domains?range=day", "/domains", "/domains?range=month", "/domains?range=quarter", "/domains?node=mx2&range=month",
	"/domains?sort=messages&range=day", "/domains?sort=messages", "/domains?sort=messages&range=month", "/domains?sort=messages&range=quarter",
	"/domains?sort=share&range=day", "/domains?sort=share", "/domains?sort=share&range=month", "/domains?sort=change&range=month", "/domains?sort=change&range=quarter", "/domains?sort=would&range=month", "/domains?sort=would&range=quarter",
	"/domains/company0.example?range=day", "/domains/company0.example", "/domains/company0.example?range=month", "/domains/company0.example?range=quarter", "/domains/company90001.example?range=quarter", "/domains/nothing.example?range=quarter", "/domains/company0.example?node=mx3&range=quarter",
	"/forwarders?range=day", "/forwarders", "/forwarders?range=month", "/forwarders?range=quarter", "/forwarders?node=mx1&range=month", "/own",
	"/messages?fleet=1", "/messages?fleet=1&since=30d", "/messages?fleet=1&node=mx2&since=30d", "/messages?fleet=1&action=reject&since=30d", "/messages?fleet=1&hint=forwarded&since=30d", "/messages?fleet=1&dmarc=fail&since=30d", "/messages?fleet=1&rule=no-such-rule&since=30d",
	"/messages?fleet=1&q=company0.example", "/messages?fleet=1&q=company170.example&since=30d", "/messages?fleet=1&q=nothing.example&since=90d", "/messages?fleet=1&q=company170.example&since=30d&as=sender", "/messages?fleet=1&q=10.0.0.1&since=30d", "/messages?fleet=1&q=10.0.0.0%2F8&since=30d", "/messages?fleet=1&q=192.0.2.1&since=90d", "/messages?fleet=1&q=4Xffffffffffff",
}

// TestWebOfLargeFleet: each page with numbers of all nodes comes in 300 ms or says that it was not
// read to the end, with a year of counts of three large nodes in PostgreSQL. It prints the table of
// TestWebOfManyRows.
func TestWebOfLargeFleet(t *testing.T) {
	if fleetNames == 0 {
		t.Skip("POSTVET_FLEET_NAMES does not say how many domains a node has a day")
	}
	dsn := fleetDSN
	if dsn == "" {
		dsn = keyservers.PostgreSQL(t, "secret").NewDatabase(t, "fleet")
	}
	f := fillFleet(t, dsn, fleetNames)
	dir := t.TempDir()
	journal, listen := filepath.Join(dir, "j"), filepath.Join(dir, "w")
	fillJournal(t, journal, 200_000)
	s, _, _ := startControlled(t, fmt.Sprintf("[journal]\ndirectory = %q\nkeep = \"2160h\"\nmin_free = 0\nnode = \"mx0\"\npostgres = %q\n[web]\nlisten = \"unix:%s\"\n[policy]\nown_domains = [\"company3.example\", \"company17.example\"]\n", journal, dsn, listen))
	p := &pageTimer{t: t, s: s, w: newWebClient(t, listen), journal: journal}
	f.awaitNode("mx0")
	f.copyMail(500_000)
	t.Logf("the database has %d MB", f.number("SELECT pg_database_size(current_database())")>>20)
	table := []string{"page | status | cold | median | worst | CPU | octets | JSON | searched"}
	for _, path := range largeFleetPages {
		t.Run(path, func(t *testing.T) {
			p.t, p.w.t = t, t
			table = append(table, p.measure(path, path))
			if body := p.w.get(path); strings.Contains(body, "is away") || strings.Contains(body, "all nodes did not answer in time") {
				t.Error("the database did not answer")
			}
		})
	}
	t.Log(strings.Join(table, "\n"))
}
