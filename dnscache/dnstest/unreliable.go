package dnstest

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/postvet/postvet/dnscache"
)

// Resolver answers questions.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Unreliable is a resolver that fails for a part of the questions. Which ones these are, and
// how they fail, depends on the seed alone.
type Unreliable struct {
	Resolver
	Seed int
	// Percent is the part of the questions that fail.
	Percent uint32
}

// Lookup returns a failure, or the answer of the resolver beneath.
func (u Unreliable) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	h := fnv.New32a()
	fmt.Fprint(h, u.Seed, name, t)
	if h.Sum32()>>8%100 < u.Percent {
		return &dnscache.Answer{Outcome: [...]dnscache.Outcome{dnscache.ServFail, dnscache.Timeout, dnscache.Refused}[u.Seed%3]}
	}
	return u.Resolver.Lookup(ctx, name, t)
}
