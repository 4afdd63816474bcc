package main

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/dnscache"
)

// newResolver makes the resolver of a configuration.
func newResolver(c *config.Config, log *zap.Logger) (*dnscache.Resolver, error) {
	r, err := dnscache.New(c.ResolverOptions(log))
	if err != nil {
		return nil, failed("%v; name a resolver in dns.resolvers or with --resolver", err)
	}
	return r, nil
}

// liveResolver is a resolver that a reload can replace under those who use it.
type liveResolver struct {
	current atomic.Pointer[dnscache.Resolver]
}

// Lookup asks the resolver of this moment.
func (l *liveResolver) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return l.current.Load().Lookup(ctx, name, t)
}

// Degraded reports whether the resolver of this moment is in trouble.
func (l *liveResolver) Degraded() bool { return l.current.Load().Degraded() }

// Stats are the counters of the resolver of this moment: they begin anew when it
// is replaced.
func (l *liveResolver) Stats() dnscache.Stats { return l.current.Load().Stats() }

// replace puts a resolver in place and closes the one before it when its last
// look-up, which takes at most timeout, has ended.
func (l *liveResolver) replace(r *dnscache.Resolver, timeout time.Duration) {
	if old := l.current.Swap(r); old != nil {
		time.AfterFunc(timeout+time.Second, func() { _ = old.Close() })
	}
}

func (l *liveResolver) close() error { return l.current.Load().Close() }
