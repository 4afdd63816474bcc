package policy

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/spf"
)

// failText tells a person why DMARC failed: whose domain, what it asks for,
// and what each method found.
func failText(res *Results) string {
	d := res.DMARC
	ask := "refuse"
	if d.Policy == dmarc.PolicyQuarantine {
		ask = "quarantine"
	}
	return fmt.Sprintf("DMARC: %s asks to %s mail that does not prove to be its own; %s; %s",
		printable(d.AuthorDomain, 120), ask, spfFound(res), dkimFound(res))
}

func spfFound(res *Results) string {
	r, ok := res.envelopeSPF()
	domain := printable(r.Domain, 80)
	switch {
	case res.Client.IP == "":
		return "SPF could not be checked, as the client's address is unknown"
	case !ok || domain == "" && r.Status == spf.None:
		return "no domain for SPF to check"
	case r.Status == spf.None:
		return "no SPF record at " + domain
	case r.Status == spf.Pass:
		return "SPF passed, but for " + domain
	}
	return fmt.Sprintf("SPF %s for %s from %s", r.Status, domain, res.Client.IP)
}

// dkimFound speaks of the signature that comes nearest to the author.
func dkimFound(res *Results) string {
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
	domain := printable(best.Domain, 80)
	if best.Status == dkim.Pass {
		return "DKIM passed, but for " + domain
	}
	text := fmt.Sprintf("DKIM %s", best.Status)
	if domain != "" {
		text += " for " + domain
	}
	if best.Reason != "" {
		text += " (" + printable(best.Reason, 100) + ")"
	}
	return text
}

// nearer reports whether a says more about the author's domain than b.
func nearer(a, b dkim.Result, author string) bool {
	rank := func(r dkim.Result) int {
		switch {
		case r.Domain != "" && (r.Domain == author || strings.HasSuffix(author, "."+r.Domain) || strings.HasSuffix(r.Domain, "."+author)):
			return 2
		case r.Status == dkim.Pass:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}
