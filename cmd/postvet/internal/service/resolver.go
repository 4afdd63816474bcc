package service

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/dnscache"
)

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
