package milter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// With HDR_LEADSPC every octet of a header arrives; without it one blank after
// the colon is guessed.
func TestHeaderBytes(t *testing.T) {
	t.Parallel()
	fields := [][2]string{
		{"A", "x"},
		{"B", " x"},
		{"C", "  x"},
		{"D", "\tx"},
		{"E", "\n x"},
		{"F", " x\n\ty\n z "},
		{"G", ""},
		{"H", " "},
		{"I", " \n \n x"},
		{"J", " \xc3\xa9\xff"},
		{"dKiM-SiGnature", " v=1"},
		{"K", " a:b"},
	}
	exact := []string{
		`"A:x"`, `"B: x"`, `"C:  x"`, `"D:\tx"`, `"E:\n x"`, `"F: x\n\ty\n z "`,
		`"G:"`, `"H: "`, `"I: \n \n x"`, `"J: é\xff"`, `"dKiM-SiGnature: v=1"`, `"K: a:b"`,
	}
	guessed := []string{
		`"A: x"`, `"B:  x"`, `"C:   x"`, `"D:\tx"`, `"E:\n x"`, `"F:  x\n\ty\n z "`,
		`"G: "`, `"H:  "`, `"I:  \n \n x"`, `"J:  é\xff"`, `"dKiM-SiGnature:  v=1"`, `"K:  a:b"`,
	}
	for _, tt := range []struct {
		name  string
		offer miltertest.Offer
		want  []string
		exact bool
	}{
		{"offered", miltertest.OfferAll, exact, true},
		{"not offered", miltertest.NewOffer(6, 0x1ff, 0xfffff), guessed, false},
		{"protocol 2", miltertest.Offer2, guessed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, tt.offer)
			m.Hello()
			l := miltertest.Usual()
			l.Fields = fields
			m.Deliver(l)
			if diff := cmp.Diff(tt.want, f.saying("field")); diff != "" {
				t.Error(diff)
			}
			miltertest.Connect(t, r.dial, tt.offer)
			if n := r.logs.FilterMessageSnippet("simple header canonicalization").Len(); n != map[bool]int{false: 1}[tt.exact] {
				t.Errorf("%d warnings", n)
			}
			// The second message has its own fields only, in their order.
			m.Deliver(miltertest.Usual())
			if got := f.saying("field")[len(fields):]; len(got) != 2 || !strings.HasPrefix(got[0], `"From:`) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestNULs(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	m.Envelope(miltertest.Usual())
	m.Send('L', []byte("A\x00 a\x00b\x00"))   // cut as in libmilter
	m.Send('L', []byte("B\x00\x00"))          // empty
	m.Send('L', []byte("C\x00 no final NUL")) // lenient
	m.Send('L', []byte("D\x00 d\x00\x00\x00"))
	m.Send('N')
	m.Send('B', []byte("a\x00b\x00"))
	m.Send('E')
	m.Verdict()
	if diff := cmp.Diff([]string{`"A: a"`, `"B:"`, `"C: no final NUL"`, `"D: d"`}, f.saying("field")); diff != "" {
		t.Error(diff)
	}
	if f.body != 4 {
		t.Errorf("body of %d octets", f.body)
	}
}

// libmilter takes what comes with the end for a last chunk.
func TestBodyWithEnd(t *testing.T) {
	t.Parallel()
	for _, o := range []miltertest.Offer{miltertest.OfferAll, miltertest.Offer2} {
		f := &fake{}
		r := start(t, f, Options{})
		m := miltertest.Connect(t, r.dial, o)
		m.Hello()
		m.Envelope(miltertest.Usual())
		m.Content(miltertest.Usual())
		m.Send('E', []byte("tail"))
		if got := m.Verdict(); got.Code != 'c' || f.body != 11 {
			t.Errorf("%q, body of %d octets", got.Code, f.body)
		}
	}
}
