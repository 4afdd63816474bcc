package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/message"
)

// Server is a place of keys that may be slow or away.
type Server interface {
	// Ask returns the keys of a domain in lower-case A-labels; none and no error if the
	// server has none. The error holds no secret.
	Ask(ctx context.Context, domain string) ([]stored.Key, error)
	Close()
}

// serverCache are the options of caches of servers.
var serverCache = CacheOptions{
	Fresh: 5 * time.Minute, Missing: 30 * time.Second, Retry: 5 * time.Second, Stale: 24 * time.Hour,
	Timeout: 3 * time.Second, Patience: 250 * time.Millisecond, Parallel: 8, OneSource: true,
}

// OnServer returns the keys of a server. What the server said is used for some minutes,
// and its keys for a day while it is away. name is what errors call it.
func OnServer(name string, s Server) Store {
	r := &served{name: name, server: s}
	r.cache = NewCache(serverCache, r.fetch)
	return r
}

type served struct {
	name   string
	server Server
	cache  *Cache
}

func (r *served) Keys(ctx context.Context, address message.Mailbox) ([]*Key, error) {
	if !isDomain(address.Domain) {
		return nil, fmt.Errorf("keys: %q is not a domain name", address.Domain)
	}
	found, err := r.cache.Keys(ctx, address.Domain)
	now := r.cache.now()
	valid := found[:0]
	for _, k := range found {
		if !now.Before(k.from) && (k.until.IsZero() || now.Before(k.until)) {
			valid = append(valid, k)
		}
	}
	return valid, err
}

// fetch asks the server and parses what it says. A text that is no key keeps the key that
// was there before.
func (r *served) fetch(ctx context.Context, domain string, before []*Key) ([]*Key, error) {
	texts, err := r.server.Ask(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	var found []*Key
	var errs []error
	for _, t := range texts {
		k, err := ParseKey(t.Domain, t.Selector, r.name, []byte(t.Text))
		if err != nil {
			errs = append(errs, err)
			k = same(before, t)
		}
		if k != nil {
			k.from, k.until = t.From, t.Until
			found = append(found, k)
		}
	}
	return found, errors.Join(errs...)
}

// same returns a copy of the key for the same record, nil if there is none.
func same(list []*Key, t stored.Key) *Key {
	for _, k := range list {
		if k.Domain == t.Domain && k.Selector == t.Selector {
			c := *k
			return &c
		}
	}
	return nil
}
