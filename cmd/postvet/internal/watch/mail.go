package watch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

const (
	// maxPending bounds the events that wait for a mail, and maxMail what one mail has.
	maxPending = 1000
	maxMail    = 256 << 10
	// gather is how long events wait for others, and mailEvery the least time between two
	// mails. After a failure the next attempt is after mailAgain.
	gather    = 2 * time.Minute
	mailEvery = time.Hour
	mailAgain = 10 * time.Minute
	mailTime  = time.Minute
	day       = 24 * time.Hour
	// maxDayLines bounds the differences of a day that are logged.
	maxDayLines = 100
)

// pend has events wait for a mail. The caller holds w.mu.
func (w *Watcher) pend(events []Event) {
	if w.o.Mail == nil || w.o.Daily {
		return
	}
	if len(w.state.Pending) == 0 && len(events) > 0 {
		w.next = later(events[0].At.Add(gather), w.state.Mailed.Add(mailEvery))
	}
	room := min(maxPending-len(w.state.Pending), len(events))
	w.state.Pending = append(w.state.Pending, events[:room]...)
	w.state.Omitted += len(events) - room
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sendMail sends what waits, when it is time.
func (w *Watcher) sendMail(ctx context.Context, now time.Time) {
	w.mu.Lock()
	n, omitted := len(w.state.Pending), w.state.Omitted
	if w.o.Mail == nil || n == 0 || now.Before(w.next) {
		w.mu.Unlock()
		return
	}
	subject, text := compose(w.state.Pending, omitted)
	w.mu.Unlock()
	if !w.mail(ctx, subject, text) {
		w.next = now.Add(mailAgain)
		return
	}
	w.mu.Lock()
	w.state.Pending, w.state.Omitted, w.state.Mailed = nil, 0, now
	w.mu.Unlock()
	w.save()
}

// mail sends a mail. A failure is logged once.
func (w *Watcher) mail(ctx context.Context, subject, text string) bool {
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	err := w.o.Mail(ctx, subject, text)
	w.mu.Lock()
	if err == nil {
		w.stats.Mails++
	} else {
		w.stats.MailsFailed++
	}
	isNew := another(&w.unsent, err)
	w.mu.Unlock()
	if isNew {
		w.log.Warn("mail about watched domains is not sent; it is tried again", zap.Error(err))
	}
	return err == nil
}

// compose returns a mail about events.
func compose(events []Event, omitted int) (subject, text string) {
	domains, kinds := map[string]bool{}, map[Kind]int{}
	for i := range events {
		domains[events[i].Domain] = true
		kinds[events[i].Kind]++
	}
	var b strings.Builder
	for i := range events {
		one := events[i].text()
		if b.Len()+len(one) > maxMail {
			omitted += len(events) - i
			break
		}
		b.WriteString(one + "\n")
	}
	if omitted > 0 {
		fmt.Fprintf(&b, "And %s more; the log has them.\n\n", layout.Count(omitted, "event"))
	}
	about := layout.Count(len(domains), "domain")
	if len(domains) == 1 {
		about = events[0].Domain
	}
	var parts []string
	for _, k := range []struct {
		kind Kind
		noun string
	}{{Broken, "error"}, {Changed, "changed record"}, {Repaired, "repaired error"}} {
		if n := kinds[k.kind]; n > 0 {
			parts = append(parts, layout.Count(n, k.noun))
		}
	}
	return "DNS of " + about + ": " + strings.Join(parts, ", "), b.String() + closing
}

// closing ends every mail.
const closing = `"postvet domain NAME" shows all about a domain, and "postvet domain NAME --since 7d"
what has changed. The section [watch] of postvet.toml says which domains are
watched, and who is told.
`

// tellDay tells once a day how the records of all domains differ from those of the day
// before.
func (w *Watcher) tellDay(now time.Time) {
	w.mu.Lock()
	since := w.state.Daily
	if now.Sub(since) < day {
		w.mu.Unlock()
		return
	}
	w.state.Daily = now
	w.state.forget(w.names, now)
	if now.Sub(since) > 2*day {
		since = now.Add(-day) // the service was away
	}
	var lines []string
	for _, name := range w.names {
		for _, x := range w.state.Domains[name].Since(since) {
			lines = append(lines, name+": "+x.String())
		}
	}
	if w.o.Daily && w.o.Mail != nil && len(lines) > 0 {
		w.state.Pending, w.state.Omitted = w.day(since), 0
		w.next = now
	}
	w.mu.Unlock()
	w.save()
	total := len(lines)
	if total > maxDayLines {
		lines = append(lines[:maxDayLines], fmt.Sprintf("and %d more", total-maxDayLines))
	}
	w.log.Info("watched domains in the last day", zap.Int("domains", len(w.names)), zap.Int("changed", total), zap.Strings("changes", lines))
}

// day returns what a day has changed, as events. The caller holds w.mu.
func (w *Watcher) day(since time.Time) (events []Event) {
	for _, name := range w.names {
		d := w.state.Domains[name]
		for _, x := range d.Since(since) {
			events = append(events, Event{At: x.At, Domain: name, Kind: Changed, Name: x.Name, Type: x.Type, Old: x.Old, New: x.New, Times: x.N})
		}
		for _, x := range d.ErrorsSince(since) {
			e := Event{At: x.At, Domain: name, Kind: Broken, Text: x.Text, Fix: x.Fix}
			if x.Gone {
				e.Kind = Repaired
			}
			events = append(events, e)
		}
		if len(events) > maxPending {
			return events[:maxPending]
		}
	}
	return events
}
