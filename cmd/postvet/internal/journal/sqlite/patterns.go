package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"

	"github.com/postvet/postvet/policy/patterns"
)

// createPatterns is the statement for the table of patterns, see package patterns. day is in
// days since 1970. kind says what name is: a network or a domain.
const createPatterns = `CREATE TABLE pattern (org TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, day INTEGER NOT NULL,
	n INTEGER NOT NULL, unsigned INTEGER NOT NULL, PRIMARY KEY (org, kind, name, day)) WITHOUT ROWID;
CREATE INDEX pattern_day ON pattern (day);
CREATE VIEW patterns AS SELECT date(day * 86400, 'unixepoch') AS day, org, kind, name, n, unsigned FROM pattern;`

// WritePatterns adds the numbers of rows to those that are kept, all of them or none. A day
// that has [patterns.MaxRows] rows gets no new ones. It is safe beside the writer, which
// waits meanwhile.
func WritePatterns(dir string, rows []patterns.Row) error {
	if len(rows) == 0 {
		return nil
	}
	st, err := openState(dir)
	if err != nil {
		return err
	}
	err = st.addPatterns(rows)
	return errors.Join(err, st.close())
}

func (s *state) addPatterns(rows []patterns.Row) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := func() error {
		room := map[int64]int64{}
		err := s.each("SELECT day, count(*) FROM pattern GROUP BY day", func(line *statement) error {
			room[line.int(0)] = patterns.MaxRows - line.int(1)
			return nil
		})
		if err != nil {
			return err
		}
		update, err := s.prepared("UPDATE pattern SET n = n + ?, unsigned = unsigned + ? WHERE org = ? AND kind = ? AND name = ? AND day = ?")
		if err != nil {
			return err
		}
		defer update.close()
		insert, err := s.prepared("INSERT INTO pattern (n, unsigned, org, kind, name, day) VALUES (?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.close()
		for _, r := range rows {
			if err := bindPattern(update, r).exec(); err != nil {
				return err
			}
			switch n, err := s.number("SELECT changes()"); {
			case err != nil:
				return err
			case n > 0:
				continue
			}
			left, any := room[r.Day]
			if !any {
				left = patterns.MaxRows
			}
			if left <= 0 {
				continue
			}
			room[r.Day] = left - 1
			if err := bindPattern(insert, r).exec(); err != nil {
				return err
			}
		}
		return s.exec("COMMIT")
	}()
	if err != nil {
		_ = s.exec("ROLLBACK")
	}
	return err
}

func bindPattern(s *statement, r patterns.Row) *statement {
	for i, v := range []any{r.N, r.Unsigned, r.Org, string(r.Kind), r.Name, r.Day} {
		s.set(i, v)
	}
	return s
}

// removePatterns removes the days that do not count any more, those older than keep unless it
// is 0, and those of a clock that was wrong.
func (s *state) removePatterns(now time.Time, keep time.Duration) error {
	if keep == 0 || keep > patterns.Days*day {
		keep = patterns.Days * day
	}
	return s.exec("DELETE FROM pattern WHERE day < ? OR day > ?", patterns.DayOf(now.Add(-keep)), patterns.DayOf(now)+1)
}

// Patterns calls f with the rows of an organizational domain, or of all if it is "", since a
// day, in the order of [patterns.Row.Compare]. There are none before the service has begun the
// file.
func (r *Reader) Patterns(ctx context.Context, org string, since int64, f func(patterns.Row)) error {
	where, args := "day >= ?", []any{since}
	if org != "" {
		where, args = where+" AND org = ?", append(args, org)
	}
	return r.eachPattern(ctx, where+" ORDER BY org, kind, name, day", args, f)
}

// PatternsOf calls f with the rows of a day.
func (r *Reader) PatternsOf(ctx context.Context, day int64, f func(patterns.Row)) error {
	return r.eachPattern(ctx, "day = ?", []any{day}, f)
}

func (r *Reader) eachPattern(ctx context.Context, where string, args []any, f func(patterns.Row)) error {
	return r.eachOfState(ctx, "SELECT org, kind, name, day, n, unsigned FROM pattern WHERE "+where, args, func(line *sql.Rows) error {
		var row patterns.Row
		err := line.Scan(&row.Org, &row.Kind, &row.Name, &row.Day, &row.N, &row.Unsigned)
		f(row)
		return err
	})
}

// PatternSums are the sums of the rows of a day, by which a day that has changed is found.
type PatternSums struct{ Rows, N, Unsigned int64 }

// PatternSums returns the sums of the days since one.
func (r *Reader) PatternSums(ctx context.Context, since int64) (map[int64]PatternSums, error) {
	all := map[int64]PatternSums{}
	err := r.eachOfState(ctx, "SELECT day, count(*), sum(n), sum(unsigned) FROM pattern WHERE day >= ? GROUP BY day", []any{since}, func(line *sql.Rows) error {
		var day int64
		var s PatternSums
		err := line.Scan(&day, &s.Rows, &s.N, &s.Unsigned)
		all[day] = s
		return err
	})
	return all, err
}

// eachOfState calls f with the lines that a query finds in state.db, if there is one.
func (r *Reader) eachOfState(ctx context.Context, query string, args []any, f func(*sql.Rows) error) error {
	db, err := openStateReader(ctx, r.keys.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer db.Close()
	lines, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachLineOf(lines, f)
}
