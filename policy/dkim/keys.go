package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// KeyRef is the place of a key, d= and s= of its signature in A-labels.
type KeyRef struct{ Selector, Domain string }

// KeyRef returns the place of the signature's key.
func (s *Signature) KeyRef() KeyRef { return KeyRef{s.Selector, s.Domain} }

// KeyName returns the name at which a key is published (RFC 6376 section
// 3.6.2.1).
func KeyName(selector, domain string) string { return selector + "._domainkey." + domain }

// Keys are the keys that were looked up for the signatures of one message. The zero
// value is empty.
type Keys map[KeyRef]keyOrError

// keyOrError is a key, or the reason why there is none. text is its record.
type keyOrError struct {
	key  *Key
	err  error
	text string
}

var errNotLookedUp = &Error{Status: TempError, Failure: FailureDNS, Reason: "the key was not looked up"}

// LookupKeys looks up keys concurrently, each once. It returns when ctx ends at the
// latest.
func LookupKeys(ctx context.Context, r Resolver, wanted ...KeyRef) Keys {
	keys := make(Keys, len(wanted))
	var refs []KeyRef
	var questions []dnscache.Question
	for _, ref := range wanted {
		if _, duplicate := keys[ref]; duplicate {
			continue
		}
		keys[ref] = keyOrError{err: errNotLookedUp}
		refs = append(refs, ref)
		questions = append(questions, dnscache.Question{Name: KeyName(ref.Selector, ref.Domain), Type: dnscache.TXT})
	}
	for i, answer := range dnscache.LookupAll(ctx, r, questions) {
		key, err := readKey(questions[i].Name, answer)
		keys[refs[i]] = keyOrError{key, err, recordText(answer)}
	}
	return keys
}

// KnownKeys returns keys that are known without a lookup, such as one's own, by where
// they are published. Keys of other types than RSA and Ed25519 are left out.
func KnownKeys(public map[KeyRef]crypto.PublicKey) Keys {
	keys := make(Keys, len(public))
	for ref, p := range public {
		switch p := p.(type) {
		case *rsa.PublicKey:
			keys[ref] = keyOrError{key: &Key{Type: "rsa", Bits: p.N.BitLen(), Public: p}}
		case ed25519.PublicKey:
			keys[ref] = keyOrError{key: &Key{Type: "ed25519", Bits: 8 * len(p), Public: p}}
		}
	}
	return keys
}

// Get returns a key that was looked up. The error is an [*Error]: TempError after a
// DNS failure, PermError if the DNS has no key or an invalid one.
func (k Keys) Get(ref KeyRef) (*Key, error) {
	if found, ok := k[ref]; ok {
		return found.key, found.err
	}
	return nil, errNotLookedUp
}

// Record returns the record of a key that was looked up, cut after 4096 octets; "" if the
// DNS has none. It may hold any octets.
func (k Keys) Record(ref KeyRef) string { return k[ref].text }

// Missing reports whether the DNS has no such key, or an invalid one. It is false
// after a DNS failure.
func (k Keys) Missing(ref KeyRef) bool {
	_, err := k.Get(ref)
	return err != nil && !temporary(err)
}

// readKey returns the key in the answer to its lookup.
//
// RFC 6376 section 3.6.2.2 leaves several TXT records undefined. The first valid
// key counts, so that a misplaced SPF record or the text of a wildcard does not
// hide it.
func readKey(name string, a *dnscache.Answer) (*Key, error) {
	switch {
	case a.Outcome == dnscache.Found:
	case a.Outcome.Void():
		return nil, permanent(FailureKeyMissing, "no key at %s", name)
	default:
		return nil, &Error{Status: TempError, Failure: FailureDNS, Reason: fmt.Sprintf("looking up %s: %s", name, a.Reason())}
	}
	found := dnscache.Derive(a, parseAnswer)
	if found.err != "" {
		return nil, permanent(FailureKeyBroken, "the record at %s is not a key: %s", name, found.err)
	}
	return found.key, nil
}

// maxKeyRecords bounds the TXT records of one name that are parsed.
const maxKeyRecords = 20

// maxRecordText bounds the text of a record in a Result.
const maxRecordText = 4096

// recordText returns the record that readKey read, "" if there is none.
func recordText(a *dnscache.Answer) string {
	if a.Outcome != dnscache.Found {
		return ""
	}
	text := dnscache.Derive(a, parseAnswer).text
	return foreign.Cut(text, maxRecordText)
}

// parsedAnswer is the key in the TXT records of an answer, or the reason why there
// is none. text is the record of either.
type parsedAnswer struct {
	key  *Key
	err  string
	text string
}

// parseAnswer returns the first valid key of an answer. Without one, the error is
// that of the last record that begins with v=DKIM1, or else of the first record.
func parseAnswer(a *dnscache.Answer) *parsedAnswer {
	p := &parsedAnswer{err: "no text"}
	for i, txt := range a.TXT {
		if i == maxKeyRecords {
			break
		}
		k, err := ParseKey(txt)
		if err == nil {
			return &parsedAnswer{key: k, text: txt}
		}
		if i == 0 || strings.HasPrefix(txt, "v=DKIM1") {
			p.err, p.text = strings.TrimPrefix(err.Error(), "dkim: "), txt
		}
	}
	return p
}
