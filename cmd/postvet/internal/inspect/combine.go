package inspect

import (
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
)

// combine adds the findings that rest on several sections.
func (r *Report) combine() {
	nullMX, receives := r.MX.Null, len(r.MX.Hosts) > 0
	switch {
	case r.MX.outcome == dnscache.NXDomain || r.SPF.outcome == dnscache.NXDomain:
		r.Exists = NotExists
		r.Findings.Error(r.Name+" does not exist (NXDOMAIN)", "")
		// Their findings would only repeat it.
		r.MX.Findings, r.SPF.Findings, r.DKIM.Findings = finding.List{}, finding.List{}, finding.List{}
		if r.DMARC.RecordDomain != r.Name {
			r.DMARC.Policy = r.DMARC.Nonexistent // RFC 9989 section 4.7, np=
		}
		return
	case r.MX.outcome.Known() || r.SPF.outcome.Known():
		r.Exists = Exists
	default:
		r.Exists = Unknown
		r.Findings.DNSFailure("the DNS does not answer for " + r.Name + ": nothing can be said about it")
	}
	if r.SPF.alias != "" {
		r.Findings.OK(r.Name + " is an alias (CNAME) of " + r.SPF.alias + ", whose MX and SPF records count for it")
	}
	if r.SPF.absent {
		record := "v=spf1 -all"
		if receives && !nullMX {
			record = "v=spf1 mx -all"
		}
		r.SPF.Findings.Error("no SPF record: anybody may send in the name of "+r.Name, publishTXT(r.Name, record))
	}
	if nullMX && r.DKIM.none {
		r.DKIM.Findings = finding.List{}
		r.DKIM.Findings.OK("no DKIM keys, as befits a domain without mail")
	}
	if d := &r.DMARC; d.absent {
		record := "v=DMARC1; p=none; rua=mailto:dmarc@" + r.Name
		if nullMX {
			record = "v=DMARC1; p=reject"
		}
		d.Findings.Error("no DMARC record: receivers are told nothing about forged mail of "+r.Name, publishTXT("_dmarc."+r.Name, record))
	} else if d.enforced() && !nullMX && r.SPF.absent && len(r.DKIM.Keys) == 0 && r.DKIM.none {
		d.Findings.Warning("the policy is enforced, but there is neither SPF nor a DKIM key by which mail could pass", "")
	}
}
