package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/foreign"
)

// Options are the options of a Shipper. Database, Node and Directory are needed.
type Options struct {
	Database *Database
	// Node is the name of this node, which no other has, and Version that of Postvet.
	Node, Version string
	// Directory is that of the journal.
	Directory string
	// All has rows of accepted mail sent too.
	All bool
	// Keep is how long the database keeps what was sent.
	Keep Keep
	// AutoMigrate has the tables made and changed without being asked.
	AutoMigrate bool
	// Logger receives a line when sending begins to fail, and one when it works again.
	Logger *zap.Logger
	// Rate bounds the rows a second. Default 20,000.
	Rate int
	// every is the time between rounds; default 1s. wait bounds the times between
	// attempts; default 1s to 5m.
	every, waitMin, waitMax time.Duration
	// now is the clock by which days of counts are over; default time.Now.
	now func() time.Time
}

// Keep is how long a database keeps what was sent, 0 for ever.
type Keep struct {
	// Rows are those of a class, and Counts those of days.
	Rows   [rows.Classes]time.Duration
	Counts time.Duration
	// ClientAfter is how long rows of a day that is over name their clients.
	ClientAfter time.Duration
}

// Shipper sends the rows of a node to the database until Close. A nil Shipper sends
// nothing.
type Shipper struct {
	opt   Options
	spool *sqlite.Spool
	stop  context.CancelFunc
	last  chan context.Context // of the last round
	done  chan struct{}

	patterns atomic.Bool  // what was learned may have changed
	rounds   atomic.Int64 // that have sent all there was
	health   atomic.Pointer[func() Health]

	mu      sync.Mutex
	stats   Stats
	current time.Time           // all that was written before it is sent
	marks   map[int64]rows.Mark // by file; nil if they are not known

	// Only the goroutine uses these.
	session session
	holder  string // of leases
	wait    time.Duration
	counted time.Time // when counts were sent
	upkeep  time.Time // when partitions were looked after
	damaged map[rows.Part]bool
}

// Stats are the counts of a shipper since its start.
type Stats struct {
	Node string
	// Shipped counts rows by class, and Failures attempts that failed. Lost counts rows
	// that were removed from the node before they were sent.
	Shipped  [rows.Classes]int64
	Lost     [rows.Classes]int64
	Failures int64
	// Trouble says why sending fails at present, and since when; "" if it does not.
	Trouble string
	Since   time.Time
	// Lag is the age of the oldest row that may wait.
	Lag time.Duration
}

// NewShipper returns a shipper that sends until Close.
func NewShipper(o Options) *Shipper {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Rate <= 0 {
		o.Rate = 20_000
	}
	if o.every <= 0 {
		o.every = time.Second
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.waitMin <= 0 {
		o.waitMin, o.waitMax = time.Second, 5*time.Minute
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Shipper{
		opt: o, spool: sqlite.NewSpool(o.Directory), stop: cancel, last: make(chan context.Context, 1), done: make(chan struct{}),
		stats: Stats{Node: o.Node}, current: time.Now(), session: session{id: rand.Int64()}, damaged: map[rows.Part]bool{}, holder: NewHolder(o.Node),
	}
	go s.run(ctx)
	return s
}

// Close sends what was written, if sending works and ctx gives the time, and ends.
func (s *Shipper) Close(ctx context.Context) {
	if s == nil {
		return
	}
	select {
	case s.last <- ctx:
	default: // closed before
	}
	s.stop()
	<-s.done
}

// Stats returns the present counts.
func (s *Shipper) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Lag = max(0, time.Since(s.current))
	return st
}

// SetKeep changes how long the database keeps what was sent.
func (s *Shipper) SetKeep(keep Keep) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Keep = keep
}

func (s *Shipper) keep() Keep {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opt.Keep
}

// lastTime bounds the last round.
const lastTime = 3 * time.Second

// run is the goroutine.
func (s *Shipper) run(ctx context.Context) {
	defer close(s.done)
	defer s.session.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			// A database that does not answer is not waited for.
			if last := <-s.last; s.Stats().Trouble == "" {
				last, cancel := context.WithTimeout(last, lastTime)
				s.counted = time.Time{} // the last hour too
				s.attempt(last)
				cancel()
			}
			return
		case <-timer.C:
			timer.Reset(s.attempt(ctx))
		}
	}
}

// attempt sends all there is, and returns the time until the next attempt.
func (s *Shipper) attempt(ctx context.Context) time.Duration {
	err := s.guarded(ctx)
	if err == nil {
		s.works()
		s.rounds.Add(1)
		return s.opt.every
	}
	s.session.close()
	if ctx.Err() != nil {
		return 0
	}
	s.failed(err)
	s.wait = min(max(2*s.wait, s.opt.waitMin), s.opt.waitMax)
	// Nodes that failed together do not try together.
	return s.wait*3/4 + time.Duration(rand.Int64N(int64(s.wait)/2+1))
}

// failed tells a failure once.
func (s *Shipper) failed(err error) {
	why := foreign.Terminal(err.Error(), 500)
	s.mu.Lock()
	s.stats.Failures++
	first := s.stats.Trouble == ""
	s.stats.Trouble = why
	if first {
		s.stats.Since = time.Now()
	}
	s.mu.Unlock()
	if first {
		s.opt.Logger.Warn("the journal cannot be sent to PostgreSQL; mail is not affected, and what waits is kept for journal.spool_keep", zap.String("error", why))
	}
}

func (s *Shipper) works() {
	s.wait = 0
	s.mu.Lock()
	failed, since := s.stats.Trouble != "", s.stats.Since
	s.stats.Trouble, s.stats.Since = "", time.Time{}
	s.mu.Unlock()
	if failed {
		s.opt.Logger.Info("the journal is sent to PostgreSQL again", zap.Duration("after", time.Since(since).Round(time.Second)))
	}
}

// Unshipped returns the number of rows of a part that were not sent, or may not have been
// if that is not known since the start.
func (s *Shipper) Unshipped(ctx context.Context, p rows.Part) int64 {
	if s == nil || p.Class == rows.Accepted && !s.opt.All {
		return 0
	}
	file, err := s.spool.Open(ctx, p)
	if err != nil {
		return 0
	}
	defer file.Close()
	s.mu.Lock()
	mark := s.marks[file.ID]
	s.mu.Unlock()
	n, err := file.Left(ctx, mark)
	if err != nil {
		return 0
	}
	return n
}

// Removed counts rows that were removed before they were sent.
func (s *Shipper) Removed(c rows.Class, n int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Lost[c] += n
}
