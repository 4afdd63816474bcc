package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/policy/dmarc"
)

// DomainRecords implements web.DomainSource.
func (s webSource) DomainRecords(ctx context.Context, domain string) ([]rows.Published, error) {
	j := &s.d.journal
	if j.reader == nil {
		return nil, web.ErrNoJournal
	}
	return j.reader.RecordsOf(ctx, domain)
}

// DomainChanges implements web.DomainSource.
func (s webSource) DomainChanges(ctx context.Context, domain string, since time.Time) (*domainhistory.Changes, error) {
	c := domainhistory.NewChanges(domain, since, time.UTC)
	if err := c.ReadWatch(s.d.config().Watch.State); err != nil {
		return c, err
	}
	return c, c.ReadJournal(ctx, s.d.journal.dir)
}

// DomainPatterns implements web.DomainSource.
func (s webSource) DomainPatterns(ctx context.Context, domain string) (*domainhistory.Patterns, error) {
	c := s.d.config()
	if s.d.journal.dir == "" {
		return nil, nil
	}
	now := time.Now()
	source := NewPatternSource(c)
	source.Dir, source.Within = s.d.journal.dir, fleetTime
	if source.Fleet() && s.d.webDatabase != nil {
		source.Database = s.d.webDatabase
	}
	p, err := domainhistory.ReadPatterns(ctx, source, domain, now, s.d.patterns.known.Load())
	if p != nil {
		p.Used = c.Policy.Observed && !c.Policy.ObservedExcept.Set.At(now).Name(domain)
	}
	return p, err
}

// maxInspections bounds the inspections of domains at the same time: mail needs the DNS too.
const maxInspections = 2

// observeTime bounds how long the journal is read for an inspection.
const observeTime = 2 * time.Second

// InspectDomain implements web.DomainSource. It does what "postvet domain" does, by the
// resolver of the service.
func (s webSource) InspectDomain(ctx context.Context, domain string) (*inspect.Report, error) {
	give, err := s.inspections.take(ctx, "other domains are being inspected; try again in a few seconds")
	if err != nil {
		return nil, err
	}
	defer give()
	o := inspect.Options{Plan: true, DMARC: dmarc.Options{Discovery: s.d.config().Policy.OrganizationalDomain}}
	if r := s.d.journal.reader; r != nil {
		o.Observed = &inspect.Observed{}
		observing, cancel := context.WithTimeout(ctx, observeTime)
		err := domainhistory.Observe(observing, o.Observed, r, domain, time.Now())
		cancel()
		if err != nil {
			o.Observed = nil // what it publishes is worth showing without it
		}
	}
	return inspect.Inspect(ctx, &s.d.dns, domain, o), nil
}
