package service

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/dnscache"
)

// liveResolver is a resolver that a reload can replace while it is used.
type liveResolver struct {
	current atomic.Pointer[dnscache.Resolver]
}

// Lookup asks the current resolver.
func (l *liveResolver) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return l.current.Load().Lookup(ctx, name, t)
}

// Degraded reports whether the current resolver gets no answers at all.
func (l *liveResolver) Degraded() bool { return l.current.Load().Degraded() }

// Stats returns the counters of the current resolver. They start at zero when it
// is replaced.
func (l *liveResolver) Stats() dnscache.Stats { return l.current.Load().Stats() }

// describe names the resolvers in use, and says so if they are those of the system.
func (l *liveResolver) describe(c *config.Config) string {
	var all []string
	for _, u := range l.Stats().Upstreams {
		all = append(all, u.Addr)
	}
	text := strings.Join(all, ", ")
	if len(c.DNS.Resolvers) == 0 {
		text += " (the system's)"
	}
	return text
}

// replace makes r the current resolver. The one before it is closed when its last
// lookup has ended, which takes at most timeout.
func (l *liveResolver) replace(r *dnscache.Resolver, timeout time.Duration) {
	if old := l.current.Swap(r); old != nil {
		time.AfterFunc(timeout+time.Second, func() { _ = old.Close() })
	}
}

func (l *liveResolver) close() error { return l.current.Load().Close() }
