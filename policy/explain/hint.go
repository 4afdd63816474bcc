package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// maxHints bounds the hints of one message.
const maxHints = 4

// Hints reads what was found as a person with experience would, the most telling
// first; empty, and not nil, if nothing is remarkable. It is a pure function.
func Hints(res *result.Results) []result.Hint {
	hints := []result.Hint{}
	if res.Exempt != "" || res.Oversize != "" || res.Author.Domain == "" {
		return hints
	}
	h := &hinter{res: res, author: foreign.Line(res.Author.Domain, 120)}
	h.envelope, _ = res.EnvelopeSPF()
	switch res.DMARC.Status {
	case dmarc.Fail:
		h.failed()
	case dmarc.TempError:
		h.undecided()
	case dmarc.Pass, dmarc.None:
		h.passed()
	}
	if len(h.hints) == 0 {
		return hints
	}
	return h.hints[:min(len(h.hints), maxHints)]
}

// settled takes out what a rule has settled: where a trusted party vouches for a
// message, nobody need wonder whether it was forged or forwarded.
func settled(hints []result.Hint, rule string) []result.Hint {
	switch rule {
	case result.RuleTrustedForwarder, result.RuleTrustedSealer, result.RuleMailingList:
		return slices.DeleteFunc(hints, func(h result.Hint) bool {
			return h.Word == result.HintUnauthenticated || h.Word == result.HintMaybeForwarded
		})
	}
	return hints
}

type hinter struct {
	res      *result.Results
	author   string
	envelope spf.Result
	hints    []result.Hint
}

func (h *hinter) add(w result.HintWord, format string, args ...any) {
	for _, other := range h.hints {
		if other.Word == w {
			return
		}
	}
	h.hints = append(h.hints, result.Hint{Word: w, Text: foreign.Line(fmt.Sprintf(format, args...), 400)})
}

// passed: the one thing worth telling of a message that nothing is held against.
func (h *hinter) passed() {
	if (h.envelope.Status == spf.Fail || h.envelope.Status == spf.SoftFail) && h.signed() {
		h.add(result.HintForwarded, "Probably forwarded as it was, or sent by a host that the SPF record lacks: the client %s may not send for %s, but the signature of %s is intact.",
			h.res.Client.IP, foreign.Line(h.envelope.Domain, 120), h.author)
	}
}

// signed reports whether a signature speaks for the author. Without a DMARC
// record there is no alignment; then one of the same organization does.
func (h *hinter) signed() bool {
	if h.res.DMARC.DKIMAligned || h.res.DMARC.Status == dmarc.Pass {
		return h.res.DMARC.DKIMAligned
	}
	for _, s := range h.res.DKIM {
		if status, _ := h.res.Counts(s); status == dkim.Pass && h.res.Related(s.Domain) {
			return true
		}
	}
	return false
}

func (h *hinter) undecided() {
	if c := h.res.Client; c.Hidden != "" && !c.Inside {
		h.add(result.HintNotChecked, "The message could not be checked: %s. Look at the Received fields of the relay %s, and at what trust.relays lists.", HiddenClient(c.Hidden), c.Relay)
		return
	}
	h.add(result.HintNotChecked, "The message could not be checked to the end, which is no evidence against it: %s.", cmp.Or(h.res.DMARC.Reason, "nothing"))
}

func (h *hinter) failed() {
	res := h.res
	own, intact := false, ""
	for _, s := range res.DKIM {
		switch {
		case res.Related(s.Domain):
			own = true
			h.ownSignature(s)
		case s.Status == dkim.Pass && intact == "":
			intact = foreign.Line(s.Domain, 120)
		}
	}
	if h.envelope.Status == spf.PermError {
		h.add(result.HintSPFBroken, "The SPF record of %s is broken, so that it speaks for nobody: %s.", foreign.Line(h.envelope.Domain, 120), foreign.Line(brokenSPF(h.envelope), 200))
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

// unsigned: no signature of use, and nothing that would explain what SPF found.
func (h *hinter) unsigned() {
	d := h.res.DMARC
	asks := "publishes DMARC"
	if d.Policy != "" && d.Policy != dmarc.PolicyNone {
		asks = "asks to " + verb(d.Policy) + " such mail"
	}
	switch {
	case h.envelope.Status == spf.None && h.res.Related(h.envelope.Domain):
		h.add(result.HintUnauthenticated, "There is neither SPF nor DKIM of %s to go by, although it %s: the domain sends without authentication, or this is forged.", h.author, asks)
	case h.res.Related(h.envelope.Domain):
		h.add(result.HintUnauthenticated, "The client %s is none of the hosts that may send for %s, and %s did not sign the message: it is forged, or sent by a host that the owner forgot.", cmp.Or(h.res.Client.IP, "a client of unknown address"), foreign.Line(h.envelope.Domain, 120), h.author)
	default:
		h.add(result.HintUnauthenticated, "Nothing in the message comes from %s, which %s: it is forged, or sent by a service that the owner never set up to send for it.", h.author, asks)
	}
}

// ownSignature tells what became of a signature of the author's organization.
func (h *hinter) ownSignature(s dkim.Result) {
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
			dkim.FailureKeyMissing: "is not published, never was or was rotated away too early: it must stand there",
			dkim.FailureKeyRevoked: "was withdrawn: it must stand there",
			dkim.FailureKeyBroken:  "cannot be read: the owner must repair it, and leave it",
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

// forwarder says by what a forwarder shows; "" if none does.
func (h *hinter) forwarder() string {
	switch m := h.res.Marks; {
	case h.envelope.Status == spf.Pass && h.res.Related(h.envelope.Domain):
		return ""
	case h.res.ARC.Status == arc.Pass && len(h.res.ARC.Sealers) > 0:
		return "ARC chain sealed by " + foreign.Line(h.res.ARC.Sealers[len(h.res.ARC.Sealers)-1].Domain, 120)
	case h.res.ARC.Instances > 0:
		return "broken ARC chain"
	case m.Forward == "SRS":
		return "envelope rewritten by SRS"
	case m.Forward != "":
		return "field " + m.Forward
	case h.res.List.Marked():
		return "marks of " + listName(h.res.List)
	}
	return ""
}

func (h *hinter) has(w result.HintWord) bool {
	for _, x := range h.hints {
		if x.Word == w {
			return true
		}
	}
	return false
}

func listName(l message.List) string {
	if l.ID != "" {
		return "the list " + foreign.Line(l.ID, 80)
	}
	return "a list (" + foreign.Line(l.String(), 80) + ")"
}

func verb(p dmarc.Policy) string {
	if p == dmarc.PolicyQuarantine {
		return "quarantine"
	}
	return "refuse"
}
