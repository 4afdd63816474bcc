package dnscache

import (
	"context"
	"iter"
	"sync"
)

// Question is a name and a type to look up.
type Question struct {
	Name string
	Type Type
}

// LookupAll looks up all questions concurrently, and yields the index of each with its
// answer, in the order of the questions. The lookups end when ctx or the loop over them
// ends. None continues after the loop.
//
// Under a context of [CacheOnly] the lookups are sequential, and the first miss ends the
// loop.
func LookupAll(ctx context.Context, r interface {
	Lookup(ctx context.Context, name string, t Type) *Answer
}, questions []Question,
) iter.Seq2[int, *Answer] {
	return func(yield func(int, *Answer) bool) {
		if recall := RecallOf(ctx); recall != nil || len(questions) == 1 {
			for i, q := range questions {
				if a := r.Lookup(ctx, q.Name, q.Type); recall != nil && recall.Missed() || !yield(i, a) {
					return
				}
			}
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var under sync.WaitGroup
		defer under.Wait()
		defer cancel()
		answers := make([]chan *Answer, len(questions))
		for i, q := range questions {
			answers[i] = make(chan *Answer, 1)
			under.Go(func() { answers[i] <- r.Lookup(ctx, q.Name, q.Type) })
		}
		for i, answer := range answers {
			if !yield(i, <-answer) {
				return
			}
		}
	}
}
