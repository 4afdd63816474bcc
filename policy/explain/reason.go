package explain

import (
	"fmt"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

func HiddenClient(problem string) string {
	return "the client behind the relay is not known: " + problem
}

// authorProblem says why a message has no author domain.
func AuthorProblem(a message.Author) string {
	if a.Absent {
		return "the author has no domain: " + a.Problem
	}
	return "the author is ambiguous: " + a.Problem
}

// hiddenName is said to a client whose name, which DNS trouble hides, might save
// it from a refusal.
const HiddenName = "The client's name could not be verified because of DNS trouble"

func HiddenSignature(domain string) string {
	return "A signature of " + foreign.Line(domain, 200) + " could not be verified because of DNS trouble"
}

// failText tells a person why DMARC failed: whose domain, what it asks for,
// and what each method found.
func DMARCFailure(res *result.Results) string {
	d := res.DMARC
	ask := "refuse"
	if d.Policy == dmarc.PolicyQuarantine {
		ask = "quarantine"
	}
	return fmt.Sprintf("DMARC: %s asks to %s mail that does not prove to be its own; %s; %s",
		foreign.Line(d.AuthorDomain, 120), ask, SPFFound(res), DKIMFound(res))
}

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

// adviceFor says to the person whose message is refused who must do what; "" if
// there is nothing to say.
func adviceFor(res *result.Results, v *result.Verdict) string {
	author := foreign.Line(res.Author.Domain, 100)
	switch v.Rule {
	case result.RuleAmbiguousAuthor:
		return "Send it with one From field that names one domain"
	case result.RuleOwnDomain:
		return "Whoever sends for a domain of this server must log in to it"
	case result.RuleUnsigned:
		return "The administrators of " + author + " must see to it that all its mail is signed"
	case result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError:
		return adviceOnSPF(res, v.Rule)
	case result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleAuthorOverride:
	default:
		return ""
	}
	if len(v.Hints) == 0 {
		return ""
	}
	switch v.Hints[0].Word {
	case result.HintList:
		return "A mailing list changed the message; its owner should set it to rewrite From, or to leave messages as they are"
	case result.HintAltered:
		return "The message was changed after it was signed; send it directly, or have the forwarder leave it as it is"
	case result.HintMaybeForwarded:
		return "If it was forwarded, write to the final address, or ask the administrators of " + author + " to sign with DKIM"
	case result.HintOtherSigner:
		return "If this is genuine, the service that sent it must sign with DKIM as " + author
	case result.HintKeyMissing:
		return "The administrators of " + author + " must publish the DKIM key that it was signed with"
	case result.HintWeak:
		return "The administrators of " + author + " must sign with rsa-sha256 and a key of 2048 bits"
	case result.HintStrict:
		return "The administrators of " + author + " must sign as that very domain, or relax their DMARC record"
	case result.HintExpired:
		return "Please send it again"
	case result.HintPartial:
		return "The administrators of " + author + " must sign without l="
	case result.HintSPFBroken:
		return "The administrators of " + author + " must repair the SPF record"
	case result.HintUnauthenticated:
		return "If you may send for " + author + ", its administrators must list your server in SPF or sign with DKIM"
	}
	return ""
}

func adviceOnSPF(res *result.Results, rule string) string {
	s, _ := res.EnvelopeSPF()
	domain := foreign.Line(s.Domain, 100)
	if rule == result.RuleSPFPermError {
		return "The administrators of " + domain + " must repair the SPF record"
	}
	return "If you may send for " + domain + ", its administrators must list your server in SPF"
}

// dkimFound speaks of the signature that comes nearest to the author.
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

// nearer reports whether a says more about the author's domain than b.
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

func Sentence(result, reason string) string {
	if reason == "" {
		return result
	}
	return result + ", " + foreign.Line(reason, 300)
}
