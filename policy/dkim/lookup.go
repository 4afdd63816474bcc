package dkim

import (
	"context"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// maxKeyRecords bounds the TXT records of one name that are read.
const maxKeyRecords = 20

// KeyName returns the name at which a key is published (RFC 6376 section
// 3.6.2.1).
func KeyName(selector, domain string) string { return selector + "._domainkey." + domain }

// LookupKey asks for the key of a selector and a domain, both in A-labels. It
// ends with ctx. An error is an [*Error]: TempError if the DNS was in trouble,
// PermError if it states that there is no key or none that can be read.
//
// Of several TXT records, which RFC 6376 section 3.6.2.2 leaves undefined, the
// first that is a key counts: a stray SPF record or a wildcard's text must not
// take the key away.
func LookupKey(ctx context.Context, r Resolver, selector, domain string) (*Key, error) {
	name := KeyName(selector, domain)
	return keyOf(name, r.Lookup(ctx, name, dnscache.TXT))
}

// keyOf reads the answer to the look-up of a key.
func keyOf(name string, a *dnscache.Answer) (*Key, error) {
	switch {
	case a.Outcome == dnscache.Found:
	case a.Outcome.Void():
		return nil, permanent(FailureKeyMissing, "no key at %s", name)
	default:
		return nil, &Error{Status: TempError, Failure: FailureDNS, Reason: fmt.Sprintf("looking up %s: %s", name, a.Outcome)}
	}
	found := dnscache.Derive(a, parseAnswer)
	if found.err != "" {
		return nil, permanent(FailureKeyBroken, "the record at %s is no key: %s", name, found.err)
	}
	return found.key, nil
}

// parsedAnswer is what the TXT records at the name of a key say.
type parsedAnswer struct {
	key *Key
	err string // why there is no key
}

// parseAnswer returns the first of the answer's texts that is a key, or what is
// wrong with them.
func parseAnswer(a *dnscache.Answer) *parsedAnswer {
	p := &parsedAnswer{err: "no text"}
	for i, txt := range a.TXT {
		if i == maxKeyRecords {
			break
		}
		k, err := ParseKey(txt)
		if err == nil {
			return &parsedAnswer{key: k}
		}
		if i == 0 || strings.HasPrefix(txt, "v=DKIM1") {
			p.err = strings.TrimPrefix(err.Error(), "dkim: ")
		}
	}
	return p
}
