package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// keepHours is how long hours are kept; of the time before there are days alone. It is enough
// for a week and the one before, to the hour.
const keepHours = 15 * day

// hourNames bounds the names of a kind that an hour keeps when its day is over.
const hourNames = 5000

// trimDays is for how many days after a day is over it may still get too many names.
const trimDays = 3

// keepCounts removes counts that are too old, and bounds the names of days that are over.
// Each step is brief, so that the writer waits only briefly.
func keepCounts(ctx context.Context, dir string, now time.Time, keep time.Duration) error {
	if _, err := os.Stat(stateFile(dir).path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	st, err := openState(dir)
	if err != nil {
		return err
	}
	defer st.close()
	if err := st.removePatterns(now, keep); err != nil {
		return err
	}
	if keep > 0 {
		if err := st.removeOld(ctx, "day", now.Add(-keep-day)); err != nil {
			return err
		}
		keep = min(keep, keepHours)
	} else {
		keep = keepHours
	}
	if err := st.removeOld(ctx, "hour", now.Add(-keep).Truncate(day)); err != nil {
		return err
	}
	for i := range trimDays {
		begin := now.Add(-10 * time.Minute).Truncate(day).Add(-time.Duration(i+1) * day)
		if err := st.trim(ctx, "day", begin.Unix(), counts.MaxNames); err != nil {
			return err
		}
		for hour := range 24 {
			if err := st.trim(ctx, "hour", begin.Add(time.Duration(hour)*time.Hour).Unix(), hourNames); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeOld removes the periods of a length that begin before a time, one after the other.
func (s *state) removeOld(ctx context.Context, length string, before time.Time) error {
	for ctx.Err() == nil {
		at, err := s.number(fmt.Sprintf("SELECT coalesce(min(at), 0) FROM period WHERE length = '%s' AND at < %d", length, before.Unix()))
		if err != nil || at == 0 {
			return err
		}
		err = s.atOnce(
			fmt.Sprintf("DELETE FROM %s WHERE at = %d", length, at),
			fmt.Sprintf("DELETE FROM %s_facts WHERE at = %d", length, at),
			fmt.Sprintf("DELETE FROM period WHERE length = '%s' AND at = %d", length, at))
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// trim has a period keep the names with most messages, and adds the rest to Other.
func (s *state) trim(ctx context.Context, table string, at int64, most int) error {
	// A name needs a message.
	if n, err := s.number(fmt.Sprintf("SELECT coalesce(sum(n), 0) FROM period WHERE length = '%s' AND at = %d", table, at)); err != nil || n <= int64(most) {
		return err
	}
	for k := range counts.Kind(counts.Kinds) {
		n, err := s.number(fmt.Sprintf("SELECT count(*) FROM %s WHERE at = %d AND kind = '%s'", table, at, k))
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if n <= int64(most) {
			continue
		}
		where := fmt.Sprintf("at = %d AND kind = '%s' AND name IN (SELECT name FROM temp.rest)", at, k)
		err = s.atOnce(
			"CREATE TEMP TABLE IF NOT EXISTS rest (name TEXT PRIMARY KEY) WITHOUT ROWID",
			"DELETE FROM temp.rest",
			fmt.Sprintf("INSERT INTO temp.rest SELECT name FROM %s WHERE at = %d AND kind = '%s' AND name != '%s' ORDER BY n DESC, name LIMIT -1 OFFSET %d", table, at, k, counts.Other, most-1),
			fmt.Sprintf("INSERT INTO %s SELECT %d, '%s', '%s', %s FROM %s WHERE %s ON CONFLICT DO UPDATE SET %s", table, at, k, counts.Other, sumOf, table, where, addSums()),
			fmt.Sprintf("DELETE FROM %s WHERE %s", table, where),
			changed(table, at))
		if err != nil {
			return err
		}
	}
	return s.trimFacts(table, at, most)
}

// trimFacts is trim for facts: those with fewest messages are added to those of Other that are
// alike.
func (s *state) trimFacts(table string, at int64, most int) error {
	named := fmt.Sprintf("FROM %s_facts WHERE at = %d AND org != '%s'", table, at, counts.Other)
	n, err := s.number("SELECT count(*) " + named)
	if err != nil || n <= int64(most) {
		return err
	}
	least, err := s.number(fmt.Sprintf("SELECT n %s ORDER BY n DESC LIMIT 1 OFFSET %d", named, most))
	if err != nil {
		return err
	}
	named += fmt.Sprintf(" AND n <= %d", least)
	return s.atOnce(
		fmt.Sprintf("INSERT INTO %s_facts SELECT at, '%s', dmarc, action, would, override, hint, rule, sum(n) %s "+
			"GROUP BY dmarc, action, would, override, hint, rule ON CONFLICT DO UPDATE SET n = n + excluded.n", table, counts.Other, named),
		"DELETE "+named,
		changed(table, at))
}

// changed is the statement that notes that a period has changed.
func changed(table string, at int64) string {
	return fmt.Sprintf("UPDATE period SET seq = (SELECT max(seq) + 1 FROM period) WHERE length = '%s' AND at = %d", table, at)
}

// addSums are the assignments that add the numbers of a name to those that are there.
func addSums() string {
	var all []string
	for f := range counts.Fields {
		all = append(all, fmt.Sprintf("%[1]s = %[1]s + excluded.%[1]s", f))
	}
	return strings.Join(all, ", ")
}

// atOnce executes statements in a transaction.
func (s *state) atOnce(statements ...string) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, statement := range append(statements, "COMMIT") {
		if err := s.exec(statement); err != nil {
			_ = s.exec("ROLLBACK")
			return err
		}
	}
	return nil
}
