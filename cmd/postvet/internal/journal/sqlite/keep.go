package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// keepEvery is how often days are sealed and removed.
const keepEvery = time.Hour

// Tick is what the journal calls once a minute. It writes the log of each open database into the
// database itself, closes those of days that are over, and once an hour has days sealed
// and removed in the background.
func (s *Store) Tick(time.Time) {
	now := s.opt.Now()
	for c, d := range s.open {
		switch {
		case d == nil:
		case now.Sub(d.day) > 24*time.Hour+5*time.Minute:
			s.open[c] = nil
			_ = d.close()
		case s.written:
			_ = d.exec("PRAGMA wal_checkpoint(PASSIVE)") // it is tried again
		}
	}
	if s.state != nil && s.written {
		_ = s.state.exec("PRAGMA wal_checkpoint(PASSIVE)")
	}
	s.written = false
	since := now.Sub(s.kept)
	if since >= 0 && since < keepEvery {
		return
	}
	// If the clock has jumped, nothing is removed by it until it has been right for
	// an hour.
	jumped := since < 0 || since > keepEvery+10*time.Minute
	s.kept = now
	if !jumped {
		s.trimRecords()
	}
	select {
	case s.busy <- struct{}{}:
	default:
		return // it still runs
	}
	s.group.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				s.log.Error("panic while days of the journal were removed or indexed", zap.Any("panic", v), zap.Stack("stack"))
			}
			<-s.busy
		}()
		s.keep(now, !jumped)
	})
}

// keep seals the days that are over, and removes those that are too old or for which there
// is no room.
func (s *Store) keep(now time.Time, remove bool) {
	all, err := files(s.opt.Dir)
	if err != nil {
		s.log.Warn("the journal's directory cannot be read", zap.Error(err))
		return
	}
	if remove {
		all = s.removeOld(all, now)
		s.mu.Lock()
		keep := s.opt.KeepCounts
		s.mu.Unlock()
		if err := keepCounts(s.ctx, s.opt.Dir, now, keep); err != nil && s.ctx.Err() == nil {
			s.log.Warn("old counts of the journal cannot be removed", zap.Error(err))
		}
	}
	for _, f := range all {
		if s.ctx.Err() != nil {
			return
		}
		if now.Sub(f.day) <= 24*time.Hour+10*time.Minute {
			continue
		}
		if !s.sealed[f.path] {
			if err := seal(s.ctx, f); err != nil && s.ctx.Err() == nil {
				s.log.Warn("a day of the journal could not be indexed; searches in it are slow", zap.String("file", f.path), zap.Error(err))
			}
			s.sealed[f.path] = true // or tried, until the next start
		}
		if remove {
			s.hideOld(f, now)
		}
	}
}

// hideOld takes from a day that is old enough what names its clients.
func (s *Store) hideOld(f file, now time.Time) {
	s.mu.Lock()
	after := s.opt.ClientAfter
	s.mu.Unlock()
	if after == 0 || now.Sub(f.day.Add(24*time.Hour)) <= after || s.hidden[f.path] {
		return
	}
	switch err := hideClients(s.ctx, f, now); {
	case err == nil:
		s.hidden[f.path] = true
	case s.ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist):
		s.log.Warn("a day of the journal still names its clients, against journal.client_after; it is tried again", zap.String("file", f.path), zap.Error(err))
	}
}

// removeOld removes days, and returns the files that are left.
func (s *Store) removeOld(all []file, now time.Time) []file {
	s.mu.Lock()
	keep, maxSize, minFree := s.opt.Keep, s.opt.MaxSize, s.opt.MinFree
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(f file) bool {
		age := now.Sub(f.day.Add(24 * time.Hour))
		return keep[f.class] > 0 && age > keep[f.class] && !s.spooled(f, age) && s.remove(f, "it is too old")
	})
	for maxSize > 0 && total(all)+stateFile(s.opt.Dir).size() > maxSize {
		rest, ok := s.removeOldest(all, now, "journal.max_size is exceeded")
		if !ok {
			break
		}
		all = rest
	}
	for minFree > 0 {
		free, size, ok := Space(s.opt.Dir)
		if !ok || float64(free) >= minFree*float64(size) {
			break
		}
		rest, ok := s.removeOldest(all, now, "less than journal.min_free is free")
		if !ok {
			break
		}
		all = rest
	}
	s.keys.removeOld(all, now)
	return all
}

// removeOldest removes the oldest day of accepted mail, or if there is none of the rest,
// but not the present day.
func (s *Store) removeOldest(all []file, now time.Time, why string) ([]file, bool) {
	for c := range rows.Class(rows.Classes) {
		for i, f := range slices.Backward(all) {
			if f.class == c && now.Sub(f.day) > 24*time.Hour && s.remove(f, why) {
				return slices.Delete(all, i, i+1), true
			}
		}
	}
	return all, false
}

func (s *Store) remove(f file, why string) bool {
	unsent := s.unsent(f)
	if err := f.remove(); err != nil {
		s.log.Warn("a day of the journal cannot be removed", zap.String("file", f.path), zap.Error(err))
		return false
	}
	s.log.Info("a day of the journal was removed", zap.String("file", f.path), zap.String("reason", why))
	if unsent > 0 {
		s.log.Warn("a day of the journal was removed before all of it was sent to PostgreSQL", zap.String("file", f.path), zap.Int64("messages", unsent))
		_, spool := s.spool()
		spool.Removed(f.class, unsent)
	}
	return true
}

func total(all []file) (n int64) {
	for _, f := range all {
		n += f.size()
	}
	return n
}

// seal makes the indexes of a day that is over, and leaves it in a single file.
func seal(ctx context.Context, f file) error {
	db, err := openFile(f.path, "rw", "cache_size(-16384)")
	if err != nil {
		return err
	}
	for _, statement := range append(createIndexes(f.class), "PRAGMA journal_mode(DELETE)") {
		if _, err = db.ExecContext(ctx, statement); err != nil {
			break
		}
	}
	return errors.Join(err, db.Close())
}
