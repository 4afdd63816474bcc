package dnscache_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// text and octets are values to derive from answers.
type (
	text   string
	octets []byte
)

func (t text) Size() int   { return len(t) }
func (o octets) Size() int { return cap(o) }

func TestDerivedOncePerAnswer(t *testing.T) {
	t.Parallel()
	_, r, clock := fixture(t, "a.test. 60 TXT x", dnscache.Options{})
	n := 0
	derive := func(a *dnscache.Answer) text { n++; return text(a.TXT[0]) }
	deriveOther := func(a *dnscache.Answer) octets { n++; return octets(a.TXT[0]) }
	for range 3 {
		a := r.Lookup(t.Context(), "a.test", dnscache.TXT)
		if dnscache.Derive(a, derive) != "x" || string(dnscache.Derive(a, deriveOther)) != "x" {
			t.Error("derived something else")
		}
	}
	if n != 2 {
		t.Errorf("derived %d times for two types", n)
	}
	clock.advance(time.Minute)
	dnscache.Derive(r.Lookup(t.Context(), "a.test", dnscache.TXT), derive)
	if n != 3 {
		t.Errorf("derived %d times after a new answer", n)
	}
}

// parsed is a value like those that callers derive.
type parsed struct {
	raw   string // the answer's
	terms []string
	more  []byte
}

func (p *parsed) Size() int { return 64 + 16*cap(p.terms) + cap(p.more) }

// The memory of derived values is charged to the cache, and freed with it.
func TestDerivedIsAccountedFor(t *testing.T) {
	const n = 2000
	s, err := dnstest.NewServer(`*.test. 3600 TXT "v=spf1 ` + strings.Repeat("include:a.test ", 10) + `"`)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}})
	answers := make([]*dnscache.Answer, n)
	for i := range answers {
		r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
		answers[i] = r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
	}
	said := r.Stats().Bytes
	grown := dnstest.HeapPer(n, func(i int) any {
		return dnscache.Derive(answers[i], func(a *dnscache.Answer) *parsed {
			return &parsed{raw: a.TXT[0], terms: strings.Fields(a.TXT[0]), more: make([]byte, 300)}
		})
	})
	charged := int(r.Stats().Bytes-said) / n
	t.Logf("the heap grew by %d an answer, %d were charged", grown, charged)
	if float64(charged) < 0.9*float64(grown) || float64(charged) > 1.25*float64(grown) {
		t.Errorf("the heap grew by %d an answer, %d were charged", grown, charged)
	}
	if st := r.Stats(); st.Entries != n {
		t.Errorf("%d entries", st.Entries)
	}
	r.Flush(".")
	if got := r.Stats().Bytes; got > said/4 {
		t.Errorf("%d bytes left", got)
	}
}

// Derived values count against MaxBytes as answers do.
func TestDerivedIsBounded(t *testing.T) {
	t.Parallel()
	_, r, _ := fixture(t, "*.test. 3600 TXT x", dnscache.Options{MaxBytes: 1 << 20})
	for i := range 300 {
		a := r.Lookup(t.Context(), fmt.Sprintf("n%d.test", i), dnscache.TXT)
		size := 16 << 10
		if i == 200 {
			size = 1 << 20 // alone too much
		}
		dnscache.Derive(a, func(*dnscache.Answer) octets { return make(octets, size) })
		if b := r.Stats().Bytes; b > 1<<20 {
			t.Fatalf("%d bytes", b)
		}
	}
	if n := r.Stats().Entries; n < 30 || n > 64 {
		t.Errorf("%d entries of 16 KB in 1 MB", n)
	}
}
