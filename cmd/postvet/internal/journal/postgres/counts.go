package postgres

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// The columns of the tables of counts.
var (
	nameColumns = "at, node, kind, name, " + strings.Join(counts.FieldNames(), ", ")
	factColumns = "at, node, org, dmarc, action, would, override, hint, rule, n"
)

// sendCounts sends the counts of all hours and days that have changed.
func (s *Shipper) sendCounts(ctx context.Context) error {
	if time.Since(s.counted) < countsEvery {
		return nil
	}
	r, err := s.spool.OpenCounts(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.opt.Logger.Warn("the counts of the journal cannot be read, so that they are not sent", zap.Error(err))
		s.counted = time.Now()
		return nil
	}
	defer r.Close()
	if err := s.session.recallDays(ctx, s.opt.now()); err != nil {
		return err
	}
	for _, length := range sqlite.Lengths {
		for {
			p, ok, err := r.Next(ctx, length, s.session.counted[length], s.session.newestDay, s.opt.now())
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			names := func(f func(kind, name string, sums *counts.Sums) error) error { return r.Names(ctx, p, f) }
			facts := func(f func(counts.Facts, int64) error) error { return r.Facts(ctx, p, f) }
			if err := s.session.sendPeriod(ctx, p, names, facts); err != nil {
				return err
			}
		}
	}
	if err := s.sendRecent(ctx, r); err != nil {
		return err
	}
	s.counted = time.Now()
	return nil
}

// countsEvery is how often it is looked for counts to send.
const countsEvery = 10 * time.Second

// Each sending of an hour that is not over takes the place of the one before. So the next one
// waits for recentEvery for each name, and at most for maxRecentEvery.
const (
	recentEvery    = 30 * time.Millisecond
	maxRecentEvery = 10 * time.Minute
)

// recentHour is what was sent of an hour that was not over.
type recentHour struct {
	sum  uint32
	next time.Time // when more may be sent
}

// sendRecent sends what hours have that are not over, if it has changed. When such an hour is
// over, the whole takes its place.
func (s *Shipper) sendRecent(ctx context.Context, r *sqlite.CountReader) error {
	hours, err := r.Recent(ctx)
	if err != nil {
		return err
	}
	sent := map[int64]recentHour{} // of the present hours alone
	for i := range hours {
		h := &hours[i]
		last := s.session.recent[h.At.Unix()]
		if now := time.Now(); last.sum != h.Sum && !now.Before(last.next) {
			names, err := s.session.sendHour(ctx, h)
			if err != nil {
				return err
			}
			last = recentHour{h.Sum, now.Add(min(time.Duration(names)*recentEvery, maxRecentEvery))}
		}
		sent[h.At.Unix()] = last
	}
	s.session.recent = sent
	return nil
}

// sendHour sends what an hour has that is not over, and returns the number of its names.
func (s *session) sendHour(ctx context.Context, recent *sqlite.RecentHour) (sent int, err error) {
	h, err := recent.Counts()
	if err != nil {
		return 0, err
	}
	names := func(f func(kind, name string, sums *counts.Sums) error) error {
		return h.EachRow(func(kind, name string, sums *counts.Sums) error {
			sent++
			return f(kind, name, sums)
		})
	}
	err = s.sendPeriod(ctx, sqlite.Period{Length: "hour", At: h.At, N: h.All, Missing: h.Missing}, names, h.EachFacts)
	return sent, err
}

// recallDays removes the days that were sent while the clock of the node was ahead, since they
// are not over: what they lack would not be counted before their end.
func (s *session) recallDays(ctx context.Context, now time.Time) error {
	over := now.Add(-24 * time.Hour)
	if !s.newestDay.After(over) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	database, err := databaseTime(ctx, s.conn)
	if err != nil {
		return fault(err)
	}
	if latest := database.Add(-24 * time.Hour); latest.After(over) {
		over = latest // the clock of the node may be behind now
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	for _, table := range []string{"day", "day_facts", "period"} {
		statement := "DELETE FROM postvet." + table + " WHERE node = $1 AND at > $2"
		if table == "period" {
			statement += " AND length = 'day'"
		}
		if _, err := s.conn.Exec(ctx, statement, s.node, over); err != nil {
			return fault(err)
		}
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	return s.readNewestDay(ctx)
}

// sendPeriod puts the counts of a period in the place of those that were sent before. names
// and facts call a function with each of them.
func (s *session) sendPeriod(ctx context.Context, p sqlite.Period, names func(func(kind, name string, sums *counts.Sums) error) error, facts func(func(counts.Facts, int64) error) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return err
	}
	for _, table := range []string{p.Length, p.Length + "_facts"} {
		if _, err := s.conn.Exec(ctx, "DELETE FROM postvet."+table+" WHERE at = $1 AND node = $2", p.At, s.node); err != nil {
			return fault(err)
		}
	}
	into := s.copier(ctx, p.Length, nameColumns)
	err := names(func(kind, name string, sums *counts.Sums) error {
		into.row(4 + len(sums))
		into.time(p.At)
		into.int32(s.node)
		into.text(kind)
		into.text(name)
		for _, n := range sums {
			into.int64(n)
		}
		return into.flush(maxOctets)
	})
	if err := errors.Join(err, into.flush(0)); err != nil {
		return err
	}
	into = s.copier(ctx, p.Length+"_facts", factColumns)
	err = facts(func(f counts.Facts, n int64) error {
		into.row(10)
		into.time(p.At)
		into.int32(s.node)
		for _, text := range []string{f.Org, f.DMARC, f.Action, f.Would, f.Override, f.Hint, f.Rule} {
			into.text(text)
		}
		into.int64(n)
		return into.flush(maxOctets)
	})
	if err := errors.Join(err, into.flush(0)); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, `INSERT INTO postvet.period VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (length, at, node) DO UPDATE SET n = excluded.n, missing = excluded.missing`, p.Length, p.At, s.node, p.N, p.Missing)
	if err != nil {
		return fault(err)
	}
	if p.Seq > 0 {
		_, err = s.conn.Exec(ctx, "INSERT INTO postvet.counted VALUES ($1, $2, $3) ON CONFLICT (node, length) DO UPDATE SET seq = excluded.seq", s.node, p.Length, p.Seq)
		if err != nil {
			return fault(err)
		}
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	if p.Seq > 0 {
		s.counted[p.Length] = p.Seq
	}
	if p.Length == "day" && p.At.After(s.newestDay) {
		s.newestDay = p.At
	}
	return nil
}

// copier copies rows in the binary format into a table, some at a time.
type copier struct {
	ctx       context.Context
	session   *session
	statement string
	b         []byte
}

func (s *session) copier(ctx context.Context, table, columns string) *copier {
	return &copier{ctx: ctx, session: s, statement: fmt.Sprintf("COPY postvet.%s (%s) FROM STDIN (FORMAT binary)", table, columns), b: append(s.room[:0], copyHeader...)}
}

func (c *copier) row(columns int)  { c.b = binary.BigEndian.AppendUint16(c.b, uint16(columns)) }
func (c *copier) int32(n int32)    { c.b = appendInt32(appendInt32(c.b, 4), n) }
func (c *copier) int64(n int64)    { c.b = binary.BigEndian.AppendUint64(appendInt32(c.b, 8), uint64(n)) }
func (c *copier) text(s string)    { c.b = appendText(c.b, []byte(s), maxIndex) }
func (c *copier) time(t time.Time) { c.int64(t.Sub(firstDay).Microseconds()) }

// flush copies the rows that there are if they have more octets.
func (c *copier) flush(octets int) error {
	if len(c.b) == len(copyHeader) || len(c.b) <= octets {
		return nil
	}
	c.b = append(c.b, 0xff, 0xff) // the end
	_, err := c.session.copy(c.ctx, c.b, c.statement)
	c.b = append(c.session.room[:0], copyHeader...)
	return fault(err)
}

// keepHours is how long hours are kept, as on the nodes.
const keepHours = 15 * 24 * time.Hour

// removeOldCounts removes counts that are too old by the time of the database.
func (s *session) removeOldCounts(ctx context.Context, now time.Time, keep time.Duration) error {
	for _, length := range sqlite.Lengths {
		lasts := keep
		if length == "hour" {
			lasts = min(cmp.Or(keep, keepHours), keepHours)
		}
		if lasts <= 0 {
			continue
		}
		before := now.Add(-lasts)
		if length == "hour" {
			before = before.UTC().Truncate(24 * time.Hour) // a day has all its hours or none
		}
		for _, statement := range []string{"DELETE FROM postvet." + length, "DELETE FROM postvet." + length + "_facts"} {
			if _, err := s.conn.Exec(ctx, statement+" WHERE at < $1", before); err != nil {
				return fault(err)
			}
		}
		if _, err := s.conn.Exec(ctx, "DELETE FROM postvet.period WHERE length = $1 AND at < $2", length, before); err != nil {
			return fault(err)
		}
	}
	return nil
}
