package rules

import (
	"fmt"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// spf applies the demand on an SPF result of MAIL FROM. It does not apply to a message
// that the same domain signed, which may have been forwarded.
func (r *Rules) spf(d *decision, s step, status spf.Status) {
	want := r.action(s)
	if want == "" {
		return
	}
	res := d.results
	found, ok := res.EnvelopeSPF()
	// A client that logged in may have any address.
	if !ok || found.Status != status || found.Domain == "" || res.User != "" {
		return
	}
	if signed(res, func(domain string) bool { return message.Below(found.Domain, domain) }) != unproven {
		return // it signed the message, or a DNS failure hides whether it did
	}
	domain, text := foreign.Line(found.Domain, 100), ""
	switch s {
	case stepSPFFail:
		text = fmt.Sprintf("SPF: %s does not let %s send its mail", domain, res.Client.IP)
		if found.Explanation != "" {
			// RFC 7208 section 6.2: the text must show which words are foreign.
			text += fmt.Sprintf("; %s explains: %q", domain, foreign.Line(found.Explanation, 180))
		}
	case stepSPFSoftfail:
		text = fmt.Sprintf("SPF: %s does not know %s as a sender of its mail", domain, res.Client.IP)
	case stepSPFPermError:
		text = fmt.Sprintf("SPF of %s ends in an error: %s", domain, foreign.Line(found.Reason, 200))
	case stepSPFTempError:
		text = "SPF of " + domain + " could not be evaluated because of a DNS failure; please try again later"
	}
	r.demand(d, s.verdict(want, text))
}
