package inspect

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// wellKnown is the selectors that large providers and common software use. The DNS
// has no list of the selectors of a domain.
var wellKnown = [...]string{
	"default", "dkim", "mail", "smtp", "email", "key1", "key2", "mx", "s1", "s2", "s1024", "s2048", // common software
	"selector1", "selector2", // Microsoft 365
	"google",         // Google Workspace
	"k1", "k2", "k3", // Mailchimp and Mandrill
	"fm1", "fm2", "fm3", // Fastmail
	"protonmail", "protonmail2", "protonmail3", // Proton
	"sig1",          // iCloud
	"zoho", "zmail", // Zoho
	"mandrill", "mte1", // Mandrill
	"pm", "pm-bounces", // Postmark
	"scph0920", "cm", "dkim1", "dkim2", "ctct1", "ctct2", "hs1", "hs2", // other senders of bulk mail
	"rsa", "ed25519", "mxvault", "everlytickey1", "turbo-smtp", "sm", "sendgrid",
}

// noSelector is a selector that no domain has. A record there is a wildcard.
const noSelector = "postvet-no-such-selector"

// maxSelectors bounds how many selectors the caller may name.
const maxSelectors = 50

// DKIM is the keys that were found.
type DKIM struct {
	// Probed is how many selectors were looked up; keys under other names cannot
	// be found.
	Probed int   `json:"probed"`
	Keys   []Key `json:"keys"`
	// Absent reports that there are no keys under any name.
	Absent   bool         `json:"absent"`
	Findings finding.List `json:"findings"`

	unknown   []string // selectors whose lookup failed, or whose name leads elsewhere
	misplaced bool     // there are keys where nobody looks for them
	revoked   bool     // a wildcard revokes every selector that is not shown
}

func inspectDKIM(ctx context.Context, l *lookups.Lookups, domain string, o *Options) DKIM {
	k := DKIM{Keys: []Key{}, Findings: finding.List{}}
	p := probe{domain: domain}
	p.selectors = k.validSelectors(o.Selectors)
	p.named = len(p.selectors)
	for _, s := range o.Observed.recentSelectors(maxSelectors) {
		if !slices.Contains(p.selectors, s) {
			p.selectors = append(p.selectors, s)
		}
	}
	for _, s := range wellKnown {
		if !slices.Contains(p.selectors, s) {
			p.selectors = append(p.selectors, s)
		}
	}
	k.Probed = len(p.selectors)
	p.lookUp(ctx, l)
	k.checkWildcard(ctx, l, &p)
	failed := k.readAnswers(&p)
	k.checkSeen(o)
	k.findMisplaced(ctx, l, &p)
	k.Absent = len(k.Keys) == 0 && failed == 0 && p.root.Outcome == dnscache.NXDomain
	if len(k.Keys) == 0 && failed == 0 && !p.isWildcard() && !k.misplaced {
		k.checkAbsence(&p)
	}
	return k
}

// validSelectors returns those of the selectors that the caller named which can be
// looked up.
func (k *DKIM) validSelectors(named []string) (selectors []string) {
	for _, s := range named {
		if name, ok := normalize(s); ok && len(selectors) < maxSelectors && !slices.Contains(selectors, name) {
			selectors = append(selectors, name)
		} else if !ok {
			k.Findings.Error(foreign.Word(s, advice.MaxText)+" cannot be a selector", "")
		}
	}
	return selectors
}

// probe is the lookup of many selectors of a domain.
type probe struct {
	domain    string
	selectors []string
	named     int                // so many of the selectors, the first, were named by the caller
	answers   []*dnscache.Answer // by selector
	root      *dnscache.Answer   // of _domainkey, below which all keys stand
	wildcard  *dnscache.Answer   // of noSelector
}

func (p *probe) lookUp(ctx context.Context, l *lookups.Lookups) {
	p.answers = make([]*dnscache.Answer, len(p.selectors))
	var all sync.WaitGroup
	all.Go(func() {
		p.root = l.Lookup(ctx, "_domainkey."+p.domain, dnscache.TXT)
		p.wildcard = &dnscache.Answer{Outcome: dnscache.NXDomain}
		if p.root.Outcome != dnscache.NXDomain {
			p.wildcard = l.Lookup(ctx, dkim.KeyName(noSelector, p.domain), dnscache.TXT)
		}
	})
	for i, s := range p.selectors {
		all.Go(func() { p.answers[i] = l.Lookup(ctx, dkim.KeyName(s, p.domain), dnscache.TXT) })
	}
	all.Wait()
	// Nothing is below a name that does not exist (RFC 8020), but some servers say so of
	// names that have only others below them.
	if p.root.Outcome == dnscache.NXDomain && slices.ContainsFunc(p.answers, func(a *dnscache.Answer) bool { return a.Outcome == dnscache.Found || a.Canonical != "" }) {
		p.wildcard = l.Lookup(ctx, dkim.KeyName(noSelector, p.domain), dnscache.TXT)
	}
}

func (p *probe) isWildcard() bool { return p.wildcard.Outcome == dnscache.Found }

func (k *DKIM) checkWildcard(ctx context.Context, l *lookups.Lookups, p *probe) {
	if target := advice.MissingTarget(p.wildcard); target != "" {
		owner := lookups.AliasOwner(ctx, l, dkim.KeyName(noSelector, p.domain), dnscache.TXT, target)
		k.Findings.Add(finding.Error, advice.TakeOver(owner, target, "can sign as "+p.domain), advice.RemoveAlias(owner))
	}
	if !p.isWildcard() {
		return
	}
	if key, err := dkim.ParseKey(p.wildcard.TXT[0]); err == nil && key.Revoked {
		k.revoked = true
		k.Findings.OK("a wildcard revokes every selector that is not shown")
	} else {
		k.Findings.Warning("a wildcard answers for every selector; only what differs from it is shown", "")
	}
}

// readAnswers reads the keys, and returns how many lookups failed.
func (k *DKIM) readAnswers(p *probe) (failed int) {
	var failure *dnscache.Answer // of a well-known selector
	for i, a := range p.answers {
		isNamed := i < p.named
		name := dkim.KeyName(p.selectors[i], p.domain)
		switch {
		case a.Outcome == dnscache.Found:
			if !isNamed && p.isWildcard() && slices.Equal(a.TXT, p.wildcard.TXT) {
				k.unknown = append(k.unknown, p.selectors[i])
				continue
			}
			// A well-known name may hold anything: a text that is no key is no finding.
			if key := readKey(p.selectors[i], name, a); isNamed || key.Type != "" || slices.ContainsFunc(a.TXT, repair.MeantAsKey) {
				key.Named = isNamed
				k.Keys = append(k.Keys, key)
			}
		case !a.Outcome.Known():
			k.unknown = append(k.unknown, p.selectors[i])
			if failed++; isNamed {
				k.Findings.DNSFailure(lookups.Failure("the key", name, a))
			} else {
				failure = a
			}
		case a.Canonical != "" && p.wildcard.Canonical != a.Canonical:
			k.unknown = append(k.unknown, p.selectors[i])
			waits := p.awaitsKey(a)
			if waits && !isNamed {
				k.Findings.Note(name+" is an alias (CNAME) of "+a.Canonical+", which has no key at present; another key of "+p.domain+" stands at the same provider, who may change to this one", "")
				continue
			}
			k.dangling(name, a, isNamed, waits)
		case isNamed:
			k.unknown = append(k.unknown, p.selectors[i]) // said here
			k.Findings.Error("no key at "+name, "publish there what the signer gives as the record of its key")
		}
	}
	if failure != nil {
		k.Findings.DNSFailure(lookups.Failure(fmt.Sprintf("%d of %d keys", failed, k.Probed), p.domain, failure))
	}
	return failed
}

// findMisplaced looks for keys at names that a form makes by adding the domain once
// more.
func (k *DKIM) findMisplaced(ctx context.Context, l *lookups.Lookups, p *probe) {
	doubled := "_domainkey." + p.domain + "." + p.domain
	if _, ok := normalize(doubled); !ok {
		return
	}
	below := l.Lookup(ctx, doubled, dnscache.TXT).Outcome
	for i, s := range p.selectors {
		isNamed := i < p.named
		if p.answers[i].Outcome == dnscache.Found || !isNamed && (below == dnscache.NXDomain || !below.Known()) {
			continue
		}
		a := l.Lookup(ctx, s+"."+doubled, dnscache.TXT)
		at := slices.IndexFunc(a.TXT, repair.MeantAsKey)
		if at < 0 {
			continue
		}
		k.misplaced = true
		text := "a key stands at " + s + "." + doubled + ": the form it was entered in adds the domain by itself"
		fix := finding.Advise("move it to " + dkim.KeyName(s, p.domain))
		if proposed := repair.Key(a.TXT[at]).Text; proposed != "" && len(proposed) <= advice.MaxProposal {
			fix = advice.Propose(dkim.KeyName(s, p.domain), advice.QuotedTXT(proposed))
		}
		k.Findings.Add(finding.Error, text, fix)
	}
}

// checkAbsence says what it means that no key was found.
func (k *DKIM) checkAbsence(p *probe) {
	switch {
	case !p.root.Outcome.Known():
		k.Findings.DNSFailure(lookups.Failure("the name above all keys", "_domainkey."+p.domain, p.root) + "; whether there are keys is not known")
	case !p.wildcard.Outcome.Known():
		k.Findings.DNSFailure(lookups.Failure("the name of a key", dkim.KeyName(noSelector, p.domain), p.wildcard) + "; whether a wildcard has a key is not known")
	case k.Absent:
		k.Findings.Warning("no DKIM keys: _domainkey."+p.domain+" does not exist, so that no signature of "+p.domain+" can pass",
			"have the mail signed, and publish what the signer gives as the record of its key")
	case p.root.Outcome == dnscache.NoData && p.named == 0:
		k.Findings.OK("no key under a well-known selector, but there are others: name one to have it checked")
	case p.named == 0:
		k.Findings.Warning("no key under a well-known selector; name yours to have it checked", "")
	}
}
