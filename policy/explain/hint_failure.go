package explain

import (
	"cmp"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// failed adds the hints for a message that fails DMARC.
func (h *hintSet) failed() {
	res := h.res
	own, intact := false, ""
	for _, s := range res.DKIM {
		switch {
		case related(res, s.Domain):
			own = true
			h.ownSignature(s)
		case s.Status == dkim.Pass && intact == "":
			intact = foreign.Line(s.Domain, 120)
		}
	}
	if h.envelope.Status == spf.PermError {
		h.add(result.HintSPFBroken, "The SPF record of %s is broken, so it speaks for nobody: %s.", foreign.Line(h.envelope.Domain, 120), foreign.Line(brokenSPF(h.envelope), 200))
	}
	if !own && intact != "" {
		h.add(result.HintOtherSigner, "The message is signed by %s only: it is forged, or %s sends through a service that signs with its own domain, and must have it sign as %s.",
			intact, h.author, h.author)
	}
	if by := h.forwarder(); by != "" && !h.has(result.HintList) {
		h.add(result.HintMaybeForwarded, "The message may have been forwarded (%s): that breaks SPF, and there is no intact signature of %s by which to tell it from a forgery.", by, h.author)
	}
	if !own && len(h.hints) == 0 {
		h.unsigned()
	}
}

// unsigned adds the hint for a message that has neither a signature of the author's
// organization nor another hint.
func (h *hintSet) unsigned() {
	d := h.res.DMARC
	asks := "publishes DMARC"
	if d.Policy != "" && d.Policy != dmarc.PolicyNone {
		asks = "asks to " + verb(d.Policy) + " such mail"
	}
	switch {
	case h.envelope.Status == spf.None && related(h.res, h.envelope.Domain):
		h.add(result.HintUnauthenticated, "There is neither SPF nor DKIM of %s to go by, although it %s: the domain sends without authentication, or this is forged.", h.author, asks)
	case related(h.res, h.envelope.Domain):
		h.add(result.HintUnauthenticated, "The client %s is none of the hosts that may send for %s, and %s did not sign the message: it is forged, or sent by a host that the owner forgot.", cmp.Or(h.res.Client.IP, "a client of unknown address"), foreign.Line(h.envelope.Domain, 120), h.author)
	default:
		h.add(result.HintUnauthenticated, "Nothing in the message comes from %s, which %s: it is forged, or sent by a service that the owner never set up to send for it.", h.author, asks)
	}
}

// ownSignature adds the hint for a signature of the author's organization.
func (h *hintSet) ownSignature(s dkim.Result) {
	domain := foreign.Line(s.Domain, 120)
	marks, list := h.res.Marks, h.res.List
	switch s.Failure {
	case dkim.FailureBody, dkim.FailureHeader, dkim.FailureBodyShort:
		what := "its body"
		if s.Failure == dkim.FailureHeader {
			what = "its header"
			if len(s.Changed) > 0 {
				what += " (" + foreign.Line(strings.Join(s.Changed, ", "), 80) + ")"
			} else if list.Marked() && marks.SubjectTag != "" {
				what += " (the Subject now begins with " + marks.SubjectTag + ")"
			}
		}
		if list.Marked() {
			h.add(result.HintList, "A mailing list altered the message: %s signed it, %s was changed since, and it bears the marks of %s. Footers, and tags in the Subject, break signatures.",
				domain, what, listName(list))
			return
		}
		h.add(result.HintAltered, "The message was altered on the way: %s signed it, and %s was changed since, by a forwarder, a gateway or a virus scanner; or the signature was copied from another message.", domain, what)
	case dkim.FailureKeyMissing, dkim.FailureKeyRevoked, dkim.FailureKeyBroken:
		what := map[dkim.Failure]string{
			dkim.FailureKeyMissing: "is not published; it never was, or it was removed too early. It must stay published",
			dkim.FailureKeyRevoked: "was withdrawn. It must stay published",
			dkim.FailureKeyBroken:  "cannot be read. The owner must repair it, and keep it",
		}[s.Failure]
		h.add(result.HintKeyMissing, "The DKIM key %s %s for as long as mail signed with it is under way.",
			foreign.Line(dkim.KeyName(s.Selector, s.Domain), 150), what)
	case dkim.FailureKeyShort, dkim.FailureAlgorithm:
		h.add(result.HintWeak, "The domain %s signs in a way that no longer counts (%s): its owner must move to rsa-sha256 with a key of 2048 bits.", domain, foreign.Line(s.Reason, 100))
	case dkim.FailureExpired:
		h.add(result.HintExpired, "The signature of %s %s: the message was under way for too long, or somebody sends an old one again.", domain, foreign.Line(s.Reason, 100))
	case "":
		switch status, _ := h.res.Counts(s); {
		case s.Status != dkim.Pass:
		case status == dkim.Pass:
			h.add(result.HintStrict, "The signature of %s is intact, but the record of %s demands that the very same domain signs (adkim=s): the owner must sign so, or relax the record.", domain, h.author)
		default:
			h.add(result.HintPartial, "The signature of %s covers only the first %d octets of the body (l=), and there are more: a list's footer, or foreign text behind a genuine message. The owner should sign without l=.", domain, s.BodyLength)
		}
	}
}
