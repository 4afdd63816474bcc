package inspect

import (
	"context"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// takeOvers tells which names others could get hold of. It asks the DNS whether the
// domain above a missing name is registered at all.
type takeOvers struct {
	ctx     context.Context
	lookups *lookups.Lookups
	domain  string // the inspected one
}

// of returns what follows from a missing name in a sentence's end, "" if the name is one of
// the domain's own: nobody else can make it exist.
func (t *takeOvers) of(name string) string {
	if message.Below(name, t.domain) || registered(name) == registered(t.domain) {
		return ""
	}
	text := "; anybody who gets hold of that name can send as " + t.domain
	if above := registered(name); above != "" && t.free(above) {
		text += ", and anybody can register " + above
	}
	return text
}

// free reports whether a domain can be registered: it does not exist, but what is above it,
// such as a top-level domain, does.
func (t *takeOvers) free(domain string) bool {
	_, suffix, _ := strings.Cut(domain, ".")
	if t.lookups.Lookup(t.ctx, domain, dnscache.NS).Outcome != dnscache.NXDomain {
		return false
	}
	above := t.lookups.Lookup(t.ctx, suffix, dnscache.NS).Outcome
	return above.Known() && above != dnscache.NXDomain
}

// registered returns the domain of a name that somebody registers, "" if that is not known.
func registered(name string) string {
	above, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(name, "."))
	if err != nil {
		return ""
	}
	return above
}

// first returns the first of the names that others could get hold of, with what follows.
func (t *takeOvers) first(gone []string) (name, risk string) {
	for _, name := range gone {
		if _, err := netip.ParseAddr(name); err == nil {
			continue // nobody can register an address
		}
		if risk = t.of(name); risk != "" {
			return name, risk
		}
	}
	return "", ""
}
