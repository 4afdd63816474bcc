package web

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// fewFailed is the number of failed messages from which on a sender is told. Forgers send a few
// from each of very many networks.
const fewFailed = 5

// newsTime is how long a sender is told as new after the first day of reports that has it.
const newsTime = 14 * 24 * time.Hour

// unproven reports whether mail of a source fails, and a forwarder is not the reason.
func unproven(x *sources.Source) bool {
	return !x.Ignored && x.Kind != sources.Yours && x.Kind != sources.Forwarder && x.Failed() > 0
}

// newSenders returns the sources whose mail fails and which the reports of the weeks before do
// not have, those that fail most first.
func newSenders(s *sources.Summary, now time.Time) (all []*sources.Source) {
	if s == nil {
		return nil
	}
	for _, x := range s.Sources {
		if x.New && unproven(x) && x.Failed() >= fewFailed && now.Sub(x.First) < newsTime {
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(a, b *sources.Source) int { return cmp.Compare(b.Failed(), a.Failed()) })
	return all
}

// newSendersText says who is new.
func newSendersText(domain string, all []*sources.Source) string {
	if len(all) == 1 {
		return "Others report a sender that fails DMARC for your domain " + domain + " and was not there in the weeks before: " + newSenderText(all[0]) + "."
	}
	return fmt.Sprintf("Others report %s that fail DMARC for your domain %s and were not there in the weeks before. Most is of %s.",
		layout.Count(len(all), "sender"), domain, newSenderText(all[0]))
}

// newSenderText returns a source with its number and its days. Reports are of days of UTC.
func newSenderText(x *sources.Source) string {
	return fmt.Sprintf("%s, with %s since %s", foreign.Terminal(x.Name, 200), layout.Count(x.Failed(), "message"), x.First.UTC().Format("2 Jan"))
}

// newSenderFinding returns what is to be told of the new senders of a domain.
func newSenderFinding(s *sources.Summary, all []*sources.Source) finding {
	f := finding{
		Name: "own-domain-new-sender", Level: levelWarn, Path: "/own#d-" + s.Domain, Details: []string{},
		Text: newSendersText(s.Domain, all),
		Do:   "See whether it is a new service or server of yours: then have it sign as " + s.Domain + ", or list it in SPF.",
	}
	if s.Reject.Already {
		f.Do += " Otherwise there is nothing to do: the domain asks others to refuse it."
	} else {
		f.Do += " Otherwise it is a forger, whom others refuse once the domain asks for p=reject."
	}
	for i, x := range all {
		if i == maxDetails {
			f.Details = append(f.Details, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		from := ""
		if len(x.Addresses) > 0 {
			from = ", from " + foreign.Terminal(strings.Join(x.Addresses, ", "), 300)
		}
		f.Details = append(f.Details, fmt.Sprintf("%s of %d in all, told by %s%s: %s", newSenderText(x), x.Messages, layout.Count(x.Reporters, "reporter"), from, x.Kind.Words()))
	}
	return f
}

// fillNewSenders adds what the reports of others say of new senders in the name of our domains,
// as far as they are read.
func (h *Handler) fillNewSenders(q *request, p *home) {
	q, cancel := q.bounded(q.within())
	defer cancel()
	unread := 0
	for i, name := range p.Facts.OwnDomains {
		name, ok := message.NormalizeDomain(name)
		if !ok || i >= maxOwn {
			continue
		}
		known, err := h.opt.Source.KnownSenders(q.ctx, name)
		switch all := newSenders(known.Summary, q.now); {
		case errors.Is(err, ErrNoReports):
			return
		case err != nil || !known.Complete && known.Summary == nil:
			unread++
		case len(all) > 0:
			p.Findings = append(p.Findings, newSenderFinding(known.Summary, all))
		}
	}
	if unread > 0 {
		p.Unknown = append(p.Unknown, "the reports about "+layout.Count(unread, "domain")+" of yours, which are not read yet")
	}
}
