// Package setup checks whether the DMARC reports that a configuration sends can leave, be
// believed, and come back as a bounce: the server that takes them, what the DNS has of
// their domains, and the key that signs them. It sends nothing.
package setup

import (
	"cmp"
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/policy/dmarc"
)

// Options are what is checked.
type Options struct {
	Report *config.Report
	// Stored is true if counts and reports have a place.
	Stored   bool
	Resolver lookups.Resolver
	DMARC    dmarc.Options
	// Addresses are those of this machine that others may see it under.
	Addresses []netip.Addr
	// Keys are those of Report.DKIMDomain, or KeysError says why they could not be read.
	Keys      []keys.Entry
	KeysError error
	// OtherKeys is true if keys come from elsewhere, where they are not checked.
	OtherKeys bool
	// Probe asks the server of Report.SMTP about a sender and a recipient; nil if it
	// cannot be asked, and ProbeError says why.
	Probe      func(ctx context.Context, from, to string) submission.Answer
	ProbeError error
}

// Section is what was found about one subject.
type Section struct {
	// Name is settings, sender, spf, dmarc, dkim, bounces or server.
	Name string `json:"name"`
	// Subject is a domain, an address or a server; "" for none.
	Subject  string       `json:"subject,omitempty"`
	Findings finding.List `json:"findings"`
}

// Report is what was found.
type Report struct {
	Sections []Section `json:"sections"`
	finding.Totals
}

// Verdict returns the report's verdict.
func (r *Report) Verdict() finding.Verdict { return r.lists().Verdict() }

func (r *Report) lists() finding.Lists {
	var all finding.Lists
	for i := range r.Sections {
		all = append(all, &r.Sections[i].Findings)
	}
	return all
}

// Check checks the set-up. It returns at the latest when ctx ends.
func Check(ctx context.Context, o Options) *Report {
	_, from, _ := strings.Cut(o.Report.From, "@")
	l := lookups.New(ctx, o.Resolver, time.Now)
	defer l.Close()
	c := &check{Options: o, dns: l, from: from, bounce: cmp.Or(o.Report.BounceDomain, from)}
	r := &Report{Sections: []Section{c.settings()}}
	if from != "" {
		author := dmarc.LookupAuthor(ctx, c.dns, from, o.DMARC)
		r.Sections = append(r.Sections, c.sender(ctx), c.spf(ctx), c.dmarc(ctx, author), c.dkim(ctx, author), c.bounces(ctx))
	}
	r.Sections = append(r.Sections, c.server(ctx))
	r.Count(r.lists())
	r.State = r.Verdict()
	r.Lookups, r.Failed, _ = l.Counts()
	return r
}

// check is the state of Check.
type check struct {
	Options
	dns *lookups.Lookups
	// from is the domain of the From field, bounce that of the envelope sender.
	from, bounce string
}

// settings checks the configuration itself.
func (c *check) settings() Section {
	s := Section{Name: "settings", Findings: finding.List{}}
	r := c.Report
	switch {
	case r.Send != config.ReportSendOff:
		s.Findings.OK("reports are sent: report.send is " + string(r.Send))
	case r.Collect:
		s.Findings.Note("messages are counted, and no reports are sent: report.send is off", `set send = "known"`)
	default:
		s.Findings.Note("neither is anything counted nor are reports sent: report.send is off", `set collect = true and look at "postvet report preview", then send = "known"`)
	}
	for _, k := range []struct{ key, value, example string }{
		{"submitter", r.Submitter, "example.org"}, {"email", r.Email, "postmaster@example.org"}, {"from", r.From, "noreply@reports.example.org"},
	} {
		if k.value == "" {
			s.Findings.Error("report."+k.key+" is missing, without which no report can be sent", "set "+k.key+` = "`+k.example+`" with your own name`)
		}
	}
	if !c.Stored {
		s.Findings.Error("counts and reports have no place", `set report.directory = "/var/lib/postvet/reports", or journal.directory`)
	}
	return s
}
