package rules

import (
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// authenticationResults returns the value of our Authentication-Results field; ""
// for a message that was not checked.
func (r *Rules) authenticationResults(res *result.Results, v *result.Verdict) string {
	if res.Exempt != "" {
		return ""
	}
	ms := r.methods(res)
	ms[0].Properties = append(ms[0].Properties, overrideProperties(v.Overrides)...)
	return authres.Format(r.AuthservID, ms)
}

// overrideProperties returns the properties of the DMARC result that name the
// overrides: policy.override-reason has the reasons of RFC 9990, and
// policy.override-by the keys and rules in the same order. The texts of overrides
// contain foreign text and are only logged.
func overrideProperties(overrides []result.Override) []authres.Property {
	var reasons, by []string
	for _, o := range overrides {
		reasons = append(reasons, string(o.Reason))
		by = append(by, o.By)
	}
	return properties("policy.override-reason", strings.Join(reasons, ","), "policy.override-by", strings.Join(by, ","))
}

// methods returns the results for Authentication-Results in the order of their use to
// a reader: the author, the signers, the client.
func (r *Rules) methods(res *result.Results) []authres.Method {
	ms := []authres.Method{dmarcMethod(res)}
	if len(res.DKIM) == 0 && res.Oversize == "" {
		ms = append(ms, authres.Method{Name: "dkim", Result: string(dkim.None)})
	}
	for _, signature := range res.DKIM {
		signature.Status, signature.Reason = res.Counts(signature)
		ms = append(ms, dkimMethod(signature))
	}
	if res.ARC.Status != "" && res.Oversize == "" {
		ms = append(ms, arcMethod(res))
	}
	ms = append(ms, r.spfMethods(res)...)
	if res.IPRev.Status != "" {
		ms = append(ms, iprevMethod(res))
	}
	for _, d := range res.SenderDomains {
		ms = append(ms, senderMethod(d))
	}
	return ms
}

func dmarcMethod(res *result.Results) authres.Method {
	d := res.DMARC
	m := authres.Method{Name: "dmarc", Result: string(d.Status), Properties: properties(
		"header.from", d.AuthorDomain, "policy.dmarc", string(d.Policy))}
	if d.Status != "pass" {
		m.Reason = d.Reason
	}
	return m
}

func dkimMethod(r dkim.Result) authres.Method {
	m := authres.Method{Name: "dkim", Result: string(r.Status), Properties: properties(
		"header.d", r.Domain, "header.s", r.Selector, "header.a", r.Algorithm, "header.b", r.Signature)}
	if r.Status != dkim.Pass {
		m.Reason = r.Reason
	}
	// RFC 8601 section 2.7.1: neutral is for signatures with syntax errors. By RFC 6376
	// section 6.1.1 they are permerror, as which they count inside.
	if r.Failure == dkim.FailureMalformed {
		m.Result = string(dkim.Neutral)
	}
	return m
}

// arcMethod returns the result of RFC 8617 section 7.1 with the registered results
// and properties of section 10 alone. header.oldest-pass is 0 if all message
// signatures verify. A chain whose keys could not be looked up has failed for its
// readers (section 5.2.1 has no temporary errors); inside it stays temperror, so that
// the message can be deferred.
func arcMethod(res *result.Results) authres.Method {
	m := authres.Method{Name: "arc", Result: string(res.ARC.Status)}
	switch res.ARC.Status {
	case arc.Pass:
		m.Properties = properties("header.oldest-pass", strconv.Itoa(res.ARC.OldestPass))
	case arc.TempError:
		m.Result, m.Reason = string(arc.Fail), res.ARC.Reason
	default:
		m.Reason = res.ARC.Reason
	}
	m.Properties = append(m.Properties, properties("smtp.remote-ip", res.Client.IP)...)
	return m
}

// spfMethods returns the result for the sender: that of MAIL FROM, or of HELO for the
// null sender (RFC 7208 section 2.4). Some readers take the first result of a method and
// some the last, so HELO's stands beside MAIL FROM's only on request, and behind it.
func (r *Rules) spfMethods(res *result.Results) []authres.Method {
	var ms []authres.Method
	envelope, ok := res.EnvelopeSPF()
	if ok {
		ms = append(ms, spfMethod(res, envelope))
	}
	for _, other := range res.SPF {
		if r.SPFHelo && other.Identity == spf.HELO && (!ok || envelope.Identity != spf.HELO) {
			ms = append(ms, spfMethod(res, other))
		}
	}
	return ms
}

func spfMethod(res *result.Results, r spf.Result) authres.Method {
	m := authres.Method{Name: "spf", Result: string(r.Status)}
	property := "smtp.helo"
	if r.Identity == spf.MailFrom {
		property = "smtp.mailfrom"
	}
	m.Properties = properties(property, spfIdentity(res.MailFrom, r))
	if r.Status == spf.TempError || r.Status == spf.PermError || res.Client.Hidden != "" {
		m.Reason = r.Reason
	}
	return m
}

// spfIdentity returns what a result of SPF is about: the domain in A-labels. The
// local part is beside it only if a term of the record used it (RFC 8601 section
// 2.7.2), and if it can be written without quotes (section 2.2): some readers take a
// quoted address for one of the domains in it. The rest of the client's words stay in
// the log.
func spfIdentity(mailFrom string, r spf.Result) string {
	if r.Identity == spf.MailFrom && r.LocalPart {
		local, _ := message.SplitPath(mailFrom)
		return authres.Address(local, r.Domain)
	}
	return r.Domain
}

func iprevMethod(res *result.Results) authres.Method {
	m := authres.Method{
		Name: "iprev", Result: string(res.IPRev.Status),
		Properties: properties("policy.iprev", res.Client.IP, "policy.ptr", res.Client.PTR),
	}
	if res.IPRev.Status != iprev.Pass {
		m.Reason = res.IPRev.Reason
	}
	return m
}

// properties returns the properties of pairs "ptype.name", value. Empty values are
// left out.
func properties(pairs ...string) []authres.Property {
	var ps []authres.Property
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		ptype, name, _ := strings.Cut(pairs[i], ".")
		ps = append(ps, authres.Property{Type: ptype, Name: name, Value: pairs[i+1]})
	}
	return ps
}

// senderMethod returns the result for a sender's domain, with the name and the
// properties that authentication_milter gave to this check. "x-" marks a method
// that is not registered (RFC 8601 section 2.7.7).
func senderMethod(d result.SenderDomain) authres.Method {
	m := authres.Method{Name: "x-return-mx", Result: "fail", Reason: d.Reason}
	switch d.Status {
	case mx.Accepts:
		m.Result, m.Reason = "pass", ""
	case mx.TempError, mx.None:
		m.Result = string(d.Status)
	}
	property := "smtp.domain"
	if d.Identity == result.SenderAuthor {
		property = "header.domain"
	}
	m.Properties = properties(property, d.Domain)
	return m
}
