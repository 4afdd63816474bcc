package inspect

import (
	"cmp"
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
)

// combine adds the findings that rest on several sections, and settles what is to be
// published.
func (r *Report) combine(a *advice.Adviser) {
	nullMX, receives := r.MX.Null, len(r.MX.Hosts) > 0
	switch {
	case r.MX.Outcome == dnscache.NXDomain || r.SPF.outcome == dnscache.NXDomain:
		r.Exists = NotExists
		if target := r.SPF.alias; target != "" {
			at := lookups.AliasOwner(a.Context, a.Lookups, r.Name, dnscache.TXT, target)
			r.Findings.Add(finding.Error, advice.TakeOver(at, target, "can send and receive as "+r.Name), advice.RemoveAlias(at))
		} else {
			r.Findings.Error(r.Name+" does not exist (NXDOMAIN)", "")
		}
		// Their findings would only repeat it.
		r.MX.Findings, r.SPF.Findings, r.DKIM.Findings = finding.List{}, finding.List{}, finding.List{}
		r.SPF.mending = mending{}
		if r.DMARC.RecordDomain != r.Name {
			r.DMARC.Policy = r.DMARC.Nonexistent // RFC 9989 section 4.7, np=
		}
		r.DMARC.settleFix(a, "")
		return
	case r.MX.Outcome.Known() || r.SPF.outcome.Known():
		r.Exists = Exists
	case r.MX.DNSSEC == lookups.Bogus:
		r.Exists = Unknown
		r.Findings.DNSFailure("the records of " + r.Name + " do not pass DNSSEC validation: what they say is not known")
	default:
		r.Exists = Unknown
		r.Findings.DNSFailure("the DNS does not answer for " + r.Name + ": nothing can be said about it")
	}
	if r.SPF.alias != "" {
		r.Findings.OK(r.Name + " is an alias (CNAME) of " + r.SPF.alias + ", whose MX and SPF records count for it")
	}
	receivers := ""
	switch {
	case r.MX.Implicit:
		receivers = "a"
	case r.MX.Receives():
		receivers = "mx"
	}
	sends := r.maySend()
	if r.SPF.absent {
		fix := a.ProposeTXT(r.Name, "v=spf1 "+receivers+" ~all").Then(", with the other hosts that send; later -all")
		switch {
		case (!receives || nullMX) && (sends || !r.MX.Outcome.Known()), receives && receivers == "" && !nullMX:
			fix = finding.Advise("list the hosts that send by ip4:, ip6:, a: or include:, and end the record in ~all")
		case !receives || nullMX:
			fix = a.ProposeTXT(r.Name, "v=spf1 -all")
		}
		r.SPF.Findings.Add(finding.Error, "no SPF record: anybody may send in the name of "+r.Name, fix)
	}
	r.SPF.settleFix(a, receivers)
	if nullMX && r.DKIM.Absent {
		r.DKIM.Findings = finding.List{}
		r.DKIM.Findings.OK("no DKIM keys, as befits a domain without mail")
	}
	for i := range r.DKIM.Keys {
		r.DKIM.Keys[i].settleFix(a)
	}
	r.combineDMARC(a, nullMX && !sends, nullMX)
}

// maySend reports whether mail of the domain is sent, or may be for all that is known: it was
// seen, or there is a key, or there may be one under a selector that nobody named.
func (r *Report) maySend() bool {
	if o := r.Observed; o != nil && o.Mail.Genuine+o.Mail.Signed > 0 {
		return true
	}
	if slices.ContainsFunc(r.DKIM.Keys, func(k Key) bool { return k.Type != "" && !k.Revoked }) {
		return true
	}
	return !r.DKIM.Absent && !r.DKIM.revoked && len(r.DKIM.Keys) == 0
}

// combineDMARC adds what SPF and DKIM mean for DMARC.
// mute reports that no mail comes from the domain either, so that nothing can be lost.
func (r *Report) combineDMARC(a *advice.Adviser, mute, nullMX bool) {
	d := &r.DMARC
	if d.absent {
		fix := a.ProposeTXT("_dmarc."+r.Name, "v=DMARC1; p=none; rua=mailto:dmarc@"+r.Name)
		switch {
		case mute:
			fix = a.ProposeTXT("_dmarc."+r.Name, "v=DMARC1; p=reject")
		case nullMX:
			fix = finding.Advise("publish a record at _dmarc." + r.Name + " with p=none, and with rua= and an address of a domain that takes mail; p=reject if it sends none")
		}
		d.Findings.Add(finding.Error, "no DMARC record: receivers are told nothing about forged mail of "+r.Name, fix)
		return
	}
	rua := ""
	if at := cmp.Or(d.RecordDomain, r.Name); at != r.Name || !nullMX { // else nobody would read them
		rua = "mailto:dmarc@" + at
	}
	d.settleFix(a, rua)
	if d.enforced() && !nullMX && r.SPF.absent && len(r.DKIM.Keys) == 0 && r.DKIM.Absent {
		d.Findings.Warning("the policy is enforced, but there is neither SPF nor a DKIM key by which mail could pass", "")
	}
	if d.enforced() && r.SPF.open {
		d.Findings = slices.DeleteFunc(d.Findings, func(f finding.Finding) bool { return f.Severity == finding.OK && f.Text == keptAway(d.Policy) })
		d.Findings.Warning("the policy keeps little away: forged mail passes by SPF, which lets anybody send", "")
	}
}
