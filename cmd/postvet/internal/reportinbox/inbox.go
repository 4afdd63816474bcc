// Package reportinbox reads the DMARC reports and TLS reports that come by mail to the
// addresses of report.inbox, and the bounces of our own reports.
//
// A [Message] is a copy of such a mail, made while the mail arrives. When its verdict was
// sent, [Inbox.Add] puts it in a queue, and one goroutine reads it. Mail never waits for
// that: copies and queue together have a bound in octets, and what is beyond is counted
// and not read.
//
// A mail looks like a bounce until its token is looked up, so that everybody can write
// many. Bounces have a queue and a bound in octets of their own, and reports are read
// however many of them come.
//
// Everybody can write to these addresses. What a report says is kept with the mail's own
// DMARC result, and nothing happens because of it.
package reportinbox

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/addrlist"
)

// Store keeps reports.
type Store interface {
	AddReceived(ctx context.Context, r *reports.Received) (reports.Outcome, error)
}

// Bounces knows the envelope senders of our reports, and reads what comes to them.
type Bounces interface {
	// IsBounce reports whether a recipient is such an address. It must return at once.
	IsBounce(recipient string) bool
	// Bounce reads a message with the null sender to such an address.
	Bounce(ctx context.Context, recipient string, message io.Reader) error
}

// Options are the options of an Inbox.
type Options struct {
	Store  Store
	Logger *zap.Logger
	// MaxMessage bounds a copy in octets, and MaxMemory all copies together. Default
	// 25 MB, as for reports in files, and 64 MB.
	MaxMessage, MaxMemory int64
	// MaxBounce is where the copy of a bounce is cut, whose report stands before the
	// message that came back. MaxBounces bounds the copies of all bounces together, within
	// MaxMemory. Default 256 KB, and an eighth of MaxMemory.
	MaxBounce, MaxBounces int64
	// MaxQueue bounds the messages that wait. Default 1000. Another quarter of it may be
	// bounces.
	MaxQueue int
	// MaxTime bounds the reading of a message. Default 10 s.
	MaxTime time.Duration
	// Retries are the pauses before a report is offered to a store again that failed.
	// Default 1, 4 and 15 s.
	Retries []time.Duration
}

// Inbox reads mail to certain addresses. It is safe for concurrent use. Nothing is
// copied before [Inbox.SetAddresses].
type Inbox struct {
	opt         Options
	addresses   atomic.Pointer[addrlist.Mailboxes]
	bounces     atomic.Pointer[Bounces]
	used        atomic.Int64 // octets of all copies
	usedBounces atomic.Int64 // those of bounces
	counts      counts
	queue       chan job
	bounceQueue chan job     // the bounces that wait
	lock        sync.RWMutex // of closed, against Add
	closed      bool
	stop        context.CancelFunc
	done        chan struct{}
}

// job is a message that waits.
type job struct {
	m *Message
	a Arrival
}

// Arrival is what is known of a message by its verdict.
type Arrival struct {
	Queue string
	At    time.Time
	// Author is the author's domain, and Result the result of DMARC or
	// [reports.ResultExempt].
	Author, Result string
}

// New returns an inbox that reads. Close must be called.
func New(o Options) *Inbox {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 25 << 20
	}
	if o.MaxMemory <= 0 {
		o.MaxMemory = 64 << 20
	}
	if o.MaxBounce <= 0 {
		o.MaxBounce = 256 << 10
	}
	if o.MaxBounces <= 0 {
		o.MaxBounces = o.MaxMemory / 8
	}
	if o.MaxQueue <= 0 {
		o.MaxQueue = 1000
	}
	if o.MaxTime <= 0 {
		o.MaxTime = 10 * time.Second
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{time.Second, 4 * time.Second, 15 * time.Second}
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Inbox{opt: o, queue: make(chan job, o.MaxQueue), bounceQueue: make(chan job, max(1, o.MaxQueue/4)), stop: stop, done: make(chan struct{})}
	go b.work(ctx)
	return b
}

// SetAddresses sets the addresses whose mail is read. A nil Inbox reads none.
func (b *Inbox) SetAddresses(m *addrlist.Mailboxes) {
	if b != nil {
		b.addresses.Store(m)
	}
}

// SetBounces sets who reads bounces of our reports; nil for nobody.
func (b *Inbox) SetBounces(x Bounces) {
	switch {
	case b == nil:
	case x == nil:
		b.bounces.Store(nil)
	default:
		b.bounces.Store(&x)
	}
}

// Copy begins a copy of a message for the sake of a recipient. It is nil if the mail to the
// recipient is not read.
func (b *Inbox) Copy(recipient string) *Message {
	if b == nil {
		return nil
	}
	if b.addresses.Load().Has(recipient) {
		return &Message{inbox: b}
	}
	if x := b.bounces.Load(); x != nil && (*x).IsBounce(recipient) {
		return &Message{inbox: b, bounce: recipient}
	}
	return nil
}

// Add has a copy read. The inbox takes it over.
func (b *Inbox) Add(m *Message, a Arrival) {
	if !m.state.CompareAndSwap(open, taken) {
		return
	}
	b.lock.RLock()
	defer b.lock.RUnlock()
	queue := b.queue
	if m.IsBounce() {
		queue = b.bounceQueue
	}
	result := m.lost
	if result == "" {
		result = Overload
		if !b.closed {
			select {
			case queue <- job{m, a}:
				return
			default:
			}
		}
	}
	m.release()
	b.lose(m, a, result)
}

// lose counts and logs a message that is not read.
func (b *Inbox) lose(m *Message, a Arrival, r Result) {
	b.counts.add(m.kind(), r)
	b.opt.Logger.Warn("mail to report.inbox was not read", zap.String("queue", a.Queue), zap.String("reason", string(r)))
}

// Close reads what waits, until the context ends.
func (b *Inbox) Close(ctx context.Context) {
	if b == nil {
		return
	}
	b.lock.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
		close(b.bounceQueue)
	}
	b.lock.Unlock()
	select {
	case <-b.done:
	case <-ctx.Done():
	}
	b.stop()
	<-b.done
}
