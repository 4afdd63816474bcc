package dnscache

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrNotCached is the Err of a lookup under a context of [CacheOnly] whose
// answer is not in the cache.
var ErrNotCached = errors.New("dnscache: the answer is not in the cache")

// CacheOnly returns a context whose lookups never wait. They are answered from the
// cache, or end at once as Timeout with [ErrNotCached], which the Recall records.
//
// With it a caller can evaluate something in its own goroutine if the cache has all
// answers, which is the usual case. If the Recall missed an answer, the caller must drop
// the result and evaluate again under an ordinary context.
//
// [Resolver] honours such contexts. Another implementation of Lookup should call
// [RecallOf] before it waits; otherwise the caller waits too.
func CacheOnly(ctx context.Context) (context.Context, *Recall) {
	c := &cacheOnly{Context: ctx}
	return c, &c.recall
}

// Recall records whether lookups under a context of [CacheOnly] missed an answer.
// It is safe for concurrent use.
type Recall struct{ missed atomic.Bool }

// RecallOf returns the Recall of a context of [CacheOnly], or nil if lookups under ctx
// may wait.
func RecallOf(ctx context.Context) *Recall {
	recall, _ := ctx.Value(recallKey{}).(*Recall)
	return recall
}

// WithTimeout is [context.WithTimeout] for a context whose only use is lookups. It
// sets no timer for one of [CacheOnly], as nothing waits under that.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if RecallOf(ctx) != nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// Missed reports whether an answer was not in the cache.
func (r *Recall) Missed() bool { return r.missed.Load() }

// Miss records that an answer is not in the cache, and returns the Timeout for its lookup.
func (r *Recall) Miss() *Answer {
	r.missed.Store(true)
	return notCached
}

var notCached = &Answer{Outcome: Timeout, Err: ErrNotCached, Cached: true}

// cacheOnly is a context together with its Recall.
type cacheOnly struct {
	context.Context
	recall Recall
}

type recallKey struct{}

func (c *cacheOnly) Value(key any) any {
	if key == (recallKey{}) {
		return &c.recall
	}
	return c.Context.Value(key)
}
