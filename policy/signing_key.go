package policy

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// SigningKeys finds the private keys of domains. It is safe for concurrent use.
type SigningKeys interface {
	// SigningKeys returns the keys that sign for an address, whose domain is in
	// lower-case A-labels, the one to prefer first. Local is "" if any address of the
	// domain is meant. The error says why a key could not be read; it may stand beside
	// others that could.
	SigningKeys(ctx context.Context, address message.Mailbox) ([]SigningKey, error)
	// Published notes that the DNS shows a key.
	Published(SigningKey)
}

// UnusableKeys is the error of a source whose keys can be read and must not sign.
type UnusableKeys struct{ Why error }

func (e *UnusableKeys) Error() string { return e.Why.Error() }

func (e *UnusableKeys) Unwrap() error { return e.Why }

// onOneLine returns the text of an error of a source of keys. Those of several files are
// joined by line ends.
func onOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// SigningKey is a private key and where its record is.
type SigningKey struct {
	// Domain and Selector are d= and s=. Domain may be another than the address has.
	Domain, Selector string
	Signer           crypto.Signer
	// Set says which keys stand for one another: of those with the same Set, the first
	// that the DNS shows signs. Each further Set adds a signature. An Ed25519 key signs
	// only beside an RSA key of its domain, and stands for none.
	Set int
	// ID tells the key from all others. It says nothing of the secret.
	ID string
	// WasPublished is true if the DNS showed the key before. Such a key signs also
	// while the DNS fails.
	WasPublished bool
}

// maxSigningKeys bounds the keys of one domain and type whose records are looked up.
const maxSigningKeys = 4

// tried returns the first keys of each type.
func tried(all []SigningKey) []SigningKey {
	var list []SigningKey
	count := map[bool]int{}
	for _, k := range all {
		if second := k.second(); count[second] < maxSigningKeys {
			count[second]++
			list = append(list, k)
		}
	}
	return list
}

// second reports whether the key signs only beside another: large receivers do not verify
// Ed25519 (RFC 8463).
func (k SigningKey) second() bool {
	_, ed := k.Signer.Public().(ed25519.PublicKey)
	return ed
}

// lookupRecord starts the lookup of the record of a key.
func (m *Message) lookupRecord(k SigningKey) *pending[*dnscache.Answer] {
	name := dkim.KeyName(k.Selector, k.Domain)
	return evaluate(m.ctx, m.conn.dns, check[*dnscache.Answer]{
		name: result.CheckSigning, limit: m.conn.checker.opt.MessageTimeout,
		run:    func(ctx context.Context, r Resolver) *dnscache.Answer { return r.Lookup(ctx, name, dnscache.TXT) },
		failed: func(string) *dnscache.Answer { return &dnscache.Answer{Outcome: dnscache.Timeout} },
	})
}

// Judge returns why a key may not sign, given the answer for its record, and a sentence
// about it; "" if it may. A key that was published before signs while the DNS fails.
func (k SigningKey) Judge(a *dnscache.Answer, source SigningKeys) (sign.Reason, string) {
	why, detail := published(k, a)
	switch {
	case why == "":
		source.Published(k)
	case why == sign.KeyUnpublished && a.Outcome.Temporary() && k.WasPublished:
		return "", ""
	}
	return why, detail
}

// published compares a key with the record that the DNS shows. It returns why the key
// may not sign yet, and a sentence about it; "" if it may.
func published(k SigningKey, a *dnscache.Answer) (sign.Reason, string) {
	name := dkim.KeyName(k.Selector, k.Domain)
	switch {
	case a.Outcome.Temporary():
		return sign.KeyUnpublished, fmt.Sprintf("%s could not be looked up: %s", name, a.Outcome)
	case a.Outcome != dnscache.Found || len(a.TXT) == 0:
		return sign.KeyUnpublished, fmt.Sprintf("the DNS has no record at %s", name)
	case len(a.TXT) > 1:
		return sign.KeyMismatch, fmt.Sprintf("%s has %d records, and verifiers take any of them", name, len(a.TXT))
	}
	record, err := dkim.ParseKey(a.TXT[0])
	switch {
	case err != nil:
		return sign.KeyMismatch, fmt.Sprintf("the record at %s is not a key: %s", name, strings.TrimPrefix(err.Error(), "dkim: "))
	case record.Revoked:
		return sign.KeyMismatch, fmt.Sprintf("the key at %s is revoked", name)
	case !record.Is(k.Signer.Public()):
		return sign.KeyMismatch, fmt.Sprintf("the record at %s has another key", name)
	}
	// Verifiers must not use the key otherwise, so that it counts as not published.
	if err := record.Serves(&dkim.Signature{Algorithm: record.Type + "-sha256", Domain: k.Domain}, dkim.Options{}); err != nil {
		return sign.KeyUnpublished, fmt.Sprintf("the record at %s keeps the key from signing: %s", name, strings.TrimPrefix(err.Error(), "dkim: "))
	}
	return "", ""
}

// slot waits for room among the signatures that are made at a time. The caller gives it
// back by free. It is not ok if ctx ends before.
func (c *Checker) slot(ctx context.Context) (free func(), ok bool) {
	if c.slots == nil {
		return func() {}, true
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, true
	case <-ctx.Done():
		return nil, false
	}
}

// tooMany says why there was no room.
const tooMany = "too many signatures were under way"
