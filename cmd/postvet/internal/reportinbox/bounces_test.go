package reportinbox

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
)

// wait reads bounces no sooner than it may.
type wait struct {
	bounces
	began, may chan bool
}

func (w *wait) Bounce(ctx context.Context, to string, r io.Reader) error {
	w.began <- true
	<-w.may
	return w.bounces.Bounce(ctx, to, r)
}

// bounce writes what looks like a bounce, whose token nobody has looked up.
func (b *box) bounce(text string) *Message {
	b.t.Helper()
	m := b.Copy("bounce+aaaaaaaaaaaaaaaa@example.net")
	if m == nil {
		b.t.Fatal("no copy")
	}
	for rest := text; rest != ""; {
		n := min(len(rest), 7001)
		if got, err := m.Write([]byte(rest[:n])); got != n || err != nil {
			b.t.Fatalf("Write: %d, %v", got, err)
		}
		rest = rest[n:]
	}
	return m
}

// TestFloodOfBounces has more mail to our envelope senders than all copies may have, and
// holds all of it. A report is copied and read all the same.
func TestFloodOfBounces(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"small": 100, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBox(t, Options{MaxMemory: 8 << 20, MaxQueue: 20})
			x := &wait{began: make(chan bool, 1000), may: make(chan bool)}
			b.SetBounces(x)
			var arriving []*Message
			for range 200 {
				b.Add(b.bounce(strings.Repeat("x", size)), Arrival{})
				arriving = append(arriving, b.bounce(strings.Repeat("y", size)))
			}
			<-x.began // and the reader is held by the first
			s := b.Stats()
			if s.Octets == 0 || s.Octets > 1<<20 || s.Waiting > 5 {
				t.Errorf("bounces have %d octets, %d wait", s.Octets, s.Waiting)
			}
			const reports = 20
			for i := range reports {
				b.bring(xml(fmt.Sprint(i), 1), "pass")
			}
			for _, m := range arriving {
				m.Drop()
			}
			close(x.may)
			b.end()
			s = b.Stats()
			if n := s.Counts[Counted{Aggregate, Kept}]; n != reports {
				t.Errorf("%d reports were kept, want %d: %v", n, reports, s.Counts)
			}
			read, lost := s.Counts[Counted{Bounce, Kept}], s.Counts[Counted{Bounce, Overload}]
			if read+lost != 200 || read == 0 || lost == 0 {
				t.Errorf("%d bounces were read and %d were not, want 200 in all", read, lost)
			}
		})
	}
}

// TestLongBounceIsCut has a bounce come with a large message.
func TestLongBounceIsCut(t *testing.T) {
	t.Parallel()
	b := openBox(t, Options{})
	x := &bounces{}
	b.SetBounces(x)
	text := strings.Repeat("0123456789abcdef", 2<<20)
	b.Add(b.bounce(text), Arrival{})
	b.end()
	want := "bounce+aaaaaaaaaaaaaaaa@example.net " + text[:256<<10] + "\n"
	if x.got != want || b.Stats().Counts[Counted{Bounce, Kept}] != 1 {
		t.Errorf("%d octets, want %d; %v", len(x.got), len(want), b.Stats().Counts)
	}
}
