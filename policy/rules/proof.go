package rules

import (
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// proof says whether a message comes from where it claims to.
type proof uint8

const (
	unproven  proof = iota
	undecided       // a DNS failure hides it
	proven
)

// authenticated returns whether a signature or SPF authenticates a domain that counts.
// A message that was made on a trusted relay is proven. SPF is undecided if the client
// behind a relay is not known.
func authenticated(res *result.Results, counts func(domain string) bool) proof {
	if res.Client.Inside {
		return proven
	}
	best := signed(res, counts)
	s, ok := res.EnvelopeSPF()
	switch {
	case !ok:
	case res.Client.Hidden != "":
		if res.MailFrom == "" || counts(s.Domain) {
			return max(best, undecided)
		}
	case s.Domain == "" || !counts(s.Domain):
	case s.Status == spf.Pass:
		return proven
	case s.Status == spf.TempError:
		return max(best, undecided)
	}
	return best
}

// signed returns whether a domain that counts signed the message.
func signed(res *result.Results, counts func(domain string) bool) proof {
	best := unproven
	for _, d := range res.DKIM {
		if d.Domain == "" || !counts(d.Domain) {
			continue
		}
		switch status, _ := res.Counts(d); status {
		case dkim.Pass:
			return proven
		case dkim.TempError:
			best = undecided
		}
	}
	return best
}
