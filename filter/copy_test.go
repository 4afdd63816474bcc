package filter

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
)

// paper is a copy in memory.
type paper struct {
	bytes.Buffer
	dropped atomic.Int64
	fail    bool
}

func (p *paper) Drop() { p.dropped.Add(1) }

func (p *paper) Write(b []byte) (int, error) {
	if p.fail {
		panic("injected")
	}
	return p.Buffer.Write(b)
}

// copying returns options that copy mail for a recipient.
func copying(to string, papers *[]*paper) Options {
	return Options{Copy: func(r string) Copy {
		if r != to {
			return nil
		}
		p := &paper{}
		*papers = append(*papers, p)
		return p
	}}
}

func TestCopyIsTheMessageAsItCame(t *testing.T) {
	t.Parallel()
	var papers []*paper
	r := start(t, &fake{}, copying("dmarc@example.net", &papers))
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	l := miltertest.Usual()
	if o := m.Deliver(l); o.Code != 'c' {
		t.Fatalf("verdict %q", o.Code)
	}
	if d := r.decision(); d.Copy != nil || len(papers) != 0 {
		t.Fatal("a message for somebody else was copied")
	}
	l.Rcpts = []string{"<b@example.net>", "<dmarc@example.net>", "<dmarc@example.net>"}
	l.Fields = [][2]string{{"From", " a@example.org"}, {"Subject", " two\n\tlines"}, {"X", "tight"}}
	l.Body = "one\r\ntwo\r\n"
	if o := m.Deliver(l); o.Code != 'c' {
		t.Fatalf("verdict %q", o.Code)
	}
	d := r.decision()
	if len(papers) != 1 || d.Copy != papers[0] || papers[0].dropped.Load() != 0 {
		t.Fatalf("%d copies, the decision has %v", len(papers), d.Copy)
	}
	want := "From: a@example.org\r\nSubject: two\r\n\tlines\r\nX:tight\r\n\r\none\r\ntwo\r\n"
	if diff := cmp.Diff(want, papers[0].String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A copy of which nobody hears is dropped: of a message without a verdict, refused early,
// or whose hook panicked.
func TestCopyIsDropped(t *testing.T) {
	t.Parallel()
	reset := func(m *miltertest.MTA, l miltertest.Letter) {
		m.Envelope(l)
		m.Command('L', miltertest.Strings("From", " a@example.org"))
		m.Send('A')
		m.Deliver(miltertest.Usual())
	}
	tests := map[string]struct {
		play   func(*miltertest.MTA, miltertest.Letter)
		change func(*Options)
	}{
		"reset":     {play: reset},
		"hook":      {play: func(m *miltertest.MTA, l miltertest.Letter) { m.Deliver(l) }, change: func(o *Options) { o.OnMessage = func(Decision) { panic("hook") } }},
		"left":      {play: func(m *miltertest.MTA, l miltertest.Letter) { m.Envelope(l) }},
		"two mails": {play: func(m *miltertest.MTA, l miltertest.Letter) { m.Envelope(l); m.Envelope(l) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var papers []*paper
			o := copying("dmarc@example.net", &papers)
			if tt.change != nil {
				tt.change(&o)
			}
			r := start(t, &fake{}, o)
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			l := miltertest.Usual()
			l.Rcpts = []string{"<dmarc@example.net>"}
			tt.play(m, l)
			m.Close()
			r.stop()
			if len(papers) == 0 {
				t.Fatal("nothing was copied")
			}
			for i, p := range papers {
				if p.dropped.Load() == 0 {
					t.Errorf("copy %d of %d was not dropped", i+1, len(papers))
				}
			}
		})
	}
}

// A copy that panics costs the message nothing.
func TestCopyPanics(t *testing.T) {
	t.Parallel()
	var papers []*paper
	o := copying("dmarc@example.net", &papers)
	begin := o.Copy
	o.Copy = func(r string) Copy {
		c := begin(r)
		papers[0].fail = true
		return c
	}
	r := start(t, &fake{}, o)
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	l := miltertest.Usual()
	l.Rcpts = []string{"<dmarc@example.net>"}
	if out := m.Deliver(l); out.Code != 'c' {
		t.Errorf("verdict %q %q", out.Code, out.Text)
	}
	d := r.decision()
	if d.Copy != nil || d.Verdict.Action != result.Accept || len(d.Faults) != 0 || papers[0].dropped.Load() != 1 {
		t.Errorf("copy %v, verdict %+v, faults %q, %d times dropped", d.Copy, d.Verdict, d.Faults, papers[0].dropped.Load())
	}
	if s := r.Stats(); s.Panics != 1 {
		t.Errorf("%d panics", s.Panics)
	}
}

// BenchmarkAdapterAsked is BenchmarkAdapter where each recipient is looked at, and none
// wants a copy.
func BenchmarkAdapterAsked(b *testing.B) {
	inbox := map[string]bool{"dmarc@example.net": true}
	o := Options{OnMessage: func(Decision) {}, Copy: func(r string) Copy {
		if inbox[strings.ToLower(r)] {
			b.Error("copied")
		}
		return nil
	}}
	r := startUnix(b, &fake{quiet: true}, o)
	miltertest.Bench(b, r.dial)
}
