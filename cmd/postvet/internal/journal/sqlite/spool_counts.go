package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
)

// Period is an hour or a day whose counts are sent elsewhere.
type Period struct {
	// Seq is the number of a change. Once the period is sent, so are all that changed up to
	// it. It is 0 if that is not known.
	Seq int64
	// Length is "hour" or "day".
	Length     string
	At         time.Time
	N, Missing int64
}

// Lengths are the lengths of periods.
var Lengths = [2]string{"hour", "day"}

// CountReader reads the counts of a directory.
type CountReader struct{ db *sql.DB }

// OpenCounts opens the counts. The error is [fs.ErrNotExist] if there are none yet.
func (s *Spool) OpenCounts(ctx context.Context) (*CountReader, error) {
	db, err := openStateReader(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	return &CountReader{db}, nil
}

// Close closes the file.
func (r *CountReader) Close() error { return r.db.Close() }

// Next returns the period of a length that is over and changed next after one; false if
// there is none. Hours are over, whatever the clock says now: it may have been wrong when they
// were counted. A day is not over as long as it has an hour that is not. Of days, those that
// are newer than one come first, since others may have changed after them while they were not
// over; they come again in their turn. A file that was begun anew counts from 1 again, and is
// sent from its beginning.
func (r *CountReader) Next(ctx context.Context, length string, after int64, newest, now time.Time) (p Period, ok bool, err error) {
	var last int64
	if err := r.db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM period").Scan(&last); err != nil {
		return p, false, err
	}
	if last < after {
		after = 0
	}
	where := "AND seq > ?3"
	if length == "day" {
		where = "AND (seq > ?3 OR at > ?1) AND at <= ?4 AND NOT EXISTS (SELECT 1 FROM recent WHERE recent.at >= period.at AND recent.at < period.at + 86400)"
	}
	var at int64
	var newer bool
	p.Length = length
	err = r.db.QueryRowContext(ctx, "SELECT seq, at, n, missing, length = 'day' AND at > ?1 AS newer FROM period WHERE length = ?2 "+where+
		" ORDER BY newer DESC, CASE WHEN newer THEN at ELSE seq END LIMIT 1",
		newest.Unix(), length, after, now.Add(-day).Unix()).Scan(&p.Seq, &at, &p.N, &p.Missing, &newer)
	if newer {
		p.Seq = after
	}
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	p.At = time.Unix(at, 0).UTC()
	return p, err == nil, err
}

// RecentHour is an hour that is not over. Sum differs when its counts do.
type RecentHour struct {
	At  time.Time
	Sum uint32

	parts []counts.Part
}

// Counts returns the counts of the hour.
func (h *RecentHour) Counts() (counts.Hour, error) {
	all, err := counts.Hours(h.parts)
	if err != nil {
		return counts.Hour{}, err
	}
	return all[0], nil
}

// Recent returns the hours that are not over and of which nothing else is counted yet. Late
// messages of an hour that is kept are sent once they are added to it.
func (r *CountReader) Recent(ctx context.Context) (all []RecentHour, err error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	parts, err := counted{tx}.parts(ctx)
	if err != nil {
		return nil, err
	}
	over, err := numbers(ctx, tx, "SELECT at FROM period WHERE length = 'hour' AND at IN (SELECT at FROM recent)")
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if slices.Contains(over, p.At.Unix()) {
			continue
		}
		i := slices.IndexFunc(all, func(h RecentHour) bool { return h.At.Equal(p.At) })
		if i < 0 {
			i = len(all)
			all = append(all, RecentHour{At: p.At})
		}
		h := &all[i]
		h.parts, h.Sum = append(h.parts, p), crc32.Update(h.Sum, crc32.IEEETable, p.Octets)
	}
	return all, nil
}

// Names calls f with the numbers of each name of a period, and also with those of all.
func (r *CountReader) Names(ctx context.Context, p Period, f func(kind, name string, sums *counts.Sums) error) error {
	query := fmt.Sprintf("SELECT kind, name, %s FROM %s WHERE at = ?", strings.Join(counts.FieldNames(), ", "), p.Length)
	return r.each(ctx, query, p, func(line *sql.Rows) error {
		var kind, name string
		var sums counts.Sums
		if err := scanSums(line, &sums, &kind, &name); err != nil {
			return err
		}
		return f(kind, name, &sums)
	})
}

// Facts calls f with the number of messages of each facts of a period.
func (r *CountReader) Facts(ctx context.Context, p Period, f func(counts.Facts, int64) error) error {
	query := fmt.Sprintf("SELECT org, dmarc, action, would, override, hint, rule, n FROM %s_facts WHERE at = ?", p.Length)
	return r.each(ctx, query, p, func(line *sql.Rows) error {
		var x counts.Facts
		var n int64
		if err := line.Scan(&x.Org, &x.DMARC, &x.Action, &x.Would, &x.Override, &x.Hint, &x.Rule, &n); err != nil {
			return err
		}
		return f(x, n)
	})
}

func (r *CountReader) each(ctx context.Context, query string, p Period, f func(*sql.Rows) error) error {
	lines, err := r.db.QueryContext(ctx, query, p.At.Unix())
	if err != nil {
		return err
	}
	return eachLineOf(lines, f)
}
