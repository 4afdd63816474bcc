package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/result"

	"github.com/google/go-cmp/cmp"
)

func fieldsHeard(f *fake) []string {
	var out []string
	for _, s := range f.heard() {
		if v, ok := strings.CutPrefix(s, "field "); ok {
			out = append(out, v)
		}
	}
	return out
}

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
		`"A:x\r\n"`, `"B: x\r\n"`, `"C:  x\r\n"`, `"D:\tx\r\n"`, `"E:\r\n x\r\n"`, `"F: x\r\n\ty\r\n z \r\n"`,
		`"G:\r\n"`, `"H: \r\n"`, `"I: \r\n \r\n x\r\n"`, `"J: é\xff\r\n"`, `"dKiM-SiGnature: v=1\r\n"`, `"K: a:b\r\n"`,
	}
	guessed := []string{
		`"A: x\r\n"`, `"B:  x\r\n"`, `"C:   x\r\n"`, `"D:\tx\r\n"`, `"E:\r\n x\r\n"`, `"F:  x\r\n\ty\r\n z \r\n"`,
		`"G: \r\n"`, `"H:  \r\n"`, `"I:  \r\n \r\n x\r\n"`, `"J:  é\xff\r\n"`, `"dKiM-SiGnature:  v=1\r\n"`, `"K:  a:b\r\n"`,
	}
	for _, tt := range []struct {
		name  string
		offer offer
		want  []string
		exact bool
	}{
		{"offered", offerAll, exact, true},
		{"not offered", offer{6, 0x1ff, 0xfffff}, guessed, false},
		{"protocol 2", offer2, guessed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := connectMTA(t, r.dial, tt.offer)
			m.hello()
			l := usual
			l.fields = fields
			m.deliver(l)
			if diff := cmp.Diff(tt.want, fieldsHeard(f)); diff != "" {
				t.Error(diff)
			}
			if d := r.decision(); d.ExactHeader != tt.exact {
				t.Errorf("ExactHeader %v", d.ExactHeader)
			}
			connectMTA(t, r.dial, tt.offer)
			if n := r.logs.FilterMessageSnippet("simple header canonicalization").Len(); n != map[bool]int{false: 1}[tt.exact] {
				t.Errorf("%d warnings", n)
			}
			// The second message has its own fields only, in their order.
			m.deliver(usual)
			if got := fieldsHeard(f)[len(fields):]; len(got) != 2 || !strings.HasPrefix(got[0], `"From:`) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestNULs(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.hello()
	m.envelope(usual)
	m.send('L', []byte("A\x00 a\x00b\x00"))   // cut as in libmilter
	m.send('L', []byte("B\x00\x00"))          // empty
	m.send('L', []byte("C\x00 no final NUL")) // lenient
	m.send('L', []byte("D\x00 d\x00\x00\x00"))
	m.send('N')
	m.send('B', []byte("a\x00b\x00"))
	m.send('E')
	m.verdict()
	if diff := cmp.Diff([]string{`"A: a\r\n"`, `"B:\r\n"`, `"C: no final NUL\r\n"`, `"D: d\r\n"`}, fieldsHeard(f)); diff != "" {
		t.Error(diff)
	}
	if f.body != 4 {
		t.Errorf("body of %d octets", f.body)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	many := make([][2]string, 10000)
	for i := range many {
		many[i] = [2]string{"X-Many", fmt.Sprintf(" %d", i)}
	}
	tests := []struct {
		name   string
		l      letter
		room   int
		fields int
		body   int64
	}{
		{"10,000 fields", letter{from: "<a@b>", fields: many, body: "x"}, 0, 10000, 1},
		{"a field of 1 MiB", letter{from: "<a@b>", fields: [][2]string{{"A", strings.Repeat("x", 1<<20)}}}, 0, 1, 0},
		{"a field of 4 MiB", letter{from: "<a@b>", fields: [][2]string{{"A", strings.Repeat("x", 4<<20)}, {"B", ""}}}, 0, 2, 0},
		{"a field beyond the room", letter{from: "<a@b>", fields: [][2]string{{"A", strings.Repeat("x", 2000)}, {"B", "x"}}, body: "x"}, 1000, 2, 1},
		{"a large field beyond the room", letter{from: "<a@b>", fields: [][2]string{{"A", strings.Repeat("x", maxBeyond)}, {"B", "x"}}, body: "x"}, 1000, 1, 1},
		{"no header", letter{from: "<a@b>", body: "x"}, 0, 0, 1},
		{"no body", letter{from: "<a@b>", fields: usual.fields}, 0, 2, 0},
		{"nothing", letter{from: "<>"}, 0, 0, 0},
		{"10 MB body", letter{from: "<a@b>", body: strings.Repeat("0123456789abcde\n", 10<<16)}, 0, 0, 10 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range []offer{offerAll, offer2} {
				f := &fake{room: tt.room}
				r := start(t, f, Options{})
				m := connectMTA(t, r.dial, o)
				m.hello()
				if got := m.deliver(tt.l); got.code != 'c' {
					t.Fatalf("verdict %q %q", got.code, got.text)
				}
				if n := len(fieldsHeard(f)); n != tt.fields {
					t.Errorf("%d fields, want %d", n, tt.fields)
				}
				if truncated := f.has("truncated field"); truncated != (tt.fields < len(tt.l.fields)) {
					t.Errorf("truncated %v", truncated)
				}
				if f.body != tt.body {
					t.Errorf("%d octets of body, want %d", f.body, tt.body)
				}
			}
		})
	}
}

// libmilter takes what comes with the end for a last chunk.
func TestBodyWithEnd(t *testing.T) {
	t.Parallel()
	for _, o := range []offer{offerAll, offer2} {
		f := &fake{}
		r := start(t, f, Options{})
		m := connectMTA(t, r.dial, o)
		m.hello()
		m.envelope(usual)
		m.content(usual)
		m.send('E', []byte("tail"))
		if got := m.verdict(); got.code != 'c' || f.body != 11 {
			t.Errorf("%q, body of %d octets", got.code, f.body)
		}
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	length := func(n uint32, rest string) []byte { return append(binary.BigEndian.AppendUint32(nil, n), rest...) }
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"no length", length(0, "")},
		{"4 GiB", length(0xffffffff, "L")},
		{"64 MiB and one", length(64<<20+1, "B")},
		{"unknown command", pkt('?', []byte("x"))},
		{"a reply as a command", pkt('c')},
		{"HELO of 100 kB", pkt('H', bytes.Repeat([]byte("x"), 100<<10))},
		{"recipient of 100 kB", pkt('R', bytes.Repeat([]byte("x"), 100<<10))},
		{"macros of 2 MB", pkt('D', bytes.Repeat([]byte("x"), 2<<20))},
		{"field without value", pkt('L', []byte("Subject"))},
		{"field without name", pkt('L', []byte("\x00value\x00"))},
		{"empty field", pkt('L')},
		{"SMTP", []byte("MAIL FROM:<a@example.org>\r\n")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(usual)
			go m.Write(tt.bytes)
			m.closed()
			eventually(t, "released", func() bool { return f.has("bye") && r.Stats().Open == 0 })
			if s := r.Stats(); s.ProtocolErrors != 1 || s.Panics != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Empty commands and macros without sense do no harm.
func TestOddButHarmless(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := connectMTA(t, r.dial, offerAll)
	for _, d := range []string{"", "C", "C\x00", "C\x00\x00\x00", "Ci", "Ci\x00", "M{i}\x00q\x00i", "M{\x00}\x00{}\x00x\x00", "\xff\xff"} {
		m.send('D', []byte(d))
	}
	m.send('H')
	m.send('M')
	m.want('c')
	m.send('R')
	m.send('B')
	m.send('N', []byte("ignored"))
	m.send('E')
	if got := m.verdict(); got.code != 'c' {
		t.Errorf("%q", got.code)
	}
	if d := r.decision(); d.QueueID != "" && d.QueueID != "q" {
		t.Errorf("%q", d.QueueID)
	}
}

// FuzzPackets: whatever arrives, the server neither panics nor hangs nor keeps
// anything.
func FuzzPackets(f *testing.F) {
	var usualStream []byte
	for _, p := range [][]byte{
		pkt('D', []byte("C"), z("j", "mx")), pkt('C', inet("h", "IPv6:2001:db8::1", 25)), pkt('H', z("helo")),
		pkt('M', z("<a@example.org>")), pkt('R', z("<b@example.net>")), pkt('T'), pkt('U', z("X")),
		pkt('L', z("From", " a@example.org")), pkt('N'), pkt('B', []byte("body")), pkt('E'), pkt('A'), pkt('K'), pkt('Q'),
	} {
		usualStream = append(usualStream, p...)
	}
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), usualStream)
	f.Add(uint32(2), uint32(0), uint32(0), usualStream)
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), append(pkt('M', z("<>")), pkt('E')...))
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), append(pkt('O'), pkt('L', []byte("a"))...))
	f.Fuzz(func(t *testing.T, version, actions, protocol uint32, stream []byte) {
		fk := &fake{quiet: true, verdict: result.Verdict{Action: result.Quarantine, Remove: refs("A#1")}}
		r := start(t, fk, Options{OnMessage: func(Decision) {}})
		c, err := r.dial()
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			var b [4096]byte
			for {
				if _, err := c.Read(b[:]); err != nil {
					return
				}
			}
		}()
		begun := time.Now()
		c.Write(append(pkt('O', offer{version, actions, protocol}.bytes()), stream...))
		c.Close()
		<-drained
		r.stop()
		if s := r.Stats(); s.Panics != 0 || s.Open != 0 || s.Connections != 1 {
			t.Fatalf("%+v", s)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}
