package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		header   Header
		body     string
	}{
		{"2.1 CRLF", "A: b\r\nC:d\r\n\r\nbody\r\n", Header{{"A", "A: b\r\n"}, {"C", "C:d\r\n"}}, "body\r\n"},
		{"LF", "A: b\nC:d\n\nbody\n\nx", Header{{"A", "A: b\r\n"}, {"C", "C:d\r\n"}}, "body\r\n\r\nx"},
		{"mixed", "A: b\r\nC:d\n\r\nbody\nx\r\n", Header{{"A", "A: b\r\n"}, {"C", "C:d\r\n"}}, "body\r\nx\r\n"},
		{"2.2.3 folds", "A: b\n c\r\n\td\n\n", Header{{"A", "A: b\r\n c\r\n\td\r\n"}}, ""},
		{"4.2 obs-fold of blanks", "A: b\n \n c\n\nx", Header{{"A", "A: b\r\n \r\n c\r\n"}}, "x"},
		{"4.5 blanks before the colon", "From \t: a\nB:\n\n", Header{{"From", "From \t: a\r\n"}, {"B", "B:\r\n"}}, ""},
		{"empty value and blanks at the end", "A:\nB:  \n\n", Header{{"A", "A:\r\n"}, {"B", "B:  \r\n"}}, ""},
		{"no body", "A: b\r\n", Header{{"A", "A: b\r\n"}}, ""},
		{"no line end", "A: b", Header{{"A", "A: b\r\n"}}, ""},
		{"empty", "", nil, ""},
		{"no header", "\r\nbody", nil, "body"},
		{"two empty lines", "A: b\n\n\nbody", Header{{"A", "A: b\r\n"}}, "\r\nbody"},
		{"line without colon", "A: b\nno field\nC: d\n", Header{{"A", "A: b\r\n"}}, "no field\r\nC: d\r\n"},
		{"name with a blank", "A: b\nC d: e\n", Header{{"A", "A: b\r\n"}}, "C d: e\r\n"},
		{"empty name", "A: b\n: e\n", Header{{"A", "A: b\r\n"}}, ": e\r\n"},
		{"name beyond ASCII", "A: b\nF\xffrom: e\n", Header{{"A", "A: b\r\n"}}, "F\xffrom: e\r\n"},
		{"NUL in a name", "A: b\nFrom\x00: e\n", Header{{"A", "A: b\r\n"}}, "From\x00: e\r\n"},
		{"first line begins with white space", " From: a\nB: c\n\nx", nil, " From: a\r\nB: c\r\n\r\nx"},
		{"mbox", "From joe@example.org Mon Jan  1 00:00:00 2026\nA: b\n\nx", Header{{"A", "A: b\r\n"}}, "x"},
		{"mbox line later", "A: b\nFrom joe Mon\n", Header{{"A", "A: b\r\n"}}, "From joe Mon\r\n"},
		{"mbox line, then white space", "From joe Mon\n A: b\n", nil, " A: b\r\n"},
		{"From field with blanks is no mbox line", "From : a@b\n\n", Header{{"From", "From : a@b\r\n"}}, ""},
		{"bare CR", "A: b\rC: d\n\nx\ry\r\r\nz\r", Header{{"A", "A: b\rC: d\r\n"}}, "x\ry\r\r\nz\r"},
		{"a CR alone is no empty line", "A: b\n\r\r\nx", Header{{"A", "A: b\r\n"}}, "\r\r\nx"},
		{"exact bytes", "sUBJECT:\x00\xff \t\n\n", Header{{"sUBJECT", "sUBJECT:\x00\xff \t\r\n"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for how, in := range map[string]io.Reader{
				"whole": strings.NewReader(tt.in), "by bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
			} {
				r := NewReader(in)
				h, err := r.Header()
				if diff := cmp.Diff(tt.header, h); diff != "" || err != nil {
					t.Errorf("%s: %v, (-want +got)\n%s", how, err, diff)
				}
				var body bytes.Buffer
				n, err := r.WriteTo(&body)
				if body.String() != tt.body || err != nil || n != int64(body.Len()) {
					t.Errorf("%s: body %q, n %d, %v; want %q", how, body.String(), n, err, tt.body)
				}
			}
		})
	}
}

func TestReaderBodyAlone(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	if _, err := NewReader(strings.NewReader("A: b\n\nx\n")).WriteTo(&body); body.String() != "x\r\n" || err != nil {
		t.Errorf("%q, %v", body.String(), err)
	}
}

// TestReaderStored: Body leaves line ends as they are, and has the line that ended the
// header.
func TestReaderStored(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"A: b\r\n\r\nx\ny\r\n": "x\ny\r\n",
		"A: b\nno field\n\ny":  "no field\n\ny",
		"":                     "",
	} {
		body, err := NewReader(iotest.OneByteReader(strings.NewReader(in))).Body()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := NewReader(strings.NewReader("A: " + strings.Repeat("b", maxHeader))).Body(); !errors.Is(err, ErrHeaderTooLong) {
		t.Errorf("%v, want %v", err, ErrHeaderTooLong)
	}
}

func TestReaderErrors(t *testing.T) {
	t.Parallel()
	trouble := errors.New("trouble")
	broken := func(s string) io.Reader { return io.MultiReader(strings.NewReader(s), iotest.ErrReader(trouble)) }
	r := NewReader(broken("A: b\nC"))
	if h, err := r.Header(); h != nil || !errors.Is(err, trouble) {
		t.Errorf("header: %v, %v", h, err)
	}
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, trouble) {
		t.Errorf("body after a broken header: %v", err)
	}
	var body bytes.Buffer
	if _, err := NewReader(broken("A: b\n\nbody")).WriteTo(&body); !errors.Is(err, trouble) || body.String() != "body" {
		t.Errorf("body: %q, %v", body.String(), err)
	}
	if _, err := NewReader(io.MultiReader(strings.NewReader("A: b\n\n"), idle{})).WriteTo(io.Discard); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("idle reader: %v", err)
	}
	for name, in := range map[string]io.Reader{
		"fields":    io.LimitReader(endless("A: b\n"), 9<<20),
		"one line":  io.LimitReader(endless("A:"), 9<<20),
		"one field": io.LimitReader(endless("A:\n "), 9<<20),
	} {
		if h, err := NewReader(in).Header(); h != nil || !errors.Is(err, ErrHeaderTooLong) {
			t.Errorf("%s: %d fields, %v", name, len(h), err)
		}
	}
	if _, err := NewReader(strings.NewReader("A: b\n\nx")).WriteTo(failingWriter{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writer: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

func TestNewField(t *testing.T) {
	t.Parallel()
	f := NewField("From \t", " a\n b\r\n c")
	if want := (Field{"From", "From \t: a\r\n b\r\n c\r\n"}); f != want || f.Value() != " a\r\n b\r\n c" {
		t.Errorf("%+v, value %q", f, f.Value())
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	h := Header{NewField("a", "1"), NewField("B", "2"), NewField("A ", "3")}
	if h.Count("A") != 2 || h.Count("a") != 2 || h.Count("c") != 0 {
		t.Errorf("%+v", h)
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"A: b\r\n c\n\nbody", "From x\n A: b\n", "From : x\r\rA: b\n\n\n", "\r\n", "x\x00:\n", "A:\n\r\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in))
		h, err := r.Header()
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := r.WriteTo(&body); err != nil {
			t.Fatal(err)
		}
		var whole strings.Builder
		for _, f := range h {
			if !strings.HasPrefix(f.Raw, f.Name) || !strings.HasSuffix(f.Raw, "\r\n") || f.Name == "" || strings.TrimRight(f.Name, " \t") != f.Name {
				t.Fatalf("%+v", f)
			}
			whole.WriteString(f.Raw)
		}
		// Reading the delivered message again gives the same message.
		again := NewReader(io.MultiReader(strings.NewReader(whole.String()+"\r\n"), bytes.NewReader(body.Bytes())))
		h2, err := again.Header()
		var body2 bytes.Buffer
		again.WriteTo(&body2)
		if diff := cmp.Diff(h, h2); diff != "" || err != nil || body2.String() != body.String() {
			t.Fatalf("%v\n%s\n%q\n%q", err, diff, body.String(), body2.String())
		}
		// The Reader changes only line ends and removes only the empty line and
		// an mbox line.
		flat := func(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }
		if got, want := flat(whole.String()+body.String()), flat(string(in)); !strings.HasSuffix(want, got) {
			t.Fatalf("%q is not the end of %q", got, want)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	in := []byte(strings.Repeat("Subject: a field of some length, as they are\n", 20) + "\n" + strings.Repeat(strings.Repeat("x", 76)+"\n", 1000))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for range b.N {
		NewReader(bytes.NewReader(in)).WriteTo(io.Discard)
	}
}
