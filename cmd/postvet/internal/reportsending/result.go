package reportsending

import (
	"cmp"
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/foreign"
)

// retries are the times between attempts; the last one repeats.
var retries = []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}

// strikes are how long an address gets no reports, by how often in a row; fullTime is how
// long one whose mailbox is full gets none.
var strikes = []time.Duration{30 * 24 * time.Hour, 90 * 24 * time.Hour, 365 * 24 * time.Hour}

const fullTime = 7 * 24 * time.Hour

// later returns the outcome of a delivery whose turn has not come. It changes nothing else.
func later(when time.Time, d *reports.Delivery) outcome {
	state := reports.Deferred
	if d.Attempts == 0 && d.Text == "" {
		state = reports.New
	}
	return outcome{state: state, next: when}
}

// wait returns the outcome of a delivery that cannot be sent now, and may be later.
func wait(now time.Time, d *reports.Delivery, text string) outcome {
	return outcome{state: reports.Deferred, next: now.Add(retries[min(d.Attempts, len(retries)-1)]), text: text, tried: true}
}

// judge returns what an answer of the MTA means.
func (s *Sender) judge(ctx context.Context, a submission.Answer, d *reports.Delivery) outcome {
	now := s.o.Now()
	o := wait(now, d, a.Text)
	o.code, o.status = a.Code, a.Status
	switch {
	case a.Result == submission.Accepted:
		s.pace.taken(d.Address)
		o.state, o.next = reports.Queued, time.Time{}
		o.text = cmp.Or(a.Text, "accepted")
		return o
	case a.Result == submission.Lost:
		return o // the same message goes there again
	case !a.OfMessage() || a.Code == 0 || a.Code == 421 && !strings.HasPrefix(a.Status, "4.7."):
		// The MTA is away or shuts down, or refuses us as such. No address has anything to do
		// with it.
		o.tried = false
		o.next = s.pace.down(now)
		if a.Result == submission.Permanent && s.once("mta "+a.Text) {
			s.o.Log.Error("the MTA takes no reports from us; they wait", zap.String("stage", string(a.Stage)), zap.Int("code", a.Code),
				zap.String("status", a.Status), zap.String("text", a.Text))
		}
		return o
	case a.Result == submission.Temporary:
		if a.Code == 421 || a.Code == 450 || strings.HasPrefix(a.Status, "4.7.") {
			until := s.pace.refused(d.Address, now)
			if until.After(o.next) {
				o.next = until
			}
			// Each delivery asks for the pause again, so a failure here does no harm.
			_, _ = s.o.Store.Postpone(ctx, domainOf(d.Address), until)
		}
		return o
	case a.Stage != submission.Recipient || !ofAddress(a.Status):
		// Our own MTA refuses to relay, or refuses the sender or the content. All are for the
		// administrator to mend, and say nothing about the address.
		if s.once("refused " + a.Status) {
			s.o.Log.Warn("the MTA refuses a report", zap.String("report", d.Report), zap.String("address", d.Address), zap.String("stage", string(a.Stage)),
				zap.Int("code", a.Code), zap.String("status", a.Status), zap.String("text", a.Text))
		}
		return o
	}
	o.state, o.next = reports.Bounced, time.Time{}
	o.suppress, o.strike = verdictOf(a.Status)
	return o
}

// ofAddress reports whether a status says that an address, its mailbox or its host takes no
// mail (RFC 3463 sections 3.2, 3.3 and 3.5). Those of senders are none (5.1.7, 5.1.8), and
// MTAs that give no status say the same of an unknown address and of relaying.
func ofAddress(status string) bool {
	switch {
	case status == "5.1.7" || status == "5.1.8":
		return false
	case strings.HasPrefix(status, "5.1."), strings.HasPrefix(status, "5.2."), strings.HasPrefix(status, "5.4."):
		return true
	}
	return false
}

// verdictOf returns for how long an address whose mail was refused for good gets no
// reports, and whether that counts as a strike.
func verdictOf(status string) (how time.Duration, strike bool) {
	if strings.HasSuffix(status, ".2.2") { // RFC 3463: mailbox full
		return fullTime, false
	}
	return strikes[0], true
}

// byAdmin is who has set a suppression that stays.
const byAdmin = "admin"

// suppress keeps an address from getting reports for a time, longer with each strike. It
// leaves what an administrator has set.
func (s *Sender) suppress(ctx context.Context, address, by string, o *outcome) error {
	return suppress(ctx, s.o.Store, s.o.Log, s.o.Now().UTC(), address, by, o)
}

func suppress(ctx context.Context, store suppressions, log *zap.Logger, now time.Time, address, by string, o *outcome) error {
	x := reports.Suppression{Address: address, By: by, Since: now, Reason: foreign.Line(reason(o), maxText)}
	before, is, err := store.Suppression(ctx, address)
	switch {
	case err != nil:
		return err
	case is && before.By == byAdmin:
		return nil
	case is:
		x.Strikes = before.Strikes
	}
	lasts := o.suppress
	if o.strike {
		x.Strikes++
		lasts = strikes[min(x.Strikes, len(strikes))-1]
	}
	x.Until = now.Add(lasts)
	if err := store.Suppress(ctx, x); err != nil {
		return err
	}
	log.Warn("an address gets no reports for a time", zap.String("address", address), zap.Time("until", x.Until), zap.Int("strikes", x.Strikes),
		zap.String("by", by), zap.String("reason", x.Reason))
	return nil
}

func reason(o *outcome) string {
	if o.status != "" && !strings.HasPrefix(o.text, o.status) {
		return o.status + " " + o.text
	}
	return o.text
}
