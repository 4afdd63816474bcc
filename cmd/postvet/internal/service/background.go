package service

import (
	"context"
	"time"
)

// background is work in a goroutine of its own, which a reload replaces by other work. Its
// zero value does nothing. Only one goroutine uses it at a time.
type background struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// stopPause is how long the service waits at its end for background work that can be done again.
const stopPause = 2 * time.Second

// replace ends the work, and begins other work once it has ended; nil for none. It waits
// for neither.
func (b *background) replace(work func(context.Context)) {
	before := b.ended
	if before != nil {
		b.cancel()
	}
	if work == nil {
		return // ended stays, as the work may not have ended yet
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	b.cancel, b.ended = cancel, ended
	go func() {
		defer close(ended)
		if before != nil {
			<-before
		}
		work(ctx)
	}()
}

// stop ends the work and waits for that, but not longer than a time. It reports whether the
// work has ended.
func (b *background) stop(atMost time.Duration) bool {
	if b.ended == nil {
		return true
	}
	b.cancel()
	select {
	case <-b.ended:
		return true
	case <-time.After(atMost):
		return false
	}
}
