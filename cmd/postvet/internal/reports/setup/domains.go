package setup

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/spf"
)

// sender checks that the domain of the From field takes mail: receivers refuse authors
// that cannot be answered.
func (c *check) sender(ctx context.Context) Section {
	s := Section{Name: "sender", Subject: c.from, Findings: finding.List{}}
	takesMail(&s.Findings, mx.Check(ctx, c.dns, c.from), "receivers refuse mail from a domain that takes none")
	return s
}

// takesMail judges whether a domain takes mail, and says why it should.
func takesMail(l *finding.List, r mx.Result, harm string) {
	switch r.Status {
	case mx.Accepts:
		l.OK(r.Domain + " takes mail")
	case mx.TempError:
		l.DNSFailure("it is not known whether " + r.Domain + " takes mail: " + r.Reason)
	default:
		l.Error(r.Domain+" takes no mail ("+r.Reason+"): "+harm, "publish an MX record of it that names this server")
	}
}

// spf checks the envelope sender's domain. Mail may leave through another host, which
// nobody can know here.
func (c *check) spf(ctx context.Context) Section {
	s := Section{Name: "spf", Subject: c.bounce, Findings: finding.List{}}
	addresses := c.Addresses
	if len(addresses) == 0 { // any finds whether there is a record
		addresses = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})}
	}
	var passed, other []string
	for _, ip := range addresses {
		r := spf.Check(ctx, c.dns, spf.Query{IP: ip, Helo: c.bounce, Sender: "bounce@" + c.bounce}, spf.Options{})
		switch r.Status {
		case spf.TempError:
			s.Findings.DNSFailure("SPF of " + c.bounce + " could not be checked: " + r.Reason)
			return s
		case spf.None:
			s.Findings.Error(c.bounce+" has no SPF record", advice.Publish(c.bounce, advice.QuotedTXT("v=spf1 mx -all"))+", with what sends your mail")
			return s
		case spf.PermError:
			s.Findings.Error("the SPF record of "+c.bounce+" is broken: "+r.Reason, `"postvet domain `+c.bounce+`" says how to mend it`)
			return s
		case spf.Pass:
			passed = append(passed, ip.String())
		default:
			other = append(other, fmt.Sprintf("%s (%s)", ip, r.Status))
		}
	}
	if len(c.Addresses) == 0 {
		s.Findings.Note("this machine has no public address, so it is not known whether SPF passes", "see that the SPF record of "+c.bounce+" has the address that your mail leaves from")
		return s
	}
	if len(passed) > 0 {
		s.Findings.OK("SPF passes for this machine's " + strings.Join(passed, ", "))
	}
	if len(other) > 0 {
		s.Findings.Warning("SPF does not pass for this machine's "+strings.Join(other, ", "),
			"add it to the SPF record of "+c.bounce+", unless reports leave through another host")
	}
	return s
}

// dmarc checks the record that governs the From field (RFC 9990 section 3.5: reports must
// pass DMARC), and that nobody is asked for reports about reports.
func (c *check) dmarc(ctx context.Context, author *dmarc.Author) Section {
	s := Section{Name: "dmarc", Subject: c.from, Findings: finding.List{}}
	w := dmarc.Discover(ctx, c.dns, c.from, c.DMARC)
	own := advice.Publish("_dmarc."+c.from, advice.QuotedTXT("v=DMARC1; p=reject"))
	switch {
	case w.Trouble != "":
		s.Findings.DNSFailure("the DMARC record of " + c.from + " could not be looked up: " + w.Trouble)
		return s
	case w.Record == nil:
		s.Findings.Error("no DMARC record governs "+c.from+", and reports must pass DMARC (RFC 9990 section 3.5)", own)
		return s
	case len(w.Record.RUA) > 0:
		fix := own
		if w.RecordDomain == c.from {
			fix = "remove rua from the record at _dmarc." + c.from + ", or send reports from a domain of their own"
		}
		s.Findings.Warning("the record at _dmarc."+w.RecordDomain+" asks for reports, so that others will report about your reports", fix)
	default:
		s.Findings.OK("the record at _dmarc." + w.RecordDomain + " asks for no reports about reports")
	}
	spfAligned := author.Evaluate(dmarc.Identifier{Domain: c.bounce, Status: "pass"}, nil, c.organization(ctx)).SPFAligned
	switch {
	case spfAligned:
		s.Findings.OK("SPF of the envelope sender is aligned")
	case c.Report.DKIMDomain == "":
		s.Findings.Warning("SPF of "+c.bounce+" is not aligned with "+c.from+", so that reports pass DMARC only if the server signs them as "+c.from,
			"set report.bounce_domain to "+c.from+" or a name below it, or report.dkim_domain")
	default:
		s.Findings.Note("SPF of "+c.bounce+" is not aligned with "+c.from+"; the signature alone has reports pass DMARC", "")
	}
	return s
}

func (c *check) organization(ctx context.Context) func(string) dmarc.Organization {
	return func(domain string) dmarc.Organization { return dmarc.LookupOrganization(ctx, c.dns, domain, c.DMARC) }
}

// dkim checks the key that signs reports.
func (c *check) dkim(ctx context.Context, author *dmarc.Author) Section {
	r := c.Report
	s := Section{Name: "dkim", Subject: r.DKIMDomain, Findings: finding.List{}}
	if r.DKIMDomain == "" {
		s.Findings.Note("reports leave Postvet unsigned; whether the server signs them is not known here", "set report.dkim_domain, or see that your MTA signs what it gets from "+r.SMTP)
		return s
	}
	if !author.Evaluate(dmarc.Identifier{}, []dmarc.Identifier{{Domain: r.DKIMDomain, Status: "pass"}}, c.organization(ctx)).DKIMAligned {
		s.Findings.Error("a signature of "+r.DKIMDomain+" is not aligned with "+c.from, "set report.dkim_domain to "+c.from+" or a domain above it")
	}
	switch {
	case c.OtherKeys:
		s.Findings.Note("the keys of "+r.DKIMDomain+" are not in a directory, and are not checked here", "")
		return s
	case c.KeysError != nil:
		s.Findings.Error("the keys of "+r.DKIMDomain+" cannot be read: "+c.KeysError.Error(), "name the directory in sign.keys, and run this as root or as the service's user")
		return s
	}
	found := false
	for _, e := range c.Keys {
		if e.Domain != r.DKIMDomain || r.DKIMSelector != "" && e.Selector != r.DKIMSelector {
			continue
		}
		found = true
		if e.Key == nil {
			s.Findings.Error("the key "+e.Selector+" cannot be used: "+e.Err.Error(), "")
			continue
		}
		for _, f := range keys.Check(ctx, c.dns, e.Key, c.Keys) {
			f.Text = e.Selector + ": " + f.Text
			s.Findings = append(s.Findings, f)
		}
	}
	if !found {
		s.Findings.Error("there is no key that signs as "+r.DKIMDomain, "postvet key new "+r.DKIMDomain)
	}
	return s
}
