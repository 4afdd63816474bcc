package result

import (
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/spf"
)

// Counts returns the status of a signature for DMARC and for our field, and its reason.
// It differs from that of d if the signature passes but leaves a part of the body
// unsigned, which RFC 6376 section 8.2 allows to treat as a failure, and if its key is
// in test mode (t=y): RFC 6376 section 3.6.1 does not let such mail be treated
// differently from unsigned mail, whether the signature passes or fails.
func (r *Results) Counts(d dkim.Result) (dkim.Status, string) {
	if d.Status == dkim.Pass && d.Partial && r.PartialBody != "" && r.PartialBody != dkim.Pass {
		return r.PartialBody, "l= leaves a part of the body unsigned"
	}
	if d.Testing && (d.Status == dkim.Pass || d.Status == dkim.Fail) {
		return dkim.Neutral, "the key is in test mode (t=y), its signatures do not count"
	}
	return d.Status, d.Reason
}

// EnvelopeSPF returns the SPF result that DMARC uses, and whether there is one. It is
// that of MAIL FROM, or of postmaster@HELO for the null sender (RFC 7208 section 2.4).
func (r *Results) EnvelopeSPF() (spf.Result, bool) {
	want := spf.MailFrom
	if r.MailFrom == "" {
		want = spf.HELO
	}
	for _, s := range r.SPF {
		if s.Identity == want {
			return s, true
		}
	}
	return spf.Result{}, false
}
