package rows

import (
	"bytes"
	"strings"
	"testing"
)

// keptText returns a text as it is read back, and the octets that it takes.
func keptText(t testing.TB, s string, n int) (string, int) {
	t.Helper()
	known := knownTexts("news.example.org", "example.org", "mx.example.net", "bounce.example.com")
	w := codec{room: maxFacts, known: known}
	w.writeText(s, n)
	r := codec{b: w.b, reading: true, known: known}
	got := r.readText()
	if r.bad || len(r.b) > 0 {
		t.Fatalf("%q: bad %t, %d octets are left", s, r.bad, len(r.b))
	}
	return got, len(w.b)
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for text, octets := range map[string]int{
		"":                                       1,
		"pass":                                   1,
		"alike":                                  2,
		"news.example.org":                       1,
		"selector":                               9,
		"selector._domainkey.news.example.org":   22,
		"mx.example.net publishes no SPF record": 2,
		"SPF passed for example.org":             2,
		"SPF passed for bounce.example.com and a DKIM signature of example.org passed":           3,
		"a DKIM signature of other.example passed":                                               15,
		"SPF did not pass (fail for example.org); no DKIM signature passed":                      2,
		"SPF passed for SPF passed for SPF passed for example.org publishes no SPF record":       49,
		"SPF passed for a, which is not aligned with b; no DKIM signature":                       5,
		"SPF passed for a and a DKIM signature of b passed and a DKIM signature of c passed":     39,
		"no recipient is one whose mail is sent on, and the client is none that hands on mail":   2,
		"no recipient is one whose mail is sent on, and the client is none that hands on mail, ": 88,
	} {
		if got, n := keptText(t, text, maxText); got != text || n != octets {
			t.Errorf("%q is read back as %q from %d octets, want %d", text, got, n, octets)
		}
	}
	for text, want := range map[string]string{
		strings.Repeat("x", 300):                                     strings.Repeat("x", maxText-3) + "...",
		"SPF passed for " + strings.Repeat("x", 300):                 "SPF passed for " + strings.Repeat("x", maxText-18) + "...",
		"SPF passed for \x1b[2J and a DKIM signature of \r\n passed": "SPF passed for ?[2J and a DKIM signature of ?? passed",
	} {
		if got, _ := keptText(t, text, maxText); got != want {
			t.Errorf("%q is read back as %q, want %q", text, got, want)
		}
	}
}

// TestSentenceInSentence reads octets that no writer makes.
func TestSentenceInSentence(t *testing.T) {
	t.Parallel()
	r := codec{b: bytes.Repeat([]byte{1<<2 | textSentence}, MaxRow), reading: true}
	if got := r.readText(); !r.bad || len(got) > 2*maxText {
		t.Errorf("%d octets are read, bad %t", len(got), r.bad)
	}
	r = codec{b: []byte{byte(len(sentences))<<2 | textSentence}, reading: true}
	if got := r.readText(); !r.bad || got != "" {
		t.Errorf("%q is read, bad %t", got, r.bad)
	}
}

func FuzzPacked(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 0, 0, 0, manyZeros, 0, manyZeros, manyZeros, 0, 0, 0, 0})
	f.Add(append(make([]byte, 1000), manyZeros))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxRow {
			return
		}
		if got := appendUnpacked(nil, appendPacked(nil, b)); !bytes.Equal(got, b) {
			t.Errorf("%x is unpacked as %x", b, got)
		}
		if got := appendUnpacked(nil, b); len(got) > 4*MaxRow+255 {
			t.Errorf("%d octets are unpacked to %d", len(b), len(got))
		}
	})
}
