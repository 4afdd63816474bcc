// Package inspect inspects what a domain publishes for mail, and says what is
// wrong with it and what to publish instead.
//
// [Inspect] asks the DNS; the [Report] is a plain value that prints itself or
// becomes JSON. Nothing in it can disturb a terminal: all text from the DNS is
// reduced to printable ASCII and shortened.
package inspect

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/bimi"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Options are options of an inspection. The zero value works.
type Options struct {
	// Selectors are the DKIM selectors to look up besides the well-known ones;
	// at most 50 count.
	Selectors []string
	// Hosts are addresses that send mail of the domain; at most 16 are checked.
	Hosts []netip.Addr
	// Observed is what was seen of the domain's mail; nil for nothing.
	Observed *Observed
	// Reports is what the reports of others say of the domain, in a line; "" for nothing.
	Reports string
	// Now is the clock of the resolver. Default time.Now.
	Now func() time.Time
	// DMARC says how Organizational Domains are found.
	DMARC dmarc.Options
	// Plan makes a plan of what to publish, and judges it by a second inspection.
	Plan bool
	// Fetch fetches the files that a BIMI record names. Default: nothing is fetched.
	Fetch Fetcher
}

// Inspect looks up all that the domain publishes for mail. It returns at the latest
// when ctx ends, with what is known by then. The number of lookups is bounded,
// whatever the domain publishes.
func Inspect(ctx context.Context, resolver lookups.Resolver, name string, o Options) *Report {
	r := &Report{
		Name: foreign.Line(name, advice.MaxText), Findings: finding.List{},
		MX:        route.MX{Hosts: []route.Host{}, DNSSEC: lookups.Undetermined, Findings: finding.List{}},
		Transport: route.NewTransport(),
		SPF:       SPF{Terms: []Term{}, Senders: newSenders(), Findings: finding.List{}},
		DKIM:      DKIM{Keys: []Key{}, Findings: finding.List{}},
		DMARC:     DMARC{Steps: []Step{}, Findings: finding.List{}},
		BIMI:      newBrand(),
		Hosts:     newHosts(), Observed: o.Observed,
	}
	ascii, ok := normalize(name)
	if !ok {
		r.Exists = Invalid
		r.Findings.Error("this is not a domain name", "")
		r.finish()
		return r
	}
	r.Name = ascii
	if o.Now == nil {
		o.Now = time.Now
	}
	l := lookups.New(ctx, resolver, o.Now)
	defer l.Close()
	l.Validates(ctx)
	r.inspect(ctx, l, ascii, &o)
	if r.finish(); o.Plan {
		r.plan(ctx, l, o)
	}
	return r
}

// inspect fills in the sections of the report, and what follows from all of them.
func (r *Report) inspect(ctx context.Context, l *lookups.Lookups, ascii string, o *Options) {
	var sections sync.WaitGroup
	sections.Go(func() { r.MX = route.FindMX(ctx, l, ascii) })
	sections.Go(func() { r.SPF = inspectSPF(ctx, l, ascii) })
	sections.Go(func() { r.DKIM = inspectDKIM(ctx, l, ascii, o) })
	sections.Go(func() { l.Lookup(ctx, bimi.RecordName(bimi.DefaultSelector, ascii), dnscache.TXT) }) // to have it at hand
	sections.Go(func() { r.DMARC = inspectDMARC(ctx, l, ascii, o.DMARC) })
	sections.Wait()
	r.DMARC.Reports = o.Reports
	r.Transport = route.FindTransport(ctx, l, ascii, cmp.Or(r.DMARC.OrganizationalDomain, ascii), &r.MX, o.Now())
	a := &advice.Adviser{Lookups: l, Context: ctx, Organization: cmp.Or(r.DMARC.OrganizationalDomain, ascii)}
	r.combine(a)
	if r.Exists == NotExists {
		r.BIMI.State = BrandAbsent
	} else {
		r.Hosts.find(ctx, l, ascii, o, r.SPF.tree, r.exchangerAddresses())
		r.BIMI.find(ctx, l, a, ascii)
		r.BIMI.combine(&r.DMARC)
		r.BIMI.fetch(ctx, l, o.Fetch, o.Now(), ascii, a.Organization)
	}
	var exceeded bool
	r.Lookups, r.Failed, exceeded = l.Counts()
	if exceeded {
		r.Findings.DNSFailure(fmt.Sprintf("to follow all that it publishes takes more than %d lookups: the rest was not checked", lookups.Max))
	}
}

// normalize returns a name in the form that the evaluators compare.
func normalize(name string) (string, bool) {
	return message.NormalizeDomain(strings.TrimSpace(name))
}
