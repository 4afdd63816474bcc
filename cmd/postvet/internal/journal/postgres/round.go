package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/result"
)

// guarded is round, but a panic is an error as any other.
func (s *Shipper) guarded(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal error: %v", v)
			s.opt.Logger.Error("panic while the journal was sent to PostgreSQL", zap.Error(err), zap.Stack("stack"))
		}
	}()
	return s.round(ctx)
}

// batchesAtOnce bounds the batches of a file before newer ones get their turn again.
const batchesAtOnce = 10

// round sends all rows that there are: those of the rest first, and of each class the newest
// day first.
func (s *Shipper) round(ctx context.Context) error {
	if s.session.conn == nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	if err := s.lookAfterPartitions(ctx); err != nil {
		return err
	}
	for {
		if err := s.tellHealth(ctx); err != nil {
			return err
		}
		began := time.Now()
		parts, err := s.spool.Parts()
		if err != nil {
			return err
		}
		more, sent, waiting := false, 0, began
		for _, p := range parts {
			if p.Class == rows.Accepted && !s.opt.All {
				continue
			}
			n, rest, last, err := s.sendPart(ctx, p)
			sent += n
			if err != nil {
				return err
			}
			if rest {
				more = true
				if last.Before(waiting) {
					waiting = last
				}
			}
		}
		s.mu.Lock()
		s.current = waiting
		s.mu.Unlock()
		if sent > 0 || more {
			s.works() // also if there is a lot to catch up
		}
		if !more {
			break
		}
	}
	if err := s.sendCounts(ctx); err != nil {
		return err
	}
	if err := s.sendPatterns(ctx); err != nil {
		return err
	}
	return s.alive(ctx)
}

// open opens the session.
func (s *Shipper) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	identity, err := s.spool.Identity()
	if err != nil {
		return err
	}
	if err := s.session.open(ctx, &s.opt, identity); err != nil {
		return err
	}
	s.SharePatterns()
	s.mu.Lock()
	s.marks = maps.Clone(s.session.marks)
	s.mu.Unlock()
	return nil
}

// sendPart sends rows of a part, and returns their number. If there is more, last is the
// time up to which they were sent.
func (s *Shipper) sendPart(ctx context.Context, p rows.Part) (sent int, more bool, last time.Time, err error) {
	stamp, known := s.spool.Stamp(p)
	if complete, ok := s.session.complete[p]; ok && known && stamp == complete {
		return 0, false, last, nil
	}
	delete(s.session.complete, p)
	file, err := s.spool.Open(ctx, p)
	if err != nil {
		s.unread(p, err)
		return 0, false, last, ctx.Err()
	}
	defer file.Close()
	keep := s.keep()
	hidden := keep.isHidden(p.Day, time.Now())
	for range batchesAtOnce {
		began := time.Now()
		b, err := s.session.read(ctx, p, file, hidden)
		if s.unread(p, err); err != nil {
			return sent, false, last, ctx.Err()
		}
		more = b.chunk.More
		last = result.Reference(b.chunk.Next.Ref).Time()
		if b.chunk.Rows == 0 && b.chunk.Next == b.from {
			if known {
				s.session.complete[p] = stamp
			}
			return sent, false, last, nil
		}
		if err := s.session.send(ctx, b); err != nil {
			return sent, false, last, err
		}
		sent += b.chunk.Rows
		s.mu.Lock()
		s.stats.Shipped[p.Class] += int64(b.chunk.Rows)
		s.marks[b.file] = b.chunk.Next
		s.mu.Unlock()
		if !more {
			break
		}
		least := time.Duration(b.chunk.Rows) * time.Second / time.Duration(s.opt.Rate)
		if err := sleep(ctx, least-time.Since(began)); err != nil {
			return sent, false, last, err
		}
	}
	return sent, more, last, nil
}

// unread tells once that a file of the node cannot be read. Others are sent all the same.
func (s *Shipper) unread(p rows.Part, err error) {
	switch {
	case err == nil:
		delete(s.damaged, p)
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, context.Canceled) && !s.damaged[p]: // not removed
		s.damaged[p] = true
		s.opt.Logger.Warn("a day of the journal cannot be read, so that its rows are not sent", zap.String("day", p.Day.Format(time.DateOnly)), zap.Stringer("class", p.Class), zap.Error(err))
	}
}

// read reads the next batch of a file. hidden rows name no client.
func (s *session) read(ctx context.Context, p rows.Part, file *sqlite.PartReader, hidden bool) (*batch, error) {
	b := &batch{part: p, file: file.ID, from: s.marks[file.ID], data: append(s.room[:0], copyHeader...)}
	var err error
	b.chunk, err = file.Read(ctx, b.from, maxRows, func(rec *rows.Record) error {
		if hidden {
			hide(&s.hider, rec)
		}
		b.data = appendRow(b.data, p.Day, s.node, rec)
		if len(b.data) > maxOctets {
			return sqlite.ErrEnough
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.data = append(b.data, 0xff, 0xff) // the end
	s.room = b.data
	if b.chunk.Rows == 0 {
		return b, nil
	}
	b.generations, err = file.Generations(ctx, func(id int64) bool { return s.generations[id] })
	return b, err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// aliveEvery is how often a node that sends nothing shows that it is alive, and upkeepEvery
// how often partitions are looked after.
const (
	aliveEvery  = 30 * time.Second
	upkeepEvery = 10 * time.Minute
)

// alive shows others that the node is alive, and itself that the database is.
func (s *Shipper) alive(ctx context.Context) error {
	if time.Since(s.session.seen) < aliveEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.session.begin(ctx); err != nil {
		return err
	}
	return s.session.commit(ctx)
}

// lookAfterPartitions makes the partitions of the next days and removes those of days that
// are too old, if no other node does.
func (s *Shipper) lookAfterPartitions(ctx context.Context) error {
	if time.Since(s.upkeep) < upkeepEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	conn := s.session.conn
	leases := Leases{Database: s.opt.Database, Holder: s.holder}
	_, held, err := leases.acquire(ctx, conn, "partitions")
	if err != nil {
		return err
	}
	s.upkeep = time.Now()
	if !held {
		return nil
	}
	defer leases.release(conn, "partitions")
	now, err := databaseTime(ctx, conn)
	if err != nil {
		return fault(err)
	}
	if err := makeAhead(ctx, conn, now); err != nil {
		return fault(err)
	}
	keep := s.keep()
	removed, err := removeOld(ctx, conn, now, keep.Rows)
	if len(removed) > 0 {
		clear(s.session.partitions)
		s.opt.Logger.Info("days of the journal in PostgreSQL were removed", zap.Strings("tables", removed))
	}
	if err != nil {
		return fault(err)
	}
	if err := s.session.removeOldCounts(ctx, now, keep.Counts); err != nil {
		return err
	}
	if err := s.session.removeOldPatterns(ctx, now, keep.Counts); err != nil {
		return err
	}
	done, err := hideClients(ctx, conn, now, keep)
	if !done {
		s.upkeep = time.Time{} // it goes on after the next rows
	}
	return fault(err)
}
