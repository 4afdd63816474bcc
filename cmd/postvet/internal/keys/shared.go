package keys

import (
	"context"
	"fmt"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// Shared is one key for every domain whose DNS names it. The domain's record, mostly a
// CNAME of ours, is the permission to sign. A domain that has shown the key before keeps
// it while the DNS fails.
type Shared struct {
	files    *Files
	path     string
	selector string
	resolver policy.Resolver

	mu    sync.Mutex
	shown map[string]bool // domains, at most maxShown
}

// maxShown bounds the domains that are remembered for a DNS failure. One takes some 100
// octets.
const maxShown = 200_000

// NewShared returns the key in a file, which files reads.
func NewShared(files *Files, path, selector string, r policy.Resolver) *Shared {
	return &Shared{files: files, path: path, selector: selector, resolver: r, shown: map[string]bool{}}
}

// Keys returns the key if the DNS shows it for the address's domain.
func (s *Shared) Keys(ctx context.Context, address message.Mailbox) ([]*Key, error) {
	if !isDomain(address.Domain) {
		return nil, fmt.Errorf("keys: %q is not a domain name", address.Domain)
	}
	name := dkim.KeyName(s.selector, address.Domain)
	a := s.resolver.Lookup(ctx, name, dnscache.TXT)
	if a.Outcome.Temporary() && !s.hasShown(address.Domain) {
		return nil, fmt.Errorf("%s could not be looked up: %s", name, a.Outcome)
	}
	if !a.Outcome.Temporary() && len(a.TXT) == 0 {
		s.note(address.Domain, false)
		return nil, nil
	}
	// One file is read for all domains; the key of each is made from it.
	parsed, err := s.files.Key(ctx, stored.Key{Domain: "shared.invalid", Selector: s.selector, Path: s.path})
	if parsed == nil {
		return nil, err
	}
	key := *parsed
	key.Domain = address.Domain
	if !a.Outcome.Temporary() {
		record, parseErr := dkim.ParseKey(a.TXT[0])
		shows := parseErr == nil && len(a.TXT) == 1 && !record.Revoked && record.Is(key.Signer().Public())
		if s.note(address.Domain, shows); !shows {
			return nil, nil
		}
	}
	return []*Key{&key}, err
}

func (s *Shared) hasShown(domain string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown[domain]
}

func (s *Shared) note(domain string, shows bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !shows:
		delete(s.shown, domain)
	case len(s.shown) < maxShown:
		s.shown[domain] = true
	}
}
