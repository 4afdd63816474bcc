package mailbox

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// contents returns the messages of a text, each as its fields, "|" and its body.
func contents(t *testing.T, r io.Reader) (all []string) {
	t.Helper()
	box, err := NewReader(r, "test")
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := box.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range m.Header {
			b.WriteString(f.Raw)
		}
		b.WriteString("|")
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.ReplaceAll(b.String(), "\r\n", "\n"))
	}
}

func packed(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const begin = "From ann@example.org Fri May  1 12:00:00 2026\n"

func TestMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000)
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"|"}},
		{"one message", "A: b\n\nc\n\n", []string{"A: b\n|c\n\n"}},
		{"a byte order mark", "\xef\xbb\xbfA: b\n\nc\n", []string{"A: b\n|c\n"}},
		{"gzip", packed(t, "A: b\n\nc\n"), []string{"A: b\n|c\n"}},
		{"gzip in two members", packed(t, "A: b\n") + packed(t, "\nc\n"), []string{"A: b\n|c\n"}},
		{"gzip with a byte order mark", packed(t, "\xef\xbb\xbfA: b\n\nc\n"), []string{"A: b\n|c\n"}},
		{"what only begins as gzip does", "\x1f\x8b", []string{"|\x1f\x8b"}},
		{"a line of mbox without a time", "From ann\nA: b\n\nc\n\n" + begin + "D: e\n", []string{"A: b\n|c\n\n" + begin + "D: e\n"}},

		{"an mbox", begin + "A: b\n\nc\n\n" + begin + "D: e\n\nf\n\n", []string{"A: b\n|c\n", "D: e\n|f\n"}},
		{"packed", packed(t, begin+"A: b\n\nc\n\n"+begin+"D: e\n\nf\n\n"), []string{"A: b\n|c\n", "D: e\n|f\n"}},
		{"lines that end in CRLF", strings.ReplaceAll(begin+"A: b\n\nc\n\n"+begin+"D: e\n\nf\n\n", "\n", "\r\n"), []string{"A: b\n|c\n", "D: e\n|f\n"}},
		{"one message of an mbox", begin + "A: b\n\nc\n", []string{"A: b\n|c\n"}},
		{"no line end", begin + "A: b\n\nc", []string{"A: b\n|c"}},
		{"no body", begin + "A: b\n\n" + begin + "D: e\n\n", []string{"A: b\n|", "D: e\n|"}},
		{"empty lines", begin + "A: b\n\n\n\nc\n\n\n\n" + begin + "D: e\n\n\n\n", []string{"A: b\n|\n\nc\n\n\n", "D: e\n|\n"}},
		{"no message after the separator", begin, []string{"|"}},
		{"no empty line before", begin + "A: b\n\nc\n" + begin + "d\n", []string{"A: b\n|c\n" + begin + "d\n"}},
		{"a sentence", begin + "A: b\n\nc\n\nFrom now on it is 12:00.\n", []string{"A: b\n|c\n\nFrom now on it is 12:00.\n"}},
		{"quoted", begin + "A: b\n\n>From now on\n>>From then on\n> From x\n>\n", []string{"A: b\n|From now on\n>From then on\n> From x\n>\n"}},
		{"long lines", begin + "A: b\n\n" + long + "\n\n>From " + long + "\n\n" + begin + "D: e\n\n" + long, []string{"A: b\n|" + long + "\n\nFrom " + long + "\n", "D: e\n|" + long}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantContents(t, tt.text, tt.want)
		})
	}
}

// wantContents compares the messages in a text with those that are wanted, read at once
// and octet by octet.
func wantContents(t *testing.T, text string, want []string) {
	t.Helper()
	if d := cmp.Diff(want, contents(t, strings.NewReader(text))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, contents(t, iotest.OneByteReader(strings.NewReader(text)))); d != "" {
		t.Errorf("octet by octet (-want +got):\n%s", d)
	}
}

func TestIsSeparator(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"From ann@example.org Fri May  1 12:00:00 2026":                   true,
		"From MAILER-DAEMON Fri May 1 12:00 2026":                         true,
		"From \"ann b\"@example.org  Fri May 01 12:00:00 2026 +0200":      true,
		"From ann@example.org Fri May  1 12:00:00 MET DST 2026":           true,
		"From ann Fri May  1 12:00:00 2026 remote from host":              true,
		"From ann@example.org Fri May  1 12:00:00 2026\r":                 true,
		"From ann@example.org":                                            false,
		"From: ann@example.org Fri May  1 12:00:00 2026":                  false,
		">From ann@example.org Fri May  1 12:00:00 2026":                  false,
		"From 12:00 on there is cake":                                     false,
		"From ann@example.org at 12:00, 1 May 2026":                       false,
		"From " + strings.Repeat("x", 2000) + " Fri May  1 12:00:00 2026": false,
	} {
		if got := isSeparator([]byte(line)); got != want {
			t.Errorf("%.80q: %v", line, got)
		}
	}
}

// TestNextPassesOver: the next message follows a body that was not read.
func TestNextPassesOver(t *testing.T) {
	t.Parallel()
	box, err := NewReader(strings.NewReader(begin+"A: b\n\n"+strings.Repeat("c\n", 10_000)+"\n"+begin+"D: e\n\nf\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"A", "D"} {
		if m, err := box.Next(); err != nil || m.Header[0].Name != want {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if m, err := box.Next(); m != nil || !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %+v, %v", m, err)
	}
}

// TestLimit is about messages over the limit: the next one can be read.
func TestLimit(t *testing.T) {
	t.Parallel()
	large := "A: b\n\n" + strings.Repeat("c", 100) + "\n"
	read := func(text string, limit int64) (all []string) {
		box, err := newReader(strings.NewReader(text), Reader{closer: io.NopCloser(nil), limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := box.Next()
			if errors.Is(err, io.EOF) {
				return all
			}
			n := int64(0)
			if err == nil {
				n, err = m.WriteTo(io.Discard)
			}
			switch {
			case err == nil:
				all = append(all, "read")
			case errors.Is(err, ErrTooLarge) && n < limit:
				all = append(all, "too large")
			default:
				t.Fatalf("%d octets, %v", n, err)
			}
		}
	}
	size := int64(len(large))
	for limit, want := range map[int64]string{0: "read", size: "read", size - 1: "too large", 1: "too large"} {
		if d := cmp.Diff([]string{want}, read(large, limit)); d != "" {
			t.Errorf("%d octets of %d: %s", limit, size, d)
		}
	}
	if d := cmp.Diff([]string{"too large", "read"}, read(begin+large+"\n"+begin+"D: e\n\nf\n", 50)); d != "" {
		t.Error(d)
	}
	// The limit counts unpacked octets.
	if d := cmp.Diff([]string{"too large"}, read(packed(t, "A: b\n\n"+strings.Repeat("c", 1<<20)), 1<<19)); d != "" {
		t.Error(d)
	}
}

// TestBroken: an input that breaks is reported once.
func TestBroken(t *testing.T) {
	t.Parallel()
	disk := errors.New("disk on fire")
	for _, text := range []string{"", "A: b\n\nc\n", begin + "A: b\n\nc\n", begin + "A: b\n\nc\n\n", begin + "A: b\n"} {
		for _, readBody := range []bool{false, true} {
			box, err := NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(disk)), "test")
			failures := 0
			for err == nil || !errors.Is(err, io.EOF) {
				if err != nil {
					if failures++; !errors.Is(err, disk) || failures > 3 {
						t.Fatalf("%q: %v", text, err)
					}
					if box == nil {
						break
					}
				}
				var m *Message
				if m, err = box.Next(); err == nil && readBody {
					_, err = m.WriteTo(io.Discard)
				}
			}
			if failures != 1 {
				t.Errorf("%q, reading bodies %v: %d failures", text, readBody, failures)
			}
		}
	}
	cut := packed(t, begin+"A: b\n\n"+strings.Repeat("c\n", 1000))
	if _, err := NewReader(strings.NewReader(cut[:20]), "test"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("gzip cut short: %v", err)
	}
}

// FuzzMessages: reading ends whatever a file holds, and there is no more in the
// messages than in the file.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		"", begin, begin + "A: b\n\nc\n\n" + begin + "D: e\n", "\xef\xbb\xbfA: b\n", packed(f, begin+"A: b\n\n>From x\n"), "\x1f\x8b\x08",
		queueFile("a", "A: b\n\nc\n"), queueFile("a", "regular_text: A: b\nunterminated_text: c\npadding: 0\n"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const most = 1 << 16
		box, err := newReader(strings.NewReader(s), Reader{closer: io.NopCloser(nil), limit: most})
		if err != nil {
			return
		}
		for n := 0; ; n++ {
			m, err := box.Next()
			if errors.Is(err, io.EOF) || m == nil {
				return
			}
			if n > len(s) && !strings.HasPrefix(s, "\x1f\x8b") {
				t.Fatalf("%d messages in %d octets", n, len(s))
			}
			if written, err := m.WriteTo(io.Discard); err == nil && written > 2*most {
				t.Fatalf("%d octets of a body", written)
			}
		}
	})
}
