package dkim

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/message"
)

// referenceBody canonicalizes a whole body exactly as RFC 6376 sections 3.4.3 and
// 3.4.4 describe it.
func referenceBody(form Canonicalization, body string) string {
	lines := strings.Split(body, "\r\n")
	if form == Relaxed {
		for i, l := range lines {
			lines[i] = referenceLine(l)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		if form == Simple {
			return "\r\n"
		}
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

func referenceLine(l string) string {
	l = strings.TrimRight(l, " \t")
	var out strings.Builder
	for i := range len(l) {
		blank := l[i] == ' ' || l[i] == '\t'
		if !blank {
			out.WriteByte(l[i])
		} else if i == 0 || l[i-1] != ' ' && l[i-1] != '\t' {
			out.WriteByte(' ')
		}
	}
	return out.String()
}

// canonicalBody canonicalizes a body in chunks of the sizes that cut returns.
func canonicalBody(form Canonicalization, body string, cut func(left int) int) string {
	var got bytes.Buffer
	out := &output{hashes: []*BodyHash{{left: -1, state: &recorder{Buffer: &got}}}}
	var write func([]byte)
	var end func()
	if form == Relaxed {
		c := &relaxedBody{out: out}
		write, end = c.write, c.close
	} else {
		c := &simpleBody{out: out}
		write, end = c.write, c.close
	}
	for body != "" {
		n := min(len(body), cut(len(body)))
		write([]byte(body[:n]))
		body = body[n:]
	}
	end()
	out.flush()
	return got.String()
}

// recorder is a hash that keeps its input.
type recorder struct{ *bytes.Buffer }

func (r *recorder) Sum([]byte) []byte { return r.Bytes() }
func (r *recorder) Size() int         { return 0 }
func (r *recorder) BlockSize() int    { return 1 }

func TestBodyCanonicalization(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, simple, relaxed string }{
		{"3.4.5 example", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		{"3.4.3 empty body", "", "\r\n", ""},
		{"3.4.3 only empty lines", "\r\n\r\n\r\n", "\r\n", ""},
		{"3.4.4 only white space", " \t \r\n \r\n\t", " \t \r\n \r\n\t\r\n", ""},
		{"3.4.3 no CRLF at the end", "a", "a\r\n", "a\r\n"},
		{"3.4.4 white space and no CRLF at the end", "a  ", "a  \r\n", "a\r\n"},
		{"3.4.4 empty lines within stay", "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
		{"3.4.4 leading white space is reduced", "\t a\r\n", "\t a\r\n", " a\r\n"},
		{"CR alone is data", "a \rb\r\n", "a \rb\r\n", "a \rb\r\n"},
		{"CR alone at the end", "a\r", "a\r\r\n", "a\r\r\n"},
		{"CR before CRLF", "a \r\r\n\r\n", "a \r\r\n", "a \r\r\n"},
		{"LF alone is data", "a \n\nb\r\n\n", "a \n\nb\r\n\n\r\n", "a \n\nb\r\n\n\r\n"},
		{"LF CR", "\n\r", "\n\r\r\n", "\n\r\r\n"},
		{"CR space CRLF", "\r \r\n", "\r \r\n", "\r\r\n"},
		{"other controls are data", "a \x00 \x0b\x0c \r\n", "a \x00 \x0b\x0c \r\n", "a \x00 \x0b\x0c\r\n"},
		{"8 bits", "\xa0 \xff\x80  \xa0\r\n", "\xa0 \xff\x80  \xa0\r\n", "\xa0 \xff\x80 \xa0\r\n"},
		{"tab in a long line", "0123456789\tabcdef 0123456789\r\n", "0123456789\tabcdef 0123456789\r\n", "0123456789 abcdef 0123456789\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for size := 1; size <= len(tt.body)+1; size++ { // every chunk edge
				cut := func(int) int { return size }
				if d := cmp.Diff(tt.simple, canonicalBody(Simple, tt.body, cut)); d != "" {
					t.Errorf("simple, chunks of %d (-want +got):\n%s", size, d)
				}
				if d := cmp.Diff(tt.relaxed, canonicalBody(Relaxed, tt.body, cut)); d != "" {
					t.Errorf("relaxed, chunks of %d (-want +got):\n%s", size, d)
				}
			}
			if d := cmp.Diff(tt.simple, referenceBody(Simple, tt.body)); d != "" {
				t.Errorf("reference, simple (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.relaxed, referenceBody(Relaxed, tt.body)); d != "" {
				t.Errorf("reference, relaxed (-want +got):\n%s", d)
			}
		})
	}
}

// TestBodyRandom compares with the reference on random bodies of white space and
// line ends, cut anywhere.
func TestBodyRandom(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"\r\n", "\r", "\n", " ", "\t", "a", "!", "\x7f", "\xa0", "\x00", "words and  words\r\n", "0123456789abcdef"}
	for range 20000 {
		var b strings.Builder
		for range rnd.IntN(30) {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		compareBody(t, b.String(), func(left int) int { return 1 + rnd.IntN(left) })
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"", "\r\n\r\n", " a\t \r\n", "a\r \n", "\r\r\n \r", "\r\r\n\n", strings.Repeat("\r\n", 600) + "a"} {
		f.Add(s, uint64(3))
	}
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		compareBody(t, body, func(left int) int { return 1 + rnd.IntN(min(left, 1+int(seed%512))) })
		// In a field, white space follows each CRLF but the last.
		field := message.Field{Name: "X", Raw: "X:" + strings.ReplaceAll(body, "\r\n", "\r\n ") + "\r\n"}
		once := AppendField(nil, Relaxed, field)
		if twice := AppendField(nil, Relaxed, message.Field{Name: "x", Raw: string(once)}); !bytes.Equal(once, twice) {
			t.Errorf("relaxed header form is not stable: %q, then %q", once, twice)
		}
		if d := cmp.Diff(referenceHeader(field.Raw), string(once)); d != "" {
			t.Errorf("relaxed header (-reference +got):\n%s", d)
		}
	})
}

func compareBody(t *testing.T, body string, cut func(left int) int) {
	t.Helper()
	for _, form := range []Canonicalization{Simple, Relaxed} {
		if want, got := referenceBody(form, body), canonicalBody(form, body, cut); want != got {
			t.Fatalf("%v of %q\n got %q\nwant %q", form, body, got, want)
		}
	}
}

// referenceHeader follows RFC 6376 section 3.4.2 step by step.
func referenceHeader(raw string) string {
	name, value, _ := strings.Cut(raw, ":")
	value = referenceLine(strings.ReplaceAll(value, "\r\n", ""))
	name = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.TrimRight(name, " \t"))
	return name + ":" + strings.TrimLeft(value, " \t") + "\r\n"
}

func TestHeaderCanonicalization(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, want string }{
		{"3.4.5 example, first", "A: X\r\n", "a:X\r\n"},
		{"3.4.5 example, second", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"empty value", "Subject:\r\n", "subject:\r\n"},
		{"only white space", "Subject: \t\r\n \r\n", "subject:\r\n"},
		{"fold before the value", "Subject:\r\n  x\r\n", "subject:x\r\n"},
		{"CR alone is data", "Subject: a \r b\r\n", "subject:a \r b\r\n"},
		{"8 bits", "Subject: \xc3\xa4  \xc3\xb6\r\n", "subject:\xc3\xa4 \xc3\xb6\r\n"},
		{"colon in the value", "X:a : b\r\n", "x:a : b\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := message.Field{Raw: tt.raw}
			if d := cmp.Diff(tt.want, string(AppendField(nil, Relaxed, f))); d != "" {
				t.Errorf("relaxed (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.raw, string(AppendField(nil, Simple, f))); d != "" {
				t.Errorf("simple (-want +got):\n%s", d)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	body := "a  b \r\nc\r\n\r\n"
	sum := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	var b Bodies
	whole := b.Hash(Simple, crypto.SHA256, -1)
	first := b.Hash(Simple, crypto.SHA256, 3)
	none := b.Hash(Relaxed, crypto.SHA256, 0)
	exact := b.Hash(Relaxed, crypto.SHA256, 8)
	long := b.Hash(Relaxed, crypto.SHA256, 9)
	old := b.Hash(Relaxed, crypto.SHA1, -1)
	if b.Hash(Simple, crypto.SHA256, -7) != whole {
		t.Error("the same combination is hashed twice")
	}
	if whole.Sum() != nil {
		t.Error("a sum before the end")
	}
	for i := range len(body) {
		b.Write([]byte(body[i : i+1]))
	}
	b.Close()
	b.Close()
	for _, tt := range []struct {
		name  string
		h     *BodyHash
		want  string
		short bool
	}{
		{"whole, simple", whole, "a  b \r\nc\r\n", false},
		{"l=3", first, "a  ", false},
		{"l=0", none, "", false},
		{"l= of all, in canonical bytes", exact, "a b\r\nc\r\n", false},
		{"l= beyond the end", long, "a b\r\nc\r\n", true},
	} {
		if !bytes.Equal(tt.h.Sum(), sum(tt.want)) || tt.h.Short() != tt.short {
			t.Errorf("%s: not the hash of %q, or Short is %v", tt.name, tt.want, tt.h.Short())
		}
	}
	if h := sha1.Sum([]byte("a b\r\nc\r\n")); !bytes.Equal(old.Sum(), h[:]) {
		t.Error("SHA-1 of the relaxed body is wrong")
	}
}

func TestBodiesBound(t *testing.T) {
	t.Parallel()
	var b Bodies
	for i := range maxBodyHashes {
		if b.Hash(Relaxed, crypto.SHA256, int64(i)) == nil {
			t.Fatalf("hash %d of %d refused", i+1, maxBodyHashes)
		}
	}
	if b.Hash(Relaxed, crypto.SHA256, 1000) != nil {
		t.Error("more hashes than the bound")
	}
	if b.Hash(Relaxed, crypto.SHA256, 3) == nil {
		t.Error("a known combination is refused at the bound")
	}
}

// TestBodiesKeepNothing checks that writing a body allocates nothing.
func TestBodiesKeepNothing(t *testing.T) {
	var b Bodies
	for _, form := range []Canonicalization{Simple, Relaxed} {
		b.Hash(form, crypto.SHA256, -1)
		b.Hash(form, crypto.SHA256, 1<<40)
	}
	for _, unit := range []string{"\r\n", " ", "\t\r\n", "\r", "\n", "a  ", "word word word\r\n"} {
		chunk := []byte(strings.Repeat(unit, 64<<10/len(unit)))
		if n := testing.AllocsPerRun(20, func() { b.Write(chunk) }); n != 0 {
			t.Errorf("chunks of %q: %v allocations each", unit, n)
		}
	}
	b.Close()
}
