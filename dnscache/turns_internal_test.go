package dnscache

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// order gives n turns back, one after the other, and returns who had the next ones. It
// removes those from waiters.
func (ts *turns) order(n int, waiters map[string][]*waiter) (order []string) {
	for range n {
		ts.giveBack()
		for name, ws := range waiters {
			waiters[name] = slices.DeleteFunc(ws, func(w *waiter) bool {
				if w.given {
					order = append(order, name)
				}
				return w.given
			})
		}
	}
	return order
}

// A group that asks for much does not delay the others: the groups take turns.
func TestTurnsOfGroups(t *testing.T) {
	t.Parallel()
	ts := &turns{limit: 1}
	if !ts.try() || ts.try() {
		t.Fatal("not exactly one turn")
	}
	greedy, modest := Group(t.Context()), Group(t.Context())
	waiters := map[string][]*waiter{}
	for range 100 {
		waiters["greedy"] = append(waiters["greedy"], ts.wait(greedy))
	}
	waiters["modest"] = append(waiters["modest"], ts.wait(modest), ts.wait(modest))
	waiters["none"] = append(waiters["none"], ts.wait(t.Context()))
	got := ts.order(6, waiters)
	want := []string{"greedy", "modest", "none", "greedy", "modest", "greedy"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !ts.full() {
		t.Error("not full although lookups wait")
	}
	if got := ts.order(97, waiters); len(got) != 97 {
		t.Errorf("%d turns instead of 97", len(got))
	}
	if taken, waiting := ts.counts(); taken != 1 || waiting != 0 || len(ts.lines) != 0 || ts.next.Len() != 0 {
		t.Errorf("%d taken, %d waiting, %d lines left", taken, waiting, len(ts.lines))
	}
}

// Within a group, the lookup that has waited longest is next. One that gives up is left
// out, and one that gives up when it has its turn passes it on.
func TestTurnsWithinAGroup(t *testing.T) {
	t.Parallel()
	ts := &turns{limit: 1}
	ts.force()
	a, b, c, d := ts.wait(t.Context()), ts.wait(t.Context()), ts.wait(t.Context()), ts.wait(t.Context())
	ts.leave(b)
	ts.giveBack()
	<-a.ready
	ts.leave(a)
	<-c.ready
	select {
	case <-b.ready:
		t.Error("a turn for the one that gave up")
	case <-d.ready:
		t.Error("a turn too many")
	default:
	}
	ts.setLimit(2)
	<-d.ready
	if taken, waiting := ts.counts(); taken != 2 || waiting != 0 {
		t.Errorf("%d taken, %d waiting", taken, waiting)
	}
	ts.setLimit(1)
	e := ts.wait(t.Context())
	ts.giveBack()
	select {
	case <-e.ready:
		t.Error("a turn above the limit")
	default:
	}
	ts.setLimit(0)
	<-e.ready
	if !ts.try() {
		t.Error("no turn without a limit")
	}
}

// The group of a context is that of the lookups below it.
func TestGroupOfAContext(t *testing.T) {
	t.Parallel()
	if groupOf(context.Background()) != nil {
		t.Error("a group that nobody made")
	}
	one, other := Group(context.Background()), Group(context.Background())
	below, cancel := context.WithCancel(one)
	defer cancel()
	if groupOf(one) == nil || groupOf(below) != groupOf(one) || groupOf(one) == groupOf(other) {
		t.Error("the groups are mixed up")
	}
}
