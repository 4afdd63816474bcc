package filter

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
)

// A panic anywhere costs its message a temporary failure, is logged once with
// the queue id, and does not touch the next message.
func TestPanic(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"connect", "helo", "mail", "rcpt", "field", "eoh", "body", "finish", "decide", "close", "bye"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			armed.Store(true)
			f := &fake{on: func(s string) {
				if strings.HasPrefix(s, step) && armed.Swap(false) {
					panic("injected")
				}
			}}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Queue = "4QUEUE"
			m.Hello()
			o := m.Deliver(miltertest.Usual())
			d := r.decision()
			switch step {
			case "connect", "helo", "close", "bye":
				// Nothing is lost: MAIL begins anew, or the verdict stands.
				if o.Code != 'c' {
					t.Errorf("verdict %q %q", o.Code, o.Text)
				}
			default:
				if o.Code != 'y' || !strings.HasPrefix(o.Text, "451 4.3.0 ") || d.Verdict.Action != result.TempFail || len(d.Faults) != 1 {
					t.Errorf("verdict %q %q, %+v", o.Code, o.Text, d)
				}
			}
			m.Send('A')
			if o := m.Deliver(miltertest.Usual()); o.Code != 'c' {
				t.Errorf("next message: %q %q", o.Code, o.Text)
			}
			if d := r.decision(); d.Client.Name != "client.example.org" || d.Helo != "helo.example.org" {
				t.Errorf("next message: %+v", d)
			}
			m.Close()
			r.stop()
			// The conversation that panicked is not used again.
			connects := 0
			for _, s := range f.heard() {
				if strings.HasPrefix(s, "connect") {
					connects++
				}
			}
			if want := map[bool]int{true: 1, false: 2}[step == "bye"]; connects != want {
				t.Errorf("%d conversations, want %d", connects, want)
			}
			logged := r.logs.FilterMessage("panic").All()
			if r.Stats().Panics != 1 || len(logged) != 1 {
				t.Fatalf("%+v, %d log lines", r.Stats(), len(logged))
			}
			if step != "connect" && step != "helo" && step != "bye" && logged[0].ContextMap()["queue"] != "4QUEUE" {
				t.Errorf("%v", logged[0].ContextMap())
			}
		})
	}
}

func TestPanicForEver(t *testing.T) {
	t.Parallel()
	f := &fake{on: func(s string) { panic("injected") }}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	for range 3 {
		if o := m.Deliver(miltertest.Usual()); o.Code != 'y' || !strings.HasPrefix(o.Text, "451 4.3.0 ") {
			t.Errorf("verdict %q %q", o.Code, o.Text)
		}
	}
	m.Send('Q')
	m.Closed()
}

func TestPanicInHook(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	r := start(t, &fake{}, Options{OnMessage: func(Decision) { n.Add(1); panic("hook") }})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Deliver(miltertest.Usual())
	m.Deliver(miltertest.Usual())
	m.Close()
	r.stop()
	if n.Load() != 2 || r.Stats().Panics != 2 || r.Stats().Messages[result.Accept] != 2 {
		t.Errorf("%d, %+v", n.Load(), r.Stats())
	}
}
