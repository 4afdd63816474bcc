package reportsending

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

// sendTime is for how long deliveries are sent before days are closed again.
const sendTime = time.Minute

// sendDue sends what has its time, at the pace of the settings. It returns after a while.
func (s *Sender) sendDue(ctx context.Context) error {
	for began := time.Now(); ctx.Err() == nil && time.Since(began) < sendTime; {
		now := s.o.Now()
		s.pace.turnedBack(now)
		if idle := s.pace.wait().Sub(now); idle > sendTime {
			return nil
		} else if idle > 0 {
			s.sleep(ctx, idle)
			continue
		}
		claimed, err := s.o.Store.Claim(ctx, now, 1, now.Add(s.claim))
		if err != nil || len(claimed) == 0 {
			return err
		}
		if err := s.deliver(ctx, &claimed[0].Delivery, &claimed[0].Report); err != nil {
			return err
		}
	}
	return nil
}

// deliver brings a claimed delivery to its next state. When the work is to end, it goes on
// for a moment: a message that the MTA is just taking would be sent twice.
func (s *Sender) deliver(ctx context.Context, d *reports.Delivery, r *reports.Report) error {
	inside, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime-time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t := time.NewTimer(stopTime)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-inside.Done():
		}
	})()
	if ok, when := s.pace.admit(d, s.o.Now()); !ok {
		return s.finish(inside, d, r, later(when, d))
	}
	o := s.attempt(inside, d, r)
	if !o.tried {
		s.pace.unused(d.Address, s.o.Now())
	}
	return s.finish(inside, d, r, o)
}

// outcome is what an attempt led to.
type outcome struct {
	state  reports.State
	next   time.Time
	tried  bool // the MTA was asked
	code   int
	status string
	text   string
	// suppress says for how long the address gets no reports; 0 for not.
	suppress time.Duration
	strike   bool
}

// end returns the outcome of a delivery that ends without being sent.
func end(state reports.State, format string, args ...any) outcome {
	return outcome{state: state, text: fmt.Sprintf(format, args...)}
}

// attempt looks at what has changed since the report was frozen, and submits it.
func (s *Sender) attempt(ctx context.Context, d *reports.Delivery, r *reports.Report) outcome {
	now := s.o.Now()
	switch {
	case now.After(r.End.Add(giveUp)):
		return end(reports.Expired, "not sent in %s after its period; the last answer: %s", giveUp, foreign.Cut(d.Text, 200))
	case s.o.Settings.Excluded(r.Domain):
		return end(reports.Withdrawn, "the administrator excludes %s", r.Domain)
	}
	if full, when, err := s.capped(ctx, now); err != nil {
		return wait(now, d, "the outbox: "+err.Error())
	} else if full {
		return later(when, d)
	}
	if out, ok := s.wanted(ctx, d, r); !ok {
		return out
	}
	reason, is, err := s.suppressed(ctx, d.Address)
	switch {
	case err != nil:
		return wait(now, d, "the outbox: "+err.Error())
	case is:
		return end(reports.Suppressed, "%s", foreign.Cut(reason, maxReason))
	}
	return s.submit(ctx, d, r)
}

// suppressed reports whether an address gets no reports now, and why. The error is that of
// the store.
func (s *Sender) suppressed(ctx context.Context, address string) (reason string, is bool, err error) {
	o, domain := &s.o.Settings, domainOf(address)
	if o.Excluded(domain) {
		return "the administrator excludes " + domain, true, nil
	}
	suppression, is, err := s.o.Store.Suppressed(ctx, address, s.o.Now())
	if err != nil || is {
		return suppression.Reason, is, err
	}
	if list := s.listed(ctx, domain, o.DNSBL); list != "" {
		return domain + " is in " + list, true, nil
	}
	return "", false, nil
}

// maxReason bounds why an address is suppressed in the result of a delivery.
const maxReason = 200

// wanted reports whether the domain still asks for reports at the address, and whether its
// host takes them. Addresses that the record has now and had not are added.
func (s *Sender) wanted(ctx context.Context, d *reports.Delivery, r *reports.Report) (outcome, bool) {
	now := s.o.Now()
	all := DestinationsOf(ctx, s.o.DNS, s.o.DMARC, r.Domain, r.Kind)
	switch {
	case all.Unknown != "":
		return wait(now, d, "DNS failure: "+all.Unknown), false
	case all.None != "":
		return end(reports.Withdrawn, "%s", all.None), false
	}
	if err := s.addNew(ctx, &all, d, r); err != nil {
		return wait(now, d, "the outbox: "+err.Error()), false
	}
	found, ok := all.find(d.Address)
	switch {
	case !ok:
		return end(reports.Withdrawn, "the domain wants reports at other addresses now"), false
	case found.Consent == dmarc.ConsentUnknown:
		return wait(now, d, "DNS failure: "+found.Reason), false
	case found.Consent == dmarc.ConsentAbsent:
		return end(reports.Refused, "%s", found.Reason), false
	}
	return outcome{}, true
}

// addNew adds deliveries to addresses that have none.
func (s *Sender) addNew(ctx context.Context, all *Destinations, d *reports.Delivery, r *reports.Report) error {
	there, err := s.o.Store.Deliveries(ctx, reportstore.Query{ID: r.ID})
	if err != nil {
		return err
	}
	had := Destinations{List: []Destination{{Address: d.Address}}}
	for _, x := range there {
		had.List = append(had.List, Destination{Address: x.Address})
	}
	var more []string
	for _, x := range all.List {
		if _, ok := had.find(x.Address); !ok && len(had.List) < 2*maxAddresses {
			had.List = append(had.List, x)
			more = append(more, x.Address)
		}
	}
	if len(more) == 0 {
		return nil
	}
	return s.o.Store.Address(ctx, r.ID, s.o.Now(), more...)
}

// capped reports whether as much was sent today as may be, and when more may be.
func (s *Sender) capped(ctx context.Context, now time.Time) (full bool, when time.Time, err error) {
	today := reports.DayOf(now)
	sent, err := s.o.Store.Taken(ctx, today.Begin())
	if err != nil || sent < int64(s.o.Settings.MaxPerDay) {
		return false, time.Time{}, err
	}
	if s.once(fmt.Sprintf("cap %d", today)) {
		s.o.Log.Warn("report.max_per_day is reached; the other reports wait", zap.Int("max_per_day", s.o.Settings.MaxPerDay))
	}
	return true, (today + 1).Begin(), nil
}

// submit submits the message of a delivery.
func (s *Sender) submit(ctx context.Context, d *reports.Delivery, r *reports.Report) outcome {
	data, err := s.message(ctx, d, r)
	if err != nil {
		return wait(s.o.Now(), d, err.Error())
	}
	a := s.o.Submit(ctx, &submission.Message{From: s.o.Settings.Sender(d), To: d.Address, ID: r.ID, Data: data})
	if a.Result == submission.Permanent && (d.Attempts == 0 || d.Code >= 500) {
		// Nobody has this message. The administrator may have to mend what it says, so it is
		// written anew; if it cannot be forgotten, it goes again as it is.
		_, _ = s.o.Store.KeepMessage(ctx, d, nil)
	}
	return s.judge(ctx, a, d)
}

// message returns the message of a delivery: that of the attempt before, which the MTA may
// have taken although we saw no answer, or a new one. A new one is kept first.
func (s *Sender) message(ctx context.Context, d *reports.Delivery, r *reports.Report) ([]byte, error) {
	before, err := s.o.Store.Message(ctx, d)
	if err != nil || before != nil {
		return before, err
	}
	whole, found, err := s.o.Store.Report(ctx, r.ID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the outbox: %w", err)
	case !found:
		return nil, errNoReport
	}
	data := Compose(&s.o.Settings, &whole, d)
	if s.o.Sign != nil {
		if data, err = s.o.Sign(ctx, data); err != nil {
			if s.once("sign") {
				s.o.Log.Error("reports cannot be signed and wait", zap.Error(err))
			}
			s.pace.down(s.o.Now())
			return nil, err
		}
		delete(s.told, "sign")
	}
	held, err := s.o.Store.KeepMessage(ctx, d, data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the outbox: the message is not kept: %w", err)
	case !held:
		return nil, errClaimEnded
	}
	return data, nil
}

var (
	errNoReport   = errors.New("the outbox: the report is not there")
	errClaimEnded = errors.New("the outbox: the time for the delivery has passed")
)

// finishTime is how long a result is tried to be written: it is not known otherwise.
const finishTime = 30 * time.Second

// finish writes what became of a delivery. It tries again while the disk is full for a
// moment: nobody else knows what the MTA has said.
func (s *Sender) finish(ctx context.Context, d *reports.Delivery, r *reports.Report, o outcome) error {
	now := s.o.Now().UTC()
	done := *d
	done.State, done.Next, done.Changed = o.state, o.next, now
	if o.tried {
		done.Attempts++
	}
	if o.text != "" {
		done.Code, done.Status, done.Text = o.code, o.status, foreign.Line(o.text, maxText)
	}
	if o.suppress > 0 { // before the end of the delivery, after which nobody asks again
		if err := s.suppress(ctx, d.Address, "smtp", &o); err != nil {
			return err
		}
	}
	_, err := s.o.Store.Finish(ctx, done)
	for began := time.Now(); err != nil && ctx.Err() == nil && time.Since(began) < finishTime; {
		s.sleep(ctx, time.Second)
		_, err = s.o.Store.Finish(ctx, done)
	}
	if err != nil {
		return fmt.Errorf("a result is not written, the report may be sent twice: %w", err)
	}
	if o.text != "" || o.tried {
		s.result(o.state)
		s.logResult(&done, r)
	}
	return nil
}

// maxText bounds a text of an answer that is kept.
const maxText = 300

// logResult writes a line for what became of a delivery.
func (s *Sender) logResult(d *reports.Delivery, r *reports.Report) {
	if d.State == reports.Deferred {
		s.o.Log.Debug("report deferred", fieldsOf(d, r)...)
		return
	}
	s.o.Log.Info("report delivery", fieldsOf(d, r)...)
}

func fieldsOf(d *reports.Delivery, r *reports.Report) []zap.Field {
	return []zap.Field{
		zap.String("report", d.Report), zap.String("domain", r.Domain), zap.String("address", d.Address), zap.String("state", string(d.State)),
		zap.Int("attempts", d.Attempts), zap.Int("code", d.Code), zap.String("status", d.Status), zap.String("text", d.Text),
	}
}
