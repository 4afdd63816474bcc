package reportsending

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dmarc"
)

// Times of the work.
const (
	// closeAfter is how long after its end a day is closed.
	closeAfter = 5 * time.Minute
	// returnTime is how long no day is closed after the store was away. All nodes look dead
	// then that count messages, and this is the time in which they add what they have.
	returnTime = 2 * time.Minute
	// giveUp is how long after its period a report is tried.
	giveUp = 48 * time.Hour
	// step is how often the work looks for what is due, and leaseWait how often another
	// node tries to take it over.
	step      = 10 * time.Second
	leaseWait = 20 * time.Second
	// lookupTime bounds the lookups for one delivery, and claimTime a delivery as a whole.
	lookupTime = 30 * time.Second
	claimTime  = 15 * time.Minute
	// stopTime is how long a delivery under way goes on when the work is to end.
	stopTime = 5 * time.Second
	// bounceTime is how long after a delivery a bounce may come.
	bounceTime = 6 * 24 * time.Hour
)

// Options make a Sender. All but Sign, Exclusive, Now, NewID and Log are required.
type Options struct {
	Store Store
	// OpenStore returns the store when it is needed, in place of Store: a database may be
	// away when the service starts.
	OpenStore func(context.Context) (Store, error)
	Settings  Settings
	DNS       dmarc.Resolver
	DMARC     dmarc.Options
	// Submit hands a message to the MTA.
	Submit func(context.Context, *submission.Message) submission.Answer
	// Sign signs a message; nil to leave that to the MTA.
	Sign func(context.Context, []byte) ([]byte, error)
	// Exclusive calls a function while no other node does, and reports whether it did; nil
	// if there is no other node.
	Exclusive func(context.Context, func(context.Context) error) (bool, error)
	// Node and Generator name this node and this program.
	Node, Generator string
	Now             func() time.Time
	// NewID returns a new identifier of a report, 32 hexadecimal digits.
	NewID func() string
	Log   *zap.Logger
}

// Sender makes reports and sends them.
type Sender struct {
	o    Options
	pace *pace
	// sleep waits, and claim is how long a claim lasts. Tests have others.
	sleep func(context.Context, time.Duration)
	claim time.Duration

	mu    sync.Mutex
	stats Stats

	// Only the work uses these.
	told   map[string]bool // what was logged once
	latest time.Time       // what the clock showed last
	away   time.Time       // when the store was found away last
}

// New returns a Sender. It does nothing before Run.
func New(o Options) (*Sender, error) {
	o.Settings = o.Settings.withDefaults()
	s := &o.Settings
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = reports.NewID
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if _, problem := parseURI("mailto:" + s.From); problem != "" || s.Submitter == "" || s.Email == "" {
		return nil, fmt.Errorf("reports: submitter %q, email %q and from %q are needed", s.Submitter, s.Email, s.From)
	}
	return &Sender{
		o: o, pace: newPace(s), sleep: sleep, claim: claimTime, told: map[string]bool{}, stats: newStats(),
	}, nil
}

// Run makes and sends reports until ctx ends. A delivery under way is ended within a few
// seconds then.
func (s *Sender) Run(ctx context.Context) {
	for ctx.Err() == nil {
		held, err := s.open(ctx)
		if err == nil {
			held, err = s.exclusive(ctx)
		}
		s.setLease(false)
		switch {
		case err != nil && !held:
			s.away = s.o.Now()
		case !held:
			err = s.follow(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			s.trouble(err)
		case held && ctx.Err() == nil:
			continue
		}
		s.sleep(ctx, leaseWait)
	}
}

// follow notes what another node sends. The counts are those of all nodes.
func (s *Sender) follow(ctx context.Context) error {
	err := s.count(ctx)
	if err == nil {
		s.recovered()
	}
	return err
}

// open opens the store if that was not done yet.
func (s *Sender) open(ctx context.Context) (opened bool, err error) {
	if s.o.Store == nil {
		s.o.Store, err = s.o.OpenStore(ctx)
		if err != nil {
			s.o.Store = nil
		}
	}
	return s.o.Store != nil, err
}

// exclusive works while no other node does.
func (s *Sender) exclusive(ctx context.Context) (bool, error) {
	if s.o.Exclusive == nil {
		s.setLease(true)
		return true, s.work(ctx)
	}
	return s.o.Exclusive(ctx, func(ctx context.Context) error {
		s.setLease(true)
		return s.work(ctx)
	})
}

// work makes and sends reports until ctx ends or the store fails.
func (s *Sender) work(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.Step(ctx); err != nil {
			return err
		}
		s.sleep(ctx, step)
	}
	return nil
}

// Step does what is due: it closes days, ends deliveries without a bounce, and sends what
// has its time. The error is that of the store.
func (s *Sender) Step(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal error: %v", v)
			s.o.Log.Error("panic while reports were sent", zap.Any("panic", v), zap.Stack("stack"))
		}
	}()
	// A report that cannot be made must not keep others from being sent.
	if err := errors.Join(s.closeDays(ctx), s.settle(ctx), s.turnedBack(ctx), s.sendDue(ctx)); err != nil {
		return err
	}
	s.recovered()
	return s.count(ctx)
}

// settle ends deliveries that no bounce came for.
func (s *Sender) settle(ctx context.Context) error {
	_, err := s.o.Store.Settle(ctx, s.o.Now().Add(-bounceTime))
	return err
}

// turnedBack has deliveries tried again that wait for a time which a clock far ahead has set:
// at the start, and after it was set back.
func (s *Sender) turnedBack(ctx context.Context) error {
	now := s.o.Now()
	before := s.latest
	s.latest = now
	if !before.IsZero() && now.After(before.Add(-time.Minute)) {
		return nil
	}
	n, err := s.o.Store.TurnBack(ctx, now)
	switch {
	case err != nil:
		s.latest = time.Time{} // ask again
	case n > 0:
		s.o.Log.Warn("the clock was ahead, and reports waited for it; they are tried now", zap.Int64("deliveries", n))
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// trouble logs the first failure since reports could be sent, and keeps what it is.
func (s *Sender) trouble(err error) {
	s.mu.Lock()
	first := s.stats.Trouble == ""
	s.stats.Trouble = cmp.Or(err.Error(), "unknown")
	s.mu.Unlock()
	if first {
		s.o.Log.Error("reports cannot be sent for now; they wait", zap.Error(err))
	}
}

// recovered logs that reports can be sent again, if they could not.
func (s *Sender) recovered() {
	s.mu.Lock()
	before := s.stats.Trouble
	s.stats.Trouble = ""
	s.mu.Unlock()
	if before != "" {
		s.o.Log.Info("reports are sent again")
	}
}

// once reports whether something is logged for the first time.
func (s *Sender) once(key string) bool {
	const most = 10000
	if s.told[key] {
		return false
	}
	if len(s.told) >= most {
		clear(s.told)
	}
	s.told[key] = true
	return true
}
