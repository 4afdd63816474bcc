package judgement

import (
	"fmt"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// list finds the marks of a mailing list together with what only a list, or somebody who
// took some trouble, puts beside them.
func list(res *result.Results) result.Fact {
	if !res.List.Marked() {
		return absent()
	}
	marks := foreign.Line(res.List.String(), 120)
	if change := ListChange(res); change != "" {
		return present(marks + "; " + change)
	}
	envelope, ok := res.EnvelopeSPF()
	domain := senderDomain(res)
	if ok && domain != "" && res.List.ID != "" && (message.Below(res.List.ID, domain) || sameOrganization(res.List.ID, domain)) {
		switch envelope.Status {
		case spf.Fail:
		case spf.TempError:
			return unknown("a DNS failure hides SPF of the list's sender address")
		default:
			return present(marks + "; the sender address is of the list's domain " + foreign.Line(domain, 100))
		}
	}
	if signer := HiddenListSigner(res); signer != "" {
		return unknown("a DNS failure hides a signature of " + foreign.Line(signer, 100))
	}
	return absent()
}

// ListChange returns the evidence that a list caused a failure: the message was changed
// after the author's domain signed it, or the list's domain signed it; "" if there is
// none. A broken signature counts only if its key exists.
func ListChange(res *result.Results) string {
	if change := changed(res); change != "" {
		return change
	}
	for _, d := range res.DKIM {
		if status, _ := res.Counts(d); status == dkim.Pass && res.List.ID != "" && message.Below(res.List.ID, d.Domain) {
			return "signed by the list's domain " + foreign.Line(d.Domain, 100)
		}
	}
	return ""
}

// HiddenListSigner returns the domain of a signature that a DNS failure hides, and that
// may be the list's or one that the list broke; "" if there is none.
func HiddenListSigner(res *result.Results) string {
	for _, d := range res.DKIM {
		if d.Status == dkim.TempError && d.Domain != "" && (ofAuthor(res, d.Domain) || res.List.ID != "" && message.Below(res.List.ID, d.Domain)) {
			return d.Domain
		}
	}
	return ""
}

// changed returns what was changed behind a signature of the author's domain; "" if there
// is no such signature.
func changed(res *result.Results) string {
	for _, d := range res.DKIM {
		if d.Status == dkim.Fail && d.KeyBits > 0 && ofAuthor(res, d.Domain) {
			return fmt.Sprintf("changed behind the signature of %s (%s)", foreign.Line(d.Domain, 100), foreign.Line(d.Reason, 100))
		}
	}
	return ""
}

// altered finds a signature of the author's domain under which something was changed or
// added. Gateways and forwarders do that without a mark of a list. To forge it takes a
// message that the domain signed, or a signature that names a key of it.
func altered(res *result.Results) result.Fact {
	if change := changed(res); change != "" {
		return present(change)
	}
	for _, d := range res.DKIM {
		switch {
		case !ofAuthor(res, d.Domain):
		case d.Status == dkim.Pass && d.Partial:
			return present("something may be added to what " + foreign.Line(d.Domain, 100) + " signed (l=)")
		case d.Status == dkim.TempError:
			return unknown("a DNS failure hides the signature of " + foreign.Line(d.Domain, 100))
		}
	}
	return absent()
}

// ofAuthor reports whether a signer's domain is the author's, above or below it.
func ofAuthor(res *result.Results, domain string) bool {
	author := res.Author.Domain
	return domain != "" && (message.Below(author, domain) || message.Below(domain, author))
}

// arcChain finds an ARC chain that begins with the author's pass. It is not proven:
// anybody can seal, and say what the seal covers.
func arcChain(res *result.Results) result.Fact {
	if len(res.ARC.Sealers) == 0 {
		return absent()
	}
	first := res.ARC.Sealers[0]
	switch res.ARC.Status {
	case arc.TempError:
		return unknown("a DNS failure hides whether the ARC chain verifies")
	case arc.Pass:
	default:
		return absent()
	}
	switch why, hidden := res.Unauthenticated(first.Recorded); {
	case why == "":
		return present("the ARC chain verifies, and its first sealer, " + foreign.Line(first.Domain, 100) + ", saw the author authenticated")
	case hidden:
		return unknown("a DNS failure hides whether the first sealer saw the author authenticated")
	}
	return absent()
}

// forwardFields finds fields that forwarders write. Anybody can write them.
func forwardFields(res *result.Results) result.Fact {
	if f := res.Marks.Forward; f != "" && f != result.ForwardSRS {
		return present("it bears the field " + foreign.Line(f, 60))
	}
	return absent()
}
