package reportfailures

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/redaction"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
)

// Options are the options of a Gatherer. Store and Destinations are needed.
type Options struct {
	Store    Store
	Settings Settings
	// Destinations looks up where a domain wants failure reports.
	Destinations func(ctx context.Context, domain string) reportsending.Destinations
	Now          func() time.Time
	// Fold is for how long failures that are alike are counted together; default 10
	// minutes.
	Fold time.Duration
	Log  *zap.Logger
}

// Gatherer gathers failures. A nil Gatherer gathers nothing. It is safe for concurrent use.
type Gatherer struct {
	o        Options
	settings atomic.Pointer[Settings]
	stop     context.CancelFunc
	done     chan struct{}

	mu     sync.Mutex
	open   map[string]*failure // by what they have in common
	ofOne  map[string]int      // how many are open, by policy domain
	secret []byte
	made   time.Time // the secret
	stats  Stats
	fails  bool // the store
}

// failure is a report that is open: messages may be added to it.
type failure struct {
	like   string
	domain string
	ruf    []string       // the addresses that the record had, for the end of the service
	fields report.Failure // of the first message
	sample message.Header
	left   int
	ready  bool // fields and sample are set

	first, last time.Time
	due         time.Time
	incidents   int64
}

// New returns a Gatherer that works until Close.
func New(o Options) *Gatherer {
	g := idle(o)
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go g.run(ctx)
	return g
}

// idle returns a Gatherer whose Step nobody calls.
func idle(o Options) *Gatherer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Fold <= 0 {
		o.Fold = foldTime
	}
	g := &Gatherer{o: o, done: make(chan struct{}), open: map[string]*failure{}, ofOne: map[string]int{}, stats: newStats()}
	g.settings.Store(&o.Settings)
	return g
}

// SetSettings has later messages follow other settings.
func (g *Gatherer) SetSettings(s Settings) {
	if g != nil {
		g.settings.Store(&s)
	}
}

// Add takes a message that has its verdict. It waits for nothing.
func (g *Gatherer) Add(res *result.Results, v *result.Verdict) {
	if g == nil {
		return
	}
	s := g.settings.Load()
	if s.Send == reportsending.Off {
		return
	}
	f := reporting.FailingOf(res, v, s.Own)
	g.mu.Lock()
	if f.Skip != "" {
		g.stats.Skipped[f.Skip]++
		g.mu.Unlock()
		return
	}
	x := g.count(s, &f)
	if x == nil {
		g.mu.Unlock()
		return
	}
	// Only the first message of its kind is told.
	key := g.key(f.Domain)
	g.mu.Unlock()
	results := key.Results(v.AuthenticationResults)
	fields := f.Report(res, v, key.Path, results)
	keepNothing(&fields)
	fields.UserAgent = s.Program
	if s.Host != "" {
		fields.ReportingMTA = "dns; " + s.Host
	}
	sample, left := key.Header(res.Header, redaction.Options{Subject: s.Subject, Paths: append([]string{res.MailFrom}, res.Recipients...)})
	if results != "" { // all of them, as what we add to the message; the report itself has one
		field := message.NewField(authres.FieldName, message.Fold(len(authres.FieldName)+1, results))
		sample = append(message.Header{field}, sample...)
	}
	g.mu.Lock()
	x.fields, x.sample, x.left, x.ready = fields, sample, left, true
	g.mu.Unlock()
}

// keepNothing has a report refer to nothing of the message, whose header may be large.
func keepNothing(f *report.Failure) {
	for _, s := range []*string{&f.DKIMDomain, &f.DKIMIdentity, &f.DKIMSelector, &f.OriginalMailFrom} {
		*s = strings.Clone(*s)
	}
	f.ReportedDomain = clone(f.ReportedDomain)
}

// count counts a failure. It returns the new report that it begins; nil if it begins none.
func (g *Gatherer) count(s *Settings, f *reporting.Failing) *failure {
	now := g.o.Now()
	like := f.Like()
	if x := g.open[like]; x != nil {
		x.incidents++
		x.last = now
		g.stats.Incidents++
		return nil
	}
	why := Why("")
	switch {
	case s.Excluded(f.Domain):
		why = WhyExcluded
	case s.Send == reportsending.Listed && !s.Known(f.Domain):
		why = WhyNotListed
	case len(g.open) >= maxOpen || g.ofOne[f.Domain] >= maxOfOne:
		why = WhyFull
	}
	if why != "" {
		g.stats.Dropped[why]++
		return nil
	}
	x := &failure{like: like, domain: strings.Clone(f.Domain), ruf: clone(f.RUF), first: now, last: now, due: now.Add(g.o.Fold), incidents: 1}
	g.open[like] = x
	g.ofOne[x.domain]++
	g.stats.Incidents++
	return x
}

// clone returns texts that keep nothing else in memory.
func clone(all []string) []string {
	c := make([]string, len(all))
	for i, s := range all {
		c[i] = strings.Clone(s)
	}
	return c
}

// key returns the key that replaces local parts in reports to a domain. The secret is in
// memory alone, so that nobody can find out later whose a hash is.
func (g *Gatherer) key(domain string) redaction.Key {
	if now := g.o.Now(); g.secret == nil || now.Sub(g.made) > keyTime || now.Before(g.made) {
		g.secret, g.made = make([]byte, 32), now
		_, _ = rand.Read(g.secret) // never fails
	}
	return redaction.NewKey(g.secret, domain)
}

// remove ends a report that is open.
func (g *Gatherer) remove(x *failure) {
	delete(g.open, x.like)
	if g.ofOne[x.domain]--; g.ofOne[x.domain] <= 0 {
		delete(g.ofOne, x.domain)
	}
}

// drop ends a report that is not sent.
func (g *Gatherer) drop(x *failure, why Why) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(x)
	g.stats.Dropped[why] += x.incidents
}

// Stats are counts since the start.
type Stats struct {
	// Reports were made, of Incidents messages, and of these Dropped are in none.
	Reports, Incidents int64
	Dropped            map[Why]int64
	// Skipped are messages without a failure report, by reason.
	Skipped map[reporting.Skip]int64
	// Open is how many reports are open now.
	Open int
}

func newStats() Stats { return Stats{Dropped: map[Why]int64{}, Skipped: map[reporting.Skip]int64{}} }

// Stats returns the present counts.
func (g *Gatherer) Stats() Stats {
	s := newStats()
	if g == nil {
		return s
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return s.Plus(g.stats, len(g.open))
}

// Plus returns the sum of counts, with what is open now.
func (s Stats) Plus(t Stats, open int) Stats {
	sum := newStats()
	sum.Reports, sum.Incidents, sum.Open = s.Reports+t.Reports, s.Incidents+t.Incidents, open
	for _, one := range []Stats{s, t} {
		for why, n := range one.Dropped {
			sum.Dropped[why] += n
		}
		for why, n := range one.Skipped {
			sum.Skipped[why] += n
		}
	}
	return sum
}
