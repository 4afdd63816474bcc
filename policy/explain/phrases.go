package explain

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// HiddenClient returns why the client behind a relay is not known.
func HiddenClient(problem string) string {
	return "the client behind the relay is not known: " + problem
}

// AuthorProblem returns why a message has no author domain.
func AuthorProblem(a message.Author) string {
	if a.Absent {
		return "the author has no domain: " + a.Problem
	}
	return "the author is ambiguous: " + a.Problem
}

// AuthorOddities returns what is odd about a From field in which all programs read one
// domain.
func AuthorOddities(a message.Author) string {
	return "the From field is odd, but all programs read the same domain: " + strings.Join(a.Oddities, "; ")
}

// HiddenName is the reply if a DNS failure hides a client name that might prevent a
// refusal.
const HiddenName = "The client's name could not be verified because of a DNS failure"

// HiddenSignature returns the reply if a DNS failure hides whether a signature is valid
// that might prevent a refusal.
func HiddenSignature(domain string) string {
	return "A signature of " + foreign.Line(domain, 200) + " could not be verified because of a DNS failure"
}

// HiddenSeal returns the reply if a DNS failure hides whether trusted sealers saw the
// author authenticated: the chain itself, or the organizations of what they recorded.
func HiddenSeal(res *result.Results) string {
	if res.ARC.Status == arc.Pass {
		return "The ARC chain is valid, but a DNS failure hides whether what its sealer saw authenticated is aligned with " + foreign.Line(res.Author.Domain, 120)
	}
	return "The ARC chain could not be verified because of a DNS failure"
}

// DMARCFailure returns why DMARC failed: the domain, its policy, and the results of SPF
// and DKIM.
func DMARCFailure(res *result.Results) string {
	d := res.DMARC
	return fmt.Sprintf("DMARC: %s asks to %s mail that does not prove to be its own; %s; %s",
		foreign.Line(d.AuthorDomain, 120), verb(d.Policy), SPFFound(res), DKIMFound(res))
}

// SPFFound returns the result of SPF as part of a sentence.
func SPFFound(res *result.Results) string {
	r, ok := res.EnvelopeSPF()
	domain := foreign.Line(r.Domain, 80)
	switch {
	case res.Client.Hidden != "":
		return "SPF could not be checked, as the client behind the relay is not known"
	case res.Client.IP == "":
		return "SPF could not be checked, as the client's address is unknown"
	case !ok || domain == "" && r.Status == spf.None:
		return "no domain for SPF to check"
	case r.Status == spf.None:
		return "no SPF record at " + domain
	case r.Status == spf.Pass:
		return "SPF passed, but for " + domain
	case r.Status == spf.PermError:
		return "the SPF record of " + domain + " is broken (" + foreign.Line(brokenSPF(r), 100) + ")"
	}
	return fmt.Sprintf("SPF %s for %s from %s", r.Status, domain, res.Client.IP)
}

// DKIMFound returns the result of DKIM as part of a sentence. It is that of the
// signature whose domain is closest to the author's.
func DKIMFound(res *result.Results) string {
	if len(res.DKIM) == 0 {
		return "no DKIM signature"
	}
	best := res.DKIM[0]
	for _, r := range res.DKIM {
		if nearer(r, best, res.DMARC.AuthorDomain) {
			best = r
		}
	}
	best.Status, best.Reason = res.Counts(best)
	domain := foreign.Line(best.Domain, 80)
	if best.Status == dkim.Pass {
		return "DKIM passed, but for " + domain
	}
	text := fmt.Sprintf("DKIM %s", best.Status)
	if domain != "" {
		text += " for " + domain
	}
	if best.Reason != "" {
		text += " (" + foreign.Line(best.Reason, 100) + ")"
	}
	return text
}

// nearer reports whether the domain of a is closer to the author's than that of b.
func nearer(a, b dkim.Result, author string) bool {
	rank := func(r dkim.Result) int {
		switch {
		case r.Domain != "" && (message.Below(author, r.Domain) || message.Below(r.Domain, author)):
			return 2
		case r.Status == dkim.Pass:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}

// withReason adds a reason to a result, if there is one.
func withReason(result, reason string) string {
	if reason == "" {
		return result
	}
	return result + ", " + foreign.Line(reason, 300)
}

// participle returns the word for a message with which an action was taken.
func participle(a result.Action) string {
	switch a {
	case result.Accept:
		return "accepted"
	case result.Quarantine:
		return "held"
	case result.Reject:
		return "rejected"
	case result.TempFail:
		return "deferred"
	case result.Redirect:
		return "redirected"
	case result.Discard:
		return "discarded"
	}
	return string(a)
}

// count returns a number with a noun in singular or plural.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// listName returns the name of a list or, without one, its marks.
func listName(l message.List) string {
	if l.ID != "" {
		return "the list " + foreign.Line(l.ID, 80)
	}
	return "a list (" + foreign.Line(l.String(), 80) + ")"
}

// verb returns the verb for what a policy asks for.
func verb(p dmarc.Policy) string {
	if p == dmarc.PolicyQuarantine {
		return "quarantine"
	}
	return "refuse"
}

// related reports whether a domain seems to be of the author's organization. It is
// broader than alignment.
func related(res *result.Results, domain string) bool {
	author := res.Author.Domain
	return domain != "" && (message.Below(domain, author) || strings.Contains(domain, ".") && message.Below(author, domain) ||
		message.Below(domain, res.DMARC.OrganizationalDomain))
}
