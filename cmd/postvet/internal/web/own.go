package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/policy/message"
)

// own says of our own domains whether they are ready for a stricter policy.
type own struct {
	Sentence string      `json:"sentence"`
	Domains  []ownDomain `json:"domains"`
	Paste    string      `json:"paste,omitempty"`
	Notes    []string    `json:"notes"`
	Nodes    *nodes      `json:"nodes,omitempty"`
}

// ownDomain is one of our domains.
type ownDomain struct {
	Name string `json:"name"`
	// State says for which policy it is ready, Tone the colour of that, and Next what to do
	// next.
	State string `json:"state"`
	Tone  string `json:"tone"`
	Next  string `json:"next"`
	// Seen and Passed are the messages of 30 days that came here in its name, and those of
	// them that are aligned.
	Seen   int64       `json:"seen"`
	Passed int64       `json:"passed"`
	Trend  *chart.Line `json:"trend,omitempty"`
	// Reports is what the reports of others say, nil if none came.
	Reports *sources.Summary `json:"reports,omitempty"`
	// Unknown are the sources without proof, the new ones first.
	Unknown []*sources.Source `json:"unknown"`
	// New says who of them is new since when, "" if nobody is.
	New string `json:"new,omitempty"`
	// Complete is false while reports are being read, and Searched how far back that came.
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
	Notes    []string  `json:"notes"`

	// unread is true if its reports could not be read.
	unread bool
	// ready is true if it is ready for a stricter policy than it has, and strictest if there
	// is none.
	ready, strictest bool
}

// The bounds of the page.
const (
	maxOwn     = 12
	maxUnknown = 8
	ownTime    = 30 * 24 * time.Hour
)

func (h *Handler) own(q *request) (any, error) {
	p := &own{Domains: []ownDomain{}, Notes: []string{}}
	facts := h.facts(q)
	names := facts.OwnDomains
	if len(names) == 0 {
		p.Sentence = "Postvet does not know your own domains: name them, and this page says whether each is ready for p=quarantine and p=reject."
		p.Paste = "[policy]\nown_domains = [\"example.org\"]"
		return p, nil
	}
	if more := len(names) - maxOwn; more > 0 {
		p.Notes = append(p.Notes, layout.Count(more, "further domain")+" of yours not shown; \"postvet report sources DOMAIN\" says the same of each.")
		names = names[:maxOwn]
	}
	ready, already, unfinished := 0, 0, 0
	// The rest is for the counts, if the store of reports does not answer.
	within := q.within()
	until := time.Now().Add(within)
	reading, cancel := q.bounded(within)
	defer cancel()
	for _, name := range names {
		name, ok := message.NormalizeDomain(name)
		if !ok {
			continue
		}
		d := h.ownDomain(reading.ctx, q, name, max(0, time.Until(until)))
		if !d.Complete {
			unfinished++
		}
		if d.strictest {
			already++
		}
		if d.ready {
			ready++
		}
		p.Domains = append(p.Domains, d)
	}
	p.Sentence = fmt.Sprintf("Of your %s, %d with p=reject, and %d that could ask for a stricter policy now.", layout.Count(len(p.Domains), "domain"), already, ready)
	switch {
	case len(p.Domains) == 1:
		p.Sentence = p.Domains[0].sentence()
	case unfinished > 0:
		p.Sentence += fmt.Sprintf(" The reports about %d are still being read; load this page again in a moment.", unfinished)
	}
	p.Nodes = q.nodes.told()
	return p, nil
}

// sentence says in one sentence how ready the domain is.
func (d *ownDomain) sentence() string {
	switch d.State {
	case "unknown":
		if d.unread {
			return "Nobody can say at present: the reports about " + d.Name + " cannot be read."
		}
		return "Nobody can say yet: no report about " + d.Name + " has come."
	case "p=reject":
		return d.Name + " asks for p=reject already."
	case beingRead:
		return "The reports about " + d.Name + " are being read; load this page again in a moment."
	}
	return d.Name + " is " + d.State + "."
}

// beingRead is the state of a domain whose reports nobody has read yet.
const beingRead = "being read"

// ownDomain says how ready a domain is, by what is read of its reports within a time. reading
// ends if their store does not answer.
func (h *Handler) ownDomain(reading context.Context, q *request, name string, within time.Duration) ownDomain {
	d := ownDomain{Name: name, Unknown: []*sources.Source{}, Notes: []string{}}
	s, err := h.series(q, counts.SeriesQuery{Kind: counts.Domain, Name: name, Since: q.now.Add(-ownTime), Until: q.now, Step: 24 * time.Hour})
	if err != nil {
		d.Notes = append(d.Notes, h.problemOf(q, h.unreadable(q, err)).words())
	} else {
		sum := s.Sum()
		d.Notes = append(d.Notes, countsAside(h.facts(q).Journal, s.Oldest, q.now.Add(-ownTime))...)
		d.Seen, d.Passed = sum[counts.All], sum[counts.Passed]
		d.Trend = alignedOf("Share of the mail in the name of "+name+" that came here and is aligned", s)
	}
	found, err := h.opt.Source.Senders(reading, name, within)
	if err != nil {
		d.Notes = append(d.Notes, h.problemOf(q, h.unreadableReports(q, err)).words())
		found.Complete = true
	}
	d.Complete, d.Searched = found.Complete, found.Searched
	back := ""
	if !found.Searched.IsZero() {
		back = ", searched back to " + found.Searched.In(q.zone).Format("2 Jan 2006 15:04")
	}
	switch {
	case found.Complete && back != "":
		d.Notes = append(d.Notes, "So many reports came that the newest were read"+back+".")
	case !found.Complete && found.Summary != nil:
		d.Notes = append(d.Notes, "New reports came and are being read"+back+" so far. This is without them; load the page again in a moment.")
	case !found.Complete:
		d.State, d.Tone = beingRead, "warn"
		d.Next = "The reports of others about it are being read" + back + " so far. Load this page again in a moment."
		return d
	}
	if d.unread = err != nil && !errors.Is(err, ErrNoReports); d.unread {
		d.State, d.Tone, d.Next = "unknown", "warn", "Its reports cannot be read at present. Look here again when they can."
		return d
	}
	d.judge(found.Summary)
	if all := newSenders(found.Summary, q.now); len(all) > 0 {
		d.New = newSendersText(name, all)
	}
	return d
}

// judge says what to do next.
func (d *ownDomain) judge(s *sources.Summary) {
	if s == nil {
		d.State, d.Tone = "unknown", "warn"
		d.Next = "No report about it has come. Publish a DMARC record with rua= and an address that report.inbox names: " +
			"\"_dmarc." + d.Name + ". TXT v=DMARC1; p=none; rua=mailto:...\". After some days, this page says who sends in its name."
		return
	}
	for _, x := range s.Sources {
		if len(d.Unknown) < maxUnknown && unproven(x) {
			d.Unknown = append(d.Unknown, x)
		}
	}
	slices.SortStableFunc(d.Unknown, func(a, b *sources.Source) int {
		switch {
		case a.New == b.New:
			return 0
		case a.New:
			return -1
		}
		return 1
	})
	shown := *s
	shown.Sources = []*sources.Source{} // Unknown has those that matter
	d.Reports = &shown
	switch next := s.Next(); {
	case next == nil:
		d.State, d.Tone, d.strictest = "p=reject", "good", true
		d.Next = "Nothing to do: it asks others to refuse what does not prove to be yours. Look here again when you use a new service that sends in your name."
	case next.Ready:
		d.State, d.Tone, d.ready = "ready for p="+next.Policy, "good", true
		d.Next = fmt.Sprintf("Publish p=%s in its DMARC record: %d of %d messages that are probably yours fail.", next.Policy, next.Lost, next.Mine)
		if next.Forwarded > 0 {
			d.Next += " " + layout.Count(next.Forwarded, "message") + " that forwarders or mailing lists changed would be lost too, unless receivers trust those."
		}
	default:
		d.State, d.Tone = "not ready for p="+next.Policy, "warn"
		if len(d.Unknown) > 0 && len(d.Unknown[0].Fixes) > 0 {
			d.Next = "Look at " + d.Unknown[0].Name + " first: " + d.Unknown[0].Fixes[0].Text + "."
		} else if len(next.Obstacles) > 0 {
			d.Next = "What stands in the way: " + next.Obstacles[0] + "."
		}
	}
}
