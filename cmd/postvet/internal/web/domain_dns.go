package web

import (
	"context"
	"fmt"
	"time"

	dnsfinding "github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// domainDNS is what the DNS says of a domain now.
type domainDNS struct {
	At time.Time `json:"at"`
	// Sentence says it in words. Problem says why the DNS could not be asked, "" if it was.
	Sentence string `json:"sentence"`
	Problem  string `json:"problem,omitempty"`
	// Tone is the class of its colour.
	Tone     string               `json:"-"`
	State    dnsfinding.Verdict   `json:"verdict,omitempty"`
	Findings []dnsfinding.Finding `json:"findings"`
	// Fine are those that are in order, and notes.
	Fine []dnsfinding.Finding `json:"fine"`
	// Publish is what to publish, in steps.
	Publish []publishStep `json:"publish"`
}

// publishStep is a number of records to publish at once, as lines of a zone file.
type publishStep struct {
	When   string   `json:"when"`
	Why    string   `json:"why"`
	Then   string   `json:"then,omitempty"`
	Lines  []string `json:"lines"`
	Remove []string `json:"remove"`
}

// The bounds of an inspection on a page: its time, and how many findings and records are shown.
const (
	inspectTime = 8 * time.Second
	maxFindings = 40
	maxPublish  = 30
)

// askDNS asks the DNS what a domain publishes.
func (h *Handler) askDNS(q *request, name string) *domainDNS {
	d := &domainDNS{At: q.now, Findings: []dnsfinding.Finding{}, Fine: []dnsfinding.Finding{}, Publish: []publishStep{}}
	ctx, cancel := context.WithTimeout(q.ctx, inspectTime)
	defer cancel()
	r, err := h.opt.Source.InspectDomain(ctx, name)
	if err != nil {
		d.Tone, d.Problem = "warn", h.problemOf(q, err).words()
		d.Sentence = "The DNS was not asked. " + d.Problem
		return d
	}
	d.State = r.Verdict()
	d.Findings = append(append(d.Findings, r.All(dnsfinding.Error)...), r.All(dnsfinding.Warning)...)
	d.Fine = append(append(d.Fine, r.All(dnsfinding.Note)...), r.All(dnsfinding.OK)...)
	d.Sentence, d.Tone = d.sentence(r), "good"
	if r.Errors > 0 {
		d.Tone = "bad"
	} else if r.Warnings > 0 || r.State == dnsfinding.Undetermined {
		d.Tone = "warn"
	}
	d.Findings, d.Fine = d.Findings[:min(len(d.Findings), maxFindings)], d.Fine[:min(len(d.Fine), maxFindings)]
	d.plan(r)
	return d
}

// plan adds what to publish.
func (d *domainDNS) plan(r *inspect.Report) {
	if r.Plan == nil {
		return
	}
	n := 0
	for _, s := range r.Plan.Steps {
		step := publishStep{When: s.When, Why: s.Why, Then: s.Then, Lines: []string{}, Remove: []string{}}
		for _, x := range s.Records {
			switch n++; {
			case n > maxPublish:
			case x.Remove:
				step.Remove = append(step.Remove, x.BIND)
			default:
				step.Lines = append(step.Lines, x.BIND)
			}
		}
		if len(step.Lines)+len(step.Remove) > 0 {
			d.Publish = append(d.Publish, step)
		}
	}
}

// sentence says what the inspection found.
func (d *domainDNS) sentence(r *inspect.Report) string {
	switch {
	case r.Exists == inspect.NotExists:
		return "The domain does not exist in the DNS."
	case r.State == dnsfinding.Undetermined:
		return fmt.Sprintf("It is not certain: %d of %d lookups failed. Ask again in a minute.", r.Failed, r.Lookups)
	case r.Errors > 0:
		return fmt.Sprintf("%s and %s. The worst: %s", layout.Count(r.Errors, "error"), layout.Count(r.Warnings, "warning"), r.Worst().Text)
	case r.Warnings > 0:
		return fmt.Sprintf("No errors, and %s. The worst: %s", layout.Count(r.Warnings, "warning"), r.Worst().Text)
	}
	return "All that it publishes for mail is in order."
}
