package result

import (
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/spf"
)

// Counts returns the status of a signature for DMARC and for our field, and its reason.
// It differs from that of d if the signature passes but leaves a part of the body
// unsigned, which RFC 6376 section 8.2 allows to treat as a failure.
func (r *Results) Counts(d dkim.Result) (dkim.Status, string) {
	if d.Status == dkim.Pass && d.Partial && r.PartialBody != "" && r.PartialBody != dkim.Pass {
		return r.PartialBody, "l= leaves a part of the body unsigned"
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
