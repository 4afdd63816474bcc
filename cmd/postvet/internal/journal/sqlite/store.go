package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/filelock"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// Options are the options of a Store. Dir is needed.
type Options struct {
	Dir string
	// Logger receives a line for each file that is set aside, and for days that are
	// removed. Default: none.
	Logger *zap.Logger
	// Keep is how long rows of a class are kept, 0 for ever.
	Keep [rows.Classes]time.Duration
	// KeepCounts is how long counts are kept, 0 for ever.
	KeepCounts time.Duration
	// MaxSize bounds the octets of all files, and MinFree the share of the file system
	// that stays free; 0 for no bound. The oldest day of accepted mail goes first.
	MaxSize int64
	MinFree float64
	// ClientAfter is how long after its end a day loses what names its clients; 0 for never.
	ClientAfter time.Duration
	// Sync has each transaction wait until the disk has it. Without it a loss of power may
	// cost what was written since the last Tick.
	Sync bool
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Store is a store of the journal in a directory.
type Store struct {
	opt  Options
	log  *zap.Logger
	lock *os.File
	keys keys

	mu          sync.Mutex // of generations and options
	generations []rows.Generation
	spoolKeep   time.Duration
	sender      Sender // nil for none
	added       bool   // generations that the open files may not have

	// Only the writer uses these.
	open    [rows.Classes]*database
	state   *state    // nil until it is needed
	renewed bool      // the state file lacks what was counted in this hour
	written bool      // since the last Tick
	kept    time.Time // when keep ran last

	group  sync.WaitGroup // of keep in the background
	busy   chan struct{}  // holds a token while it runs
	sealed map[string]bool
	hidden map[string]bool // days that name no clients any more
	ctx    context.Context // ends with the store
	cancel context.CancelFunc
}

// Open opens a directory and creates it if needed. It refuses one on a network, and one
// that another process writes.
func Open(o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if kind := networkOf(o.Dir); kind != "" {
		return nil, fmt.Errorf("%s is on a network (%s), where SQLite's locks and shared memory do not work; name a directory on a local disk", o.Dir, kind)
	}
	l, err := lock(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{opt: o, log: o.Logger, lock: l, keys: keys{dir: o.Dir}, busy: make(chan struct{}, 1), sealed: map[string]bool{}, hidden: map[string]bool{}, kept: o.Now().Add(10*time.Minute - keepEvery)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// SetOptions changes how long rows, counts and clients are kept and how much room they may
// take.
func (s *Store) SetOptions(keep [rows.Classes]time.Duration, counts, clientAfter time.Duration, maxSize int64, minFree float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Keep, s.opt.KeepCounts, s.opt.ClientAfter, s.opt.MaxSize, s.opt.MinFree = keep, counts, clientAfter, maxSize, minFree
}

// maxGenerations bounds the generations that are written into the file of a new day.
const maxGenerations = 8

// AddGeneration has the rules that are in force from now on kept beside the rows. It may
// be called by any goroutine.
func (s *Store) AddGeneration(g rows.Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generations = append(s.generations, g)
	s.generations = s.generations[max(0, len(s.generations)-maxGenerations):]
	s.added = true
}

// Key returns the secret for the hashes of a time.
func (s *Store) Key(at time.Time) (*rows.Key, error) { return s.keys.of(at, true) }

// Write keeps all rows of a batch or none of them. A batch over midnight is kept in parts, and rows that
// were kept are skipped when it is tried again.
func (s *Store) Write(c rows.Class, b *rows.Batch) error {
	if err := s.writeGenerations(); err != nil {
		return err
	}
	s.written = true
	var current *database
	defer func() { // also if it ends in a panic
		if current != nil {
			current.rollBack()
		}
	}()
	err := b.Each(func(rec *rows.Record) error {
		at := result.Reference(rec[rows.ColRef].Int).Time()
		if current == nil || at.Before(current.day) || !at.Before(current.day.Add(24*time.Hour)) {
			if current != nil {
				if err := current.commit(); err != nil {
					return err
				}
			}
			next, err := s.databaseOf(at, c)
			current = next
			if err != nil {
				return err
			}
			if err := current.begin(); err != nil {
				return err
			}
		}
		return current.add(rec)
	})
	if current == nil {
		return err
	}
	if err == nil {
		if err = current.commit(); err == nil {
			current = nil
			return nil
		}
	}
	if why := classify(err); errors.Is(why, errDamaged) {
		s.replace(current, why)
		current = nil
	}
	return err
}

// databaseOf returns the open database for a time and class, and closes that of another
// day.
func (s *Store) databaseOf(at time.Time, c rows.Class) (*database, error) {
	f := fileOf(s.opt.Dir, at, c)
	if d := s.open[c]; d != nil {
		switch {
		case d.path != f.path:
		case d.isAt(f.path):
			return d, nil
		default:
			s.toldGone(f)
		}
		s.open[c] = nil
		_ = d.close()
	}
	s.mu.Lock()
	generations := s.generations
	s.mu.Unlock()
	d, err := open(f, generations)
	if errors.Is(err, errDamaged) || errors.Is(err, errNewer) {
		if err := s.setAside(f, err); err != nil {
			return nil, err
		}
		d, err = open(f, generations)
	}
	if err != nil {
		return nil, err
	}
	if err := s.synchronize(d.connection); err != nil {
		return nil, errors.Join(err, d.close())
	}
	s.open[c] = d
	return d, nil
}

// toldGone says that a file was removed by somebody else.
func (s *Store) toldGone(f file) {
	s.log.Error("a file of the journal was removed or replaced while it was written; what it had is lost, and it is begun anew", zap.String("file", f.path))
}

// synchronize sets whether transactions wait for the disk.
func (s *Store) synchronize(c connection) error {
	if !s.opt.Sync {
		return nil
	}
	return c.exec("PRAGMA synchronous = FULL")
}

// replace closes a damaged database and sets it aside. The next write begins a new one.
func (s *Store) replace(d *database, why error) {
	s.open[d.class] = nil
	_ = d.close()
	_ = s.setAside(d.file, why)
}

func (s *Store) setAside(f file, why error) error {
	word := "damaged"
	if errors.Is(why, errNewer) {
		word, why = "newer", errMoved
	}
	name, err := f.setAside(word)
	if err != nil {
		s.log.Error("a file of the journal can be neither used nor set aside", zap.String("file", f.path), zap.NamedError("reason", why), zap.Error(err))
		return err
	}
	s.log.Error("a file of the journal was set aside, and a new one is begun", zap.String("file", f.path), zap.String("now", name), zap.Error(why))
	return nil
}

// writeGenerations adds new generations to the open files.
func (s *Store) writeGenerations() error {
	s.mu.Lock()
	generations, added := s.generations, s.added
	s.added = false
	s.mu.Unlock()
	if !added {
		return nil
	}
	for _, d := range s.open {
		if d == nil {
			continue
		}
		for _, g := range generations {
			if err := d.addGeneration(g); err != nil {
				s.mu.Lock()
				s.added = true
				s.mu.Unlock()
				return err
			}
		}
	}
	return nil
}

// Close closes the files and lets others use the directory.
func (s *Store) Close() error {
	s.cancel()
	s.group.Wait()
	var errs []error
	for c, d := range s.open {
		if d != nil {
			errs = append(errs, d.close())
			s.open[c] = nil
		}
	}
	return errors.Join(append(errs, s.closeState(), filelock.Unlock(s.lock), s.lock.Close())...)
}
