// Package batch inspects many domains, a bounded number at a time, and sums up what was
// found about each in a line.
package batch

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
)

const (
	// atOnce bounds the domains that are inspected at a time. Each has up to 20
	// lookups under way.
	atOnce = 16
	// maxAhead bounds the reports that wait for a slow domain before them.
	maxAhead = 256
)

// Options are options of a run.
type Options struct {
	Inspect inspect.Options
	// Timeout bounds the inspection of one domain.
	Timeout time.Duration
}

// Run inspects domains and calls each with every report, in the order of the names. It ends
// early with the error of each, or with that of ctx; reports of inspections that ctx ended
// are left out.
func Run(ctx context.Context, resolver lookups.Resolver, names []string, o Options, each func(*inspect.Report) error) error {
	ctx, stop := context.WithCancel(ctx)
	queue := make(chan chan *inspect.Report, maxAhead)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		enqueue(ctx, resolver, names, o, queue)
	}()
	defer func() {
		stop()
		<-ended
	}()
	for report := range queue {
		select {
		case r := <-report:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := each(r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// enqueue begins the inspections, and puts into the queue where their reports will be. It
// returns when all have ended.
func enqueue(ctx context.Context, resolver lookups.Resolver, names []string, o Options, queue chan<- chan *inspect.Report) {
	slots := make(chan struct{}, atOnce)
	defer func() {
		for range cap(slots) { // until all are free
			slots <- struct{}{}
		}
	}()
	defer close(queue)
	for _, name := range names {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		report := make(chan *inspect.Report, 1)
		go func() {
			defer func() { <-slots }()
			one, cancel := context.WithTimeout(ctx, o.Timeout)
			defer cancel()
			report <- inspect.Inspect(one, resolver, name, o.Inspect)
		}()
		select {
		case queue <- report:
		case <-ctx.Done():
			return
		}
	}
}
