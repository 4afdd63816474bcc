package service

import (
	"context"

	"github.com/postvet/postvet/dnscache"
)

// Lookup implements web.LookupSource.
func (s webSource) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return s.d.dns.Lookup(ctx, name, t)
}
