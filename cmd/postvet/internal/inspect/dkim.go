package inspect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// wellKnown are the selectors that large providers and common software use. The
// DNS cannot be asked which exist, only for one by one.
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

// unlikely is a selector that nobody has; what stands there stands everywhere.
const unlikely = "postvet-no-such-selector"

// maxSelectors bounds how many selectors the caller may name.
const maxSelectors = 50

// DKIM are the keys that were found.
type DKIM struct {
	// Probed is how many selectors were asked for; keys under other names
	// cannot be found.
	Probed   int      `json:"probed"`
	Keys     []Key    `json:"keys"`
	Findings Findings `json:"findings"`

	none bool
}

// Key is one key record.
type Key struct {
	Selector string `json:"selector"`
	// Named: the caller asked for this selector.
	Named  bool   `json:"named"`
	Name   string `json:"name"`
	Alias  string `json:"alias,omitempty"` // where a CNAME leads
	Record string `json:"record"`
	// Type and Bits are those of a key that can be read.
	Type     string   `json:"type"`
	Bits     int      `json:"bits"`
	Revoked  bool     `json:"revoked"`
	Testing  bool     `json:"testing"`
	Findings Findings `json:"findings"`
}

func inspectDKIM(ctx context.Context, d *dns, domain string, named []string) DKIM {
	k := DKIM{Keys: []Key{}, Findings: Findings{}}
	var selectors []string
	for _, s := range named {
		if name, ok := canonical(s); ok && len(selectors) < maxSelectors && !slices.Contains(selectors, name) {
			selectors = append(selectors, name)
		} else if !ok {
			k.Findings.error(foreign.Word(s, maxText)+" cannot be a selector", "")
		}
	}
	mine := len(selectors)
	for _, s := range wellKnown {
		if !slices.Contains(selectors, s) {
			selectors = append(selectors, s)
		}
	}
	k.Probed = len(selectors)

	var root, stray *dnscache.Answer
	answers := make([]*dnscache.Answer, len(selectors))
	var all sync.WaitGroup
	all.Go(func() { root = d.Lookup(ctx, "_domainkey."+domain, dnscache.TXT) })
	all.Go(func() { stray = d.Lookup(ctx, dkim.KeyName(unlikely, domain), dnscache.TXT) })
	for i, s := range selectors {
		all.Go(func() { answers[i] = d.Lookup(ctx, dkim.KeyName(s, domain), dnscache.TXT) })
	}
	all.Wait()

	wildcard := stray.Outcome == dnscache.Found
	if wildcard {
		if key, err := dkim.ParseKey(stray.TXT[0]); err == nil && key.Revoked {
			k.Findings.ok("a wildcard revokes every selector that is not shown")
		} else {
			k.Findings.warn("a wildcard answers for every selector; only what differs from it is shown", "")
		}
	}
	failed := 0
	var trouble dnscache.Outcome
	for i, a := range answers {
		isNamed := i < mine
		name := dkim.KeyName(selectors[i], domain)
		switch {
		case a.Outcome == dnscache.Found:
			if !isNamed && wildcard && slices.Equal(a.TXT, stray.TXT) {
				continue
			}
			// A well-known name may hold anything; what is no key is no news.
			if key := readKey(selectors[i], name, a); isNamed || key.Type != "" || strings.Contains(a.TXT[0], "DKIM1") {
				key.Named = isNamed
				k.Keys = append(k.Keys, key)
			}
		case !a.Outcome.Known():
			if failed++; isNamed {
				k.Findings.trouble(name, "the key", a.Outcome)
			} else {
				trouble = a.Outcome
			}
		case isNamed:
			k.Findings.error("no key at "+name, publish(name, `TXT "v=DKIM1; k=rsa; p=..."`))
		}
	}
	if trouble != 0 {
		k.Findings.trouble(domain, fmt.Sprintf("%d of %d keys", failed, k.Probed), trouble)
	}
	k.none = len(k.Keys) == 0 && failed == 0 && root.Outcome == dnscache.NXDomain
	switch {
	case len(k.Keys) > 0 || failed > 0 || wildcard:
	case k.none:
		k.Findings.warn("no DKIM keys: _domainkey."+domain+" does not exist, so that no signature of "+domain+" can pass",
			publish("selector._domainkey."+domain, `TXT "v=DKIM1; k=rsa; p=..."`))
	case root.Outcome == dnscache.NoData && mine == 0:
		k.Findings.ok("no key under a well-known selector, but there are others: name one to have it checked")
	case mine == 0:
		k.Findings.warn("no key under a well-known selector; name yours to have it checked", "")
	}
	return k
}

// readKey judges what stands at a selector.
func readKey(selector, name string, a *dnscache.Answer) Key {
	k := Key{Selector: selector, Name: name, Alias: foreign.Line(a.Canonical, maxText), Record: record(a.TXT[0]), Findings: Findings{}}
	if len(a.TXT) > 1 {
		k.Findings.error(fmt.Sprintf("%d TXT records at %s: which of them counts is undefined (RFC 6376 section 3.6.2.2)", len(a.TXT), name), "keep one and remove the others")
	}
	key, err := dkim.ParseKey(a.TXT[0])
	if err != nil {
		k.Findings.error("not a key: "+strings.TrimPrefix(err.Error(), "dkim: "), publish(name, `TXT "v=DKIM1; k=rsa; p=..."`))
		return k
	}
	k.Type, k.Bits, k.Revoked, k.Testing = key.Type, key.Bits, key.Revoked, key.Testing
	if k.Revoked {
		k.Findings.ok("revoked: signatures by this key no longer pass")
		return k
	}
	const long = "make a key of 2048 bits, publish it under a new selector, and sign with it"
	switch {
	case k.Type == "rsa" && k.Bits < 1024:
		k.Findings.error(fmt.Sprintf("RSA key of %d bits: receivers must not accept fewer than 1024 (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits < 2048:
		k.Findings.warn(fmt.Sprintf("RSA key of %d bits: 2048 are recommended (RFC 8301 section 3.2)", k.Bits), long)
	case k.Type == "rsa" && k.Bits > 4096:
		k.Findings.warn(fmt.Sprintf("RSA key of %d bits: receivers need not support more than 4096 (RFC 8301 section 3.2)", k.Bits), long)
	}
	if k.Testing {
		fix := withoutTag(a.TXT[0], "t")
		if key.NoSubdomains { // t=s beside it stays
			fix = withTag(a.TXT[0], "t", "s")
		}
		k.Findings.warn("t=y: the domain is testing DKIM, and failures are not to be held against it", publishTXT(name, fix))
	}
	if key.Hashes != nil && !containsFold(key.Hashes, "sha256") {
		k.Findings.error("h= does not allow sha256, the only hash that still passes (RFC 8301 section 3.1)", publishTXT(name, withoutTag(a.TXT[0], "h")))
	}
	if key.Services != nil && !containsFold(key.Services, "email") && !containsFold(key.Services, "*") {
		k.Findings.error("s= says that the key is not for mail", publishTXT(name, withoutTag(a.TXT[0], "s")))
	}
	if len(k.Findings) == 0 {
		k.Findings.ok("good")
	}
	return k
}

func containsFold(list []string, word string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, word) })
}

// withoutTag returns a tag list without one of its tags.
func withoutTag(record, tag string) string {
	var keep []string
	for part := range strings.SplitSeq(record, ";") {
		name, _, _ := strings.Cut(part, "=")
		if part = strings.TrimSpace(part); part != "" && strings.TrimSpace(name) != tag {
			keep = append(keep, part)
		}
	}
	return strings.Join(keep, "; ")
}
