package reportsending

import (
	"cmp"
	"context"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// Bounces take the notifications that come back for reports. They are safe for concurrent
// use, on every node.
type Bounces struct {
	Settings Settings
	Store    BounceStore
	Now      func() time.Time
	Log      *zap.Logger
}

// BounceStore is what Bounces need of a store.
type BounceStore interface {
	suppressions
	ByToken(ctx context.Context, token string) (reportstore.Sent, bool, error)
	Change(ctx context.Context, d reports.Delivery, from ...reports.State) (bool, error)
}

// NewBounces returns Bounces for the settings of a Sender. Now and log may be nil.
func NewBounces(s Settings, store BounceStore, now func() time.Time, log *zap.Logger) *Bounces {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = zap.NewNop()
	}
	return &Bounces{Settings: s.withDefaults(), Store: store, Now: now, Log: log}
}

// Meaning is what a message to one of our envelope senders means.
type Meaning string

// The meanings.
const (
	NotOurs     Meaning = "not-ours"  // the recipient is no valid envelope sender
	NoBounce    Meaning = "no-bounce" // it tells of no failure
	BounceFails Meaning = "failed"    // the address gets no reports for a time
	BounceElse  Meaning = "elsewhere" // an address behind the address failed
	BounceLater Meaning = "delayed"   // the MTA goes on trying
	BounceTwice Meaning = "known"     // the delivery had ended before
)

// IsBounce reports whether an address has the form of our envelope senders. It asks
// no store.
func (b *Bounces) IsBounce(recipient string) bool { return b.Settings.token(recipient) != "" }

// Known reports whether a recipient is the envelope sender of a report that was sent. The
// error is that of the store.
func (b *Bounces) Known(ctx context.Context, recipient string) (bool, error) {
	token := b.Settings.token(recipient)
	if token == "" {
		return false, nil
	}
	_, found, err := b.Store.ByToken(ctx, token)
	return found, err
}

// Bounce is Take for a message with the null sender that is read as a whole.
func (b *Bounces) Bounce(ctx context.Context, recipient string, message io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(message, maxNotification))
	if err == nil {
		_, err = b.Take(ctx, recipient, data)
	}
	return err
}

// Take reads a message with the null sender and notes what it says. The error is that of
// the store.
func (b *Bounces) Take(ctx context.Context, recipient string, data []byte) (Meaning, error) {
	token := b.Settings.token(recipient)
	if token == "" {
		return NotOurs, nil
	}
	sent, found, err := b.Store.ByToken(ctx, token)
	if err != nil {
		return "", err
	}
	if !found {
		return NotOurs, nil
	}
	n := ParseNotification(data)
	switch n.Action {
	case Failed:
		return b.failed(ctx, &sent.Report, &sent.Delivery, &n)
	case Delayed:
		return BounceLater, nil
	}
	return NoBounce, nil
}

// failed notes that a delivery failed.
func (b *Bounces) failed(ctx context.Context, r *reports.Report, d *reports.Delivery, n *Notification) (Meaning, error) {
	if n.Recipient != "" && !strings.EqualFold(n.Recipient, d.Address) {
		b.Log.Info("a report bounced behind its address", zap.String("report", d.Report), zap.String("address", d.Address), zap.String("recipient", n.Recipient),
			zap.String("status", n.Status), zap.String("text", n.Text))
		return BounceElse, nil
	}
	if d.State.Final() && d.State != reports.Done {
		return BounceTwice, nil
	}
	o := outcome{status: n.Status, text: cmp.Or(n.Text, "a bounce came back")}
	o.suppress, o.strike = verdictOf(n.Status)
	now := b.Now().UTC()
	if err := suppress(ctx, b.Store, b.Log, now, d.Address, "bounce", &o); err != nil {
		return "", err
	}
	if d.State == reports.Sending { // it came before the sender has noted that the MTA took the report
		d.Attempts++
	}
	d.Code = 0 // it was that of our MTA, which took the report
	d.State, d.Status, d.Text, d.Changed = reports.Bounced, n.Status, o.text, now
	if _, err := b.Store.Change(ctx, *d, reports.Sending, reports.Queued, reports.Deferred, reports.Done); err != nil {
		return "", err
	}
	b.Log.Info("report delivery", fieldsOf(d, r)...)
	return BounceFails, nil
}
