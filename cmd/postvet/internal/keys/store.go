package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/postvet/postvet/policy/message"
)

// Store finds the private keys that sign for an address, as [policy.SigningKeys] does. It
// is safe for concurrent use.
type Store interface {
	Keys(ctx context.Context, address message.Mailbox) ([]*Key, error)
}

// Chain asks stores in turn, until one has keys.
type Chain []Store

// Keys returns the keys of the first store that has some. The error joins those of the
// stores that were asked.
func (c Chain) Keys(ctx context.Context, address message.Mailbox) ([]*Key, error) {
	var errs []error
	for _, s := range c {
		found, err := s.Keys(ctx, address)
		errs = append(errs, err)
		if len(found) > 0 {
			return found, errors.Join(errs...)
		}
	}
	return nil, errors.Join(errs...)
}

// Renew has the stores that can do so look for new keys of a domain.
func (c Chain) Renew(domain string) {
	for _, s := range c {
		if r, ok := s.(interface{ Renew(domain string) }); ok {
			r.Renew(domain)
		}
	}
}

// ParseKey returns the key that a text holds, see [Parse]. The error names the origin of
// the text, and holds nothing of it.
func ParseKey(domain, selector, origin string, text []byte) (*Key, error) {
	if !isDomain(domain) || !isDomain(selector) {
		return nil, fmt.Errorf("%s: %q and %q are no domain and selector in lower case and A-labels", origin, domain, selector)
	}
	signer, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	return NewKey(domain, selector, origin, signer)
}
