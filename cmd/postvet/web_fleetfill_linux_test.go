package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
)

// The counts of TestWebOfLargeFleet: those of fleetNodes nodes, of the days of a year and of the
// hours that are kept. Pages look back at most half a year; before that, days have fewer names.
const (
	fleetNodes  = 3
	fleetDays   = 365
	fleetLooked = 100
	fleetHours  = 16 * 24
)

// fleetFill fills the database of all nodes.
type fleetFill struct {
	t    *testing.T
	conn *pgx.Conn
}

// exec carries a statement out.
func (f *fleetFill) exec(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.conn.Exec(f.t.Context(), statement, args...); err != nil {
		f.t.Fatalf("%v\n%s", err, statement)
	}
}

// number returns the number that a query has.
func (f *fleetFill) number(query string, args ...any) (n int64) {
	f.t.Helper()
	if err := f.conn.QueryRow(f.t.Context(), query, args...).Scan(&n); err != nil {
		f.t.Fatalf("%v\n%s", err, query)
	}
	return n
}

// lines returns the texts that a query has.
func (f *fleetFill) lines(query string, args ...any) []string {
	f.t.Helper()
	lines, err := f.conn.Query(f.t.Context(), query, args...)
	if err != nil {
		f.t.Fatal(err)
	}
	all, err := pgx.CollectRows(lines, pgx.RowTo[string])
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// fillFleet makes the tables of a database and fills them with the counts of other nodes: each has
// so many domains on a day, and half as many networks. A database that has counts is left as it is.
func fillFleet(t *testing.T, dsn string, names int) *fleetFill {
	t.Helper()
	d := &postgres.Database{DSN: dsn}
	if _, _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := d.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	f := &fleetFill{t, conn}
	if f.number("SELECT count(*) FROM postvet.node") > 0 {
		return f
	}
	began := time.Now()
	f.exec("BEGIN")
	indexes := f.lines("SELECT indexdef FROM pg_indexes WHERE schemaname = 'postvet' AND tablename = ANY($1)", countTables)
	for _, name := range f.lines("SELECT format('%I.%I', schemaname, indexname) FROM pg_indexes WHERE schemaname = 'postvet' AND tablename = ANY($1)", countTables) {
		f.exec("DROP INDEX " + name)
	}
	f.exec("SELECT setseed(0.5)")
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range fleetNodes {
		node := int32(f.number("INSERT INTO postvet.node (name, identity, session, version, seen) VALUES ($1, $2, $2, 'test', clock_timestamp()) RETURNING id", fmt.Sprint("mx", i+1), i+1))
		for d := 1; d < fleetDays; d++ {
			n := names
			if d > fleetLooked {
				n /= 4
			}
			f.period(counts.DayTable, today.AddDate(0, 0, -d), node, n)
		}
		for h := 1; h < fleetHours; h++ {
			f.period(counts.HourTable, time.Now().UTC().Truncate(time.Hour).Add(-time.Duration(h)*time.Hour), node, names/8)
		}
	}
	for _, index := range indexes {
		f.exec(index)
	}
	f.exec("COMMIT")
	f.exec("VACUUM ANALYZE")
	t.Logf("%d counts of names by the day and %d by the hour in %v", f.number("SELECT count(*) FROM postvet.day"), f.number("SELECT count(*) FROM postvet.hour"), time.Since(began).Round(time.Second))
	return f
}

var countTables = []string{"hour", "hour_facts", "day", "day_facts"}

// fleetPeriod adds the counts of a period. $1 is its time, $2 the node, $3 the number of domains, $4
// the messages of the largest domain. Half of the domains come always, and the others now and then.
var fleetPeriod = strings.NewReplacer("SUMS", "sum("+strings.Join(counts.FieldNames(), "), sum(")+")", "FIELDS", strings.Join(counts.FieldNames(), ", ")).Replace(`
WITH drawn AS (
	SELECT kind, k, 1 + ($4 * (0.5 + random()) / (k + 1))::bigint AS n, random() AS r FROM (
		SELECT 'domain' AS kind, CASE WHEN j < $3 / 2 THEN j ELSE $3 / 2 + (j - $3 / 2) * 9 + extract(epoch FROM $1::timestamptz)::bigint / 3600 % 9 END AS k FROM generate_series(0, $3::bigint - 1) AS j
		UNION ALL SELECT 'client', j FROM generate_series(0, $3::bigint / 2 - 1) AS j
		UNION ALL SELECT 'rule', j FROM generate_series(0, 19) AS j) AS names
), failing AS (
	SELECT *, CASE WHEN k % 13 = 5 THEN n WHEN r < 0.08 THEN 1 + n / 14 ELSE n / 14 END AS f FROM drawn
), named AS (
	INSERT INTO postvet.TABLE (at, node, kind, name, FIELDS)
	SELECT $1, $2, kind, CASE kind WHEN 'domain' THEN 'company' || k || '.example' WHEN 'client' THEN '10.' || k / 256 || '.' || k % 256 || '.0/24' ELSE 'rule-' || k END,
		n, n - f, f, 0, 0, f / 2, CASE WHEN k % 50 = 0 THEN f / 9 ELSE 0 END, 0, 0, 0, f / 4, 0, 0, f / 5, f / 6, f / 4 FROM failing
	RETURNING *
), facts AS (
	INSERT INTO postvet.TABLE_facts (at, node, org, dmarc, action, would, override, hint, rule, n)
	SELECT $1, $2, name, 'fail', 'reject', '', '', CASE length(name) % 2 WHEN 0 THEN 'spf_broken' ELSE 'forwarded' END, 'dmarc-reject', failed FROM named WHERE kind = 'domain' AND failed > 0
), summed AS (
	INSERT INTO postvet.TABLE (at, node, kind, name, FIELDS) SELECT $1, $2, 'all', '(all)', SUMS FROM named WHERE kind = 'domain' RETURNING n
)
INSERT INTO postvet.period (length, at, node, n, missing) SELECT 'TABLE', $1, $2, n, 0 FROM summed`)

func (f *fleetFill) period(of counts.Table, at time.Time, node int32, names int) {
	f.t.Helper()
	largest := 40_000
	if of == counts.HourTable {
		largest /= 24
	}
	f.exec(strings.ReplaceAll(fleetPeriod, "TABLE", string(of)), at, node, int64(names), int64(largest))
}

// awaitNode waits until the service has sent the messages and the counts of its journal.
func (f *fleetFill) awaitNode(name string) {
	f.t.Helper()
	sent, since := int64(0), time.Now()
	for end := time.Now().Add(5 * time.Minute); time.Since(since) < 5*time.Second; time.Sleep(time.Second) {
		days := f.number("SELECT count(*) FROM postvet.period AS p JOIN postvet.node AS n ON n.id = p.node WHERE n.name = $1 AND p.length = 'day'", name)
		if n := f.number("SELECT count(*) FROM postvet.rest"); n != sent || days < bagDays-2 {
			sent, since = n, time.Now()
		}
		if time.Now().After(end) {
			f.t.Fatalf("the service has sent %d messages and the counts of %d days", sent, days)
		}
	}
}

// copyMail adds copies of the messages in the database until there are n, of the same days and of
// other nodes.
func (f *fleetFill) copyMail(n int64) {
	f.t.Helper()
	began := time.Now()
	have := f.number("SELECT count(*) FROM postvet.rest")
	if have == 0 {
		f.t.Fatal("the service has sent no message")
	}
	columns := f.lines("SELECT attname::text FROM pg_attribute WHERE attrelid = 'postvet.rest'::regclass AND attnum > 0 AND attname NOT IN ('node', 'ref') ORDER BY attnum")
	for i := int64(1); have*i < n; i++ {
		// A reference has milliseconds since 2025 before its last 20 bits.
		f.exec(fmt.Sprintf(`INSERT INTO postvet.rest (node, ref, %[1]s) SELECT (SELECT id FROM postvet.node WHERE name = $2), ref + ($1::bigint << 20), %[1]s FROM (
				SELECT * FROM postvet.rest WHERE node = (SELECT id FROM postvet.node WHERE name = 'mx0')) AS sent
			WHERE date_trunc('day', to_timestamp(((ref + ($1::bigint << 20)) >> 20) / 1000.0 + 1735689600) AT TIME ZONE 'UTC') = day`, strings.Join(columns, ", ")), i*7001, fmt.Sprint("mx", i%fleetNodes+1))
	}
	f.exec("VACUUM ANALYZE")
	f.t.Logf("%d messages of the fleet in %v", f.number("SELECT count(*) FROM postvet.rest"), time.Since(began).Round(time.Second))
}
