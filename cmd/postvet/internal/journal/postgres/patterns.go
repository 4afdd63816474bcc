package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/patterns"
)

// patternColumns are the columns of the table of patterns.
const patternColumns = "org, kind, name, day, node, n, unsigned"

// daysBefore2000 are the days from 1970 on, where a date of PostgreSQL begins.
const daysBefore2000 = 10957

// SharePatterns has what this node learned sent soon, if it has changed.
func (s *Shipper) SharePatterns() {
	if s != nil {
		s.patterns.Store(true)
	}
}

// readPatternSums reads what the database has of this node.
func (s *session) readPatternSums(ctx context.Context) error {
	s.patterns = map[int64]sqlite.PatternSums{}
	lines, err := s.conn.Query(ctx, "SELECT day - date '1970-01-01', count(*), sum(n)::bigint, sum(unsigned)::bigint FROM postvet.pattern WHERE node = $1 GROUP BY day", s.node)
	if err != nil {
		return fault(err)
	}
	var day int64
	var sums sqlite.PatternSums
	_, err = pgx.ForEachRow(lines, []any{&day, &sums.Rows, &sums.N, &sums.Unsigned}, func() error {
		s.patterns[day] = sums
		return nil
	})
	return fault(err)
}

// sendPatterns sends the days on which this node learned something else than it had sent.
func (s *Shipper) sendPatterns(ctx context.Context) error {
	if !s.patterns.Swap(false) {
		return nil
	}
	local := sqlite.NewReader(s.opt.Directory)
	today := patterns.DayOf(time.Now())
	days, err := local.PatternSums(ctx, today-patterns.Days)
	if err != nil {
		s.opt.Logger.Warn("what was learned from genuine mail cannot be read, so that it is not sent", zap.Error(err))
		return ctx.Err()
	}
	for day, sums := range days {
		if day > today+1 || s.session.patterns[day] == sums {
			continue
		}
		if err := s.session.sendPatterns(ctx, local, day); err != nil {
			s.SharePatterns()
			return err
		}
	}
	return nil
}

// sendPatterns puts the rows of a day in the place of those that were sent before. They are
// read inside the transaction, so that none comes back that was forgotten meanwhile.
func (s *session) sendPatterns(ctx context.Context, local *sqlite.Reader, day int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, "DELETE FROM postvet.pattern WHERE node = $1 AND day = date '1970-01-01' + $2::integer", s.node, day); err != nil {
		return fault(err)
	}
	var sums sqlite.PatternSums
	var failed error
	c := s.copier(ctx, "pattern", patternColumns)
	err := local.PatternsOf(ctx, day, func(r patterns.Row) {
		sums.Rows, sums.N, sums.Unsigned = sums.Rows+1, sums.N+r.N, sums.Unsigned+r.Unsigned
		if failed != nil || harmless(r.Org) != r.Org || harmless(r.Name) != r.Name || len(r.Org) > maxIndex || len(r.Name) > maxIndex {
			return // no name of the DNS, and perhaps the same as another one
		}
		c.row(7)
		c.text(r.Org)
		c.text(string(r.Kind))
		c.text(r.Name)
		c.int32(int32(day - daysBefore2000))
		c.int32(s.node)
		c.int64(r.N)
		c.int64(r.Unsigned)
		failed = c.flush(maxOctets)
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if err := c.flush(0); err != nil {
		return err
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	s.patterns[day] = sums
	return nil
}

// removeOldPatterns removes the days that do not count any more, as on the nodes, and those of
// a clock that was wrong.
func (s *session) removeOldPatterns(ctx context.Context, now time.Time, keep time.Duration) error {
	if most := patterns.Days * 24 * time.Hour; keep == 0 || keep > most {
		keep = most
	}
	_, err := s.conn.Exec(ctx, "DELETE FROM postvet.pattern WHERE day < date '1970-01-01' + $1::integer OR day > date '1970-01-01' + $2::integer", patterns.DayOf(now.Add(-keep)), patterns.DayOf(now)+1)
	return fault(err)
}

// patternTime bounds the reading of what all nodes learned.
const patternTime = 2 * time.Minute

// Patterns calls f with what all nodes learned, as [sqlite.Reader.Patterns] does of one, of
// which local has the files. After an error, what f got is of no use.
func (d *Database) Patterns(ctx context.Context, local *sqlite.Reader, node, org string, since int64, f func(patterns.Row)) error {
	ctx, cancel := context.WithTimeout(ctx, patternTime)
	defer cancel()
	conn, done, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer done()
	// Behind a pool of connections, nothing may stay set.
	if err := do(ctx, conn, fmt.Sprintf("BEGIN READ ONLY; SET LOCAL statement_timeout = %d", patternTime.Milliseconds())); err != nil {
		return fault(err)
	}
	defer func() { _ = rollBack(ctx, conn) }()
	lines, err := conn.Query(ctx, `SELECT org, kind, name, day - date '1970-01-01', n, unsigned FROM postvet.pattern
		WHERE node <> coalesce((SELECT id FROM postvet.node WHERE name = $1), 0) AND day >= date '1970-01-01' + $2::integer AND ($3 = '' OR org = $3)
		ORDER BY org, kind, name, day`, node, since, harmless(org))
	if err != nil {
		return fault(err)
	}
	defer lines.Close()
	var scanned error
	others := func() (r patterns.Row, ok bool) {
		if scanned != nil || !lines.Next() {
			return r, false
		}
		var kind string
		scanned = lines.Scan(&r.Org, &kind, &r.Name, &r.Day, &r.N, &r.Unsigned)
		r.Kind = patterns.Kind(kind)
		return r, scanned == nil
	}
	err = patterns.Merge(func(add func(patterns.Row)) error { return local.Patterns(ctx, org, since, add) }, others, f)
	if err != nil {
		return err
	}
	return fault(errors.Join(scanned, lines.Err()))
}
