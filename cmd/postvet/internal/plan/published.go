package plan

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dane"
	"github.com/postvet/postvet/policy/message"
)

// Published is the DNS as it would be with changes. A lookup that fails still fails.
type Published struct {
	Resolver lookups.Resolver
	Changes  []finding.Change
}

// Lookup returns an answer with the changes.
func (p *Published) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	a := p.Resolver.Lookup(ctx, name, t)
	if !a.Outcome.Known() {
		return a
	}
	b, changed := a.Copy(), false
	for _, c := range p.inOrder() {
		switch {
		case c.Remove && c.Type == "CNAME" && p.isAlias(ctx, c, name, t, a):
			b, changed = &dnscache.Answer{Outcome: dnscache.NXDomain, Authentic: a.Authentic, Expires: a.Expires}, true
		case c.Name == name && c.Type == t.String():
			apply(b, c)
			changed = true
		case !c.Remove && message.Below(c.Name, name) && b.Outcome == dnscache.NXDomain && b.Canonical == "":
			b.Outcome, changed = dnscache.NoData, true // a name is below it now
		}
	}
	if !changed {
		return a
	}
	return b
}

// isAlias reports whether a change takes the CNAME of a name away, which may be a wildcard.
func (p *Published) isAlias(ctx context.Context, c *finding.Change, name string, t dnscache.Type, a *dnscache.Answer) bool {
	if c.Name == name {
		return true
	}
	above, ok := strings.CutPrefix(c.Name, "*.")
	return ok && a.Canonical != "" && message.Below(name, above) && lookups.AliasOwner(ctx, p.Resolver, name, t, a.Canonical) == c.Name
}

// inOrder returns the changes, those first that take an alias away: nothing can stand
// beside one (RFC 1034 section 3.6.2).
func (p *Published) inOrder() (list []*finding.Change) {
	for _, aliases := range []bool{true, false} {
		for i := range p.Changes {
			if c := &p.Changes[i]; (c.Remove && c.Type == "CNAME") == aliases {
				list = append(list, c)
			}
		}
	}
	return list
}

// apply makes a change in a record set.
func apply(a *dnscache.Answer, c *finding.Change) {
	switch c.Type {
	case "TXT":
		if text, err := unquote(c.Data); err == nil && c.Remove {
			a.TXT = slices.DeleteFunc(slices.Clone(a.TXT), func(old string) bool { return old == text })
		} else if err == nil {
			a.TXT = append(slices.DeleteFunc(slices.Clone(a.TXT), func(old string) bool { return replaces(c, old) }), text)
		}
	case "MX":
		preference, host, _ := strings.Cut(c.Data, " ")
		n, _ := strconv.ParseUint(preference, 10, 16)
		x := dnscache.Exchange{Preference: uint16(n), Host: strings.TrimSuffix(host, ".")}
		a.MX = slices.DeleteFunc(slices.Clone(a.MX), func(old dnscache.Exchange) bool {
			return old.Preference == x.Preference && strings.EqualFold(strings.TrimSuffix(old.Host, "."), x.Host)
		})
		if !c.Remove {
			a.MX = append(a.MX, x)
			slices.SortStableFunc(a.MX, func(x, y dnscache.Exchange) int { return int(x.Preference) - int(y.Preference) })
		}
	case "PTR":
		a.Names = []string{strings.TrimSuffix(c.Data, ".")}
	case "A", "AAAA":
		if ip, err := netip.ParseAddr(c.Data); err == nil {
			a.Addrs = append(slices.Clone(a.Addrs), ip)
		}
	case "TLSA":
		applyTLSA(a, c)
	}
	a.Outcome = dnscache.NoData
	if len(a.TXT)+len(a.MX)+len(a.Names)+len(a.Addrs)+len(a.Data) > 0 {
		a.Outcome = dnscache.Found
	}
}

// applyTLSA adds or removes a TLSA record.
func applyTLSA(a *dnscache.Answer, c *finding.Change) {
	r, err := dane.ParseText(c.Data)
	if err != nil {
		return
	}
	octets := string([]byte{byte(r.Usage), byte(r.Selector), byte(r.Matching)}) + r.Data
	a.Data = slices.DeleteFunc(slices.Clone(a.Data), func(old string) bool { return old == octets })
	if !c.Remove {
		a.Data = append(a.Data, octets)
	}
}

// replaces reports whether a TXT record takes the place of another one. A name of a
// standard's own has one record; beside an SPF record others stay.
func replaces(c *finding.Change, old string) bool {
	if standardOf(c) != ofSPF {
		return true
	}
	return repair.MeantAsSPF(old)
}
