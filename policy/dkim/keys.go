package dkim

import (
	"context"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// KeyRef is what a signature says of the place of its key, in A-labels.
type KeyRef struct{ Selector, Domain string }

// KeyRef returns where the key of the signature is.
func (s *Signature) KeyRef() KeyRef { return KeyRef{s.Selector, s.Domain} }

// KeyName returns the name at which a key is published (RFC 6376 section
// 3.6.2.1).
func KeyName(selector, domain string) string { return selector + "._domainkey." + domain }

// Keys are the keys of one message's signatures, as the DNS has them. The zero
// value has none.
type Keys map[KeyRef]lookedUp

// lookedUp is a key, or why there is none.
type lookedUp struct {
	key *Key
	err error
}

var errNotAsked = &Error{Status: TempError, Failure: FailureDNS, Reason: "the key was not asked for"}

// LookupKeys looks up keys at the same time, each once. It returns at the latest
// when ctx ends.
func LookupKeys(ctx context.Context, r Resolver, wanted ...KeyRef) Keys {
	keys := make(Keys, len(wanted))
	var refs []KeyRef
	var questions []dnscache.Question
	for _, ref := range wanted {
		if _, again := keys[ref]; again {
			continue
		}
		keys[ref] = lookedUp{err: errNotAsked}
		refs = append(refs, ref)
		questions = append(questions, dnscache.Question{Name: KeyName(ref.Selector, ref.Domain), Type: dnscache.TXT})
	}
	for i, answer := range dnscache.LookupAll(ctx, r, questions) {
		key, err := readKey(questions[i].Name, answer)
		keys[refs[i]] = lookedUp{key, err}
	}
	return keys
}

// Get returns a key that was looked up. An error is an [*Error]: TempError if the
// DNS was in trouble, PermError if it states that there is no key or none that can
// be read.
func (k Keys) Get(ref KeyRef) (*Key, error) {
	if found, ok := k[ref]; ok {
		return found.key, found.err
	}
	return nil, errNotAsked
}

// Missing reports whether the DNS states that there is no such key, or none that
// can be read.
func (k Keys) Missing(ref KeyRef) bool {
	_, err := k.Get(ref)
	return err != nil && !temporary(err)
}

// readKey reads the answer to the lookup of a key.
//
// Of several TXT records, which RFC 6376 section 3.6.2.2 leaves undefined, the
// first that is a key counts: a stray SPF record or a wildcard's text must not
// take the key away.
func readKey(name string, a *dnscache.Answer) (*Key, error) {
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

// maxKeyRecords bounds the TXT records of one name that are read.
const maxKeyRecords = 20

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
