package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// ahead is the number of days for which partitions are made before anything is written
// into them.
const ahead = 7

// dayInName is the form of a day in the name of a partition.
const dayInName = "20060102"

// partitionOf returns the name of the partition of a part.
func partitionOf(p rows.Part) string {
	return fmt.Sprintf("postvet.%s_%s", p.Class, p.Day.Format(dayInName))
}

// isPartition reports whether the partition of a part exists and has its place.
func isPartition(ctx context.Context, conn *pgx.Conn, p rows.Part) (is bool, err error) {
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))", partitionOf(p)).Scan(&is)
	return is, err
}

// makePartition makes the partition of a part unless it exists. A table is made first and
// then attached, for which nobody who reads or writes other days has to wait. There is no
// default partition, which would have to be searched then.
func makePartition(ctx context.Context, conn *pgx.Conn, p rows.Part) error {
	is, err := isPartition(ctx, conn, p)
	if err != nil || is {
		return err
	}
	name, next := partitionOf(p), p.Day.AddDate(0, 0, 1)
	// Neither names nor days hold foreign text.
	err = do(ctx, conn, fmt.Sprintf(`BEGIN; SET LOCAL lock_timeout = '5s';
		CREATE TABLE IF NOT EXISTS %s (LIKE postvet.%s INCLUDING DEFAULTS);
		ALTER TABLE postvet.%s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s'); COMMIT`,
		name, p.Class, p.Class, name, p.Day.Format(time.DateOnly), next.Format(time.DateOnly)))
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err
	}
	if err := rollBack(ctx, conn); err != nil {
		return err
	}
	if is, checked := isPartition(ctx, conn, p); checked == nil && is {
		return nil // another node was quicker
	}
	return err
}

// do carries out statements without parameters.
func do(ctx context.Context, conn *pgx.Conn, statements string) error {
	_, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	return err
}

func rollBack(ctx context.Context, conn *pgx.Conn) error { return do(ctx, conn, "ROLLBACK") }

// makeAhead makes the partitions of the days to come.
func makeAhead(ctx context.Context, conn *pgx.Conn, now time.Time) error {
	for i := range ahead {
		for c := range rows.Class(rows.Classes) {
			p := rows.Part{Day: now.UTC().Truncate(24*time.Hour).AddDate(0, 0, i), Class: c}
			if err := makePartition(ctx, conn, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// databaseTime returns the time of the database.
func databaseTime(ctx context.Context, conn *pgx.Conn) (now time.Time, err error) {
	err = conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now, err
}

var partitionName = regexp.MustCompile(`^(accepted|rest)_([0-9]{8})$`)

// removeOld removes the partitions of days that are older than keep by the time of the
// database, 0 for none, and returns their names. One that cannot be locked soon is left for
// the next time.
func removeOld(ctx context.Context, conn *pgx.Conn, now time.Time, keep [rows.Classes]time.Duration) (removed []string, err error) {
	lines, err := conn.Query(ctx, `SELECT c.relname, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
		FROM pg_class AS c WHERE c.relnamespace = to_regnamespace('postvet') AND c.relkind = 'r' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	type table struct {
		Name     string
		Attached bool
	}
	all, err := pgx.CollectRows(lines, pgx.RowToStructByPos[table])
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		m := partitionName.FindStringSubmatch(t.Name)
		if m == nil {
			continue
		}
		day, err := time.Parse(dayInName, m[2])
		class := rows.Accepted
		if m[1] == rows.Rest.String() {
			class = rows.Rest
		}
		if err != nil || keep[class] <= 0 || now.Sub(day.AddDate(0, 0, 1)) <= keep[class] {
			continue
		}
		if t.Attached {
			// With a query that reads all days at work, others would wait for as long.
			err = do(ctx, conn, fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = '2s'; ALTER TABLE postvet.%s DETACH PARTITION postvet.%s; COMMIT", class, t.Name))
		}
		if err == nil {
			err = do(ctx, conn, fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = '2s'; DROP TABLE IF EXISTS postvet.%s; COMMIT", t.Name))
		}
		if err != nil {
			var server *pgconn.PgError
			if !errors.As(err, &server) {
				return removed, err
			}
			if err := rollBack(ctx, conn); err != nil {
				return removed, err
			}
			if server.Code == "55P03" { // the lock
				continue
			}
			return removed, err
		}
		removed = append(removed, t.Name)
	}
	return removed, nil
}
