package milter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	many := make([][2]string, 10000)
	for i := range many {
		many[i] = [2]string{"X-Many", fmt.Sprintf(" %d", i)}
	}
	tests := []struct {
		name   string
		l      miltertest.Letter
		room   int
		fields int
		body   int64
	}{
		{"10,000 fields", miltertest.Letter{From: "<a@b>", Fields: many, Body: "x"}, 0, 10000, 1},
		{"a field of 1 MiB", miltertest.Letter{From: "<a@b>", Fields: [][2]string{{"A", strings.Repeat("x", 1<<20)}}}, 0, 1, 0},
		{"a field of 4 MiB", miltertest.Letter{From: "<a@b>", Fields: [][2]string{{"A", strings.Repeat("x", 4<<20)}, {"B", ""}}}, 0, 2, 0},
		{"a field beyond the room", miltertest.Letter{From: "<a@b>", Fields: [][2]string{{"A", strings.Repeat("x", 2000)}, {"B", "x"}}, Body: "x"}, 1000, 2, 1},
		{"a large field beyond the room", miltertest.Letter{From: "<a@b>", Fields: [][2]string{{"A", strings.Repeat("x", minRead)}, {"B", "x"}}, Body: "x"}, 1000, 1, 1},
		{"no header", miltertest.Letter{From: "<a@b>", Body: "x"}, 0, 0, 1},
		{"no body", miltertest.Letter{From: "<a@b>", Fields: miltertest.Usual().Fields}, 0, 2, 0},
		{"nothing", miltertest.Letter{From: "<>"}, 0, 0, 0},
		{"10 MB body", miltertest.Letter{From: "<a@b>", Body: strings.Repeat("0123456789abcde\n", 10<<16)}, 0, 0, 10 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range []miltertest.Offer{miltertest.OfferAll, miltertest.Offer2} {
				f := &fake{room: tt.room}
				r := start(t, f, Options{})
				m := miltertest.Connect(t, r.dial, o)
				m.Hello()
				if got := m.Deliver(tt.l); got.Code != 'c' {
					t.Fatalf("verdict %q %q", got.Code, got.Text)
				}
				if n := len(f.saying("field")); n != tt.fields {
					t.Errorf("%d fields, want %d", n, tt.fields)
				}
				if truncated := len(f.saying("truncated")) > 0; truncated != (tt.fields < len(tt.l.Fields)) {
					t.Errorf("truncated %v", truncated)
				}
				if f.body != tt.body {
					t.Errorf("%d octets of body, want %d", f.body, tt.body)
				}
			}
		})
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
		{"unknown command", miltertest.Packet('?', []byte("x"))},
		{"a reply as a command", miltertest.Packet('c')},
		{"HELO of 100 kB", miltertest.Packet('H', bytes.Repeat([]byte("x"), 100<<10))},
		{"recipient of 100 kB", miltertest.Packet('R', bytes.Repeat([]byte("x"), 100<<10))},
		{"macros of 2 MB", miltertest.Packet('D', bytes.Repeat([]byte("x"), 2<<20))},
		{"field without value", miltertest.Packet('L', []byte("Subject"))},
		{"field without name", miltertest.Packet('L', []byte("\x00value\x00"))},
		{"empty field", miltertest.Packet('L')},
		{"SMTP", []byte("MAIL FROM:<a@example.org>\r\n")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			go m.Write(tt.bytes)
			m.Closed()
			r.stop()
			if heard := f.heard(); r.Counts().ProtocolErrors != 1 || cmp.Diff([]string{"abort", "close"}, heard[len(heard)-2:]) != "" {
				t.Errorf("%+v, %q", r.Counts(), heard)
			}
		})
	}
}

// Empty commands and malformed macros do no harm.
func TestOddButHarmless(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	for _, d := range []string{"", "C", "C\x00", "C\x00\x00\x00", "Ci", "Ci\x00", "M{i}\x00q\x00i", "M{\x00}\x00{}\x00x\x00", "\xff\xff"} {
		m.Send('D', []byte(d))
	}
	m.Send('H')
	m.Send('M')
	m.Want('c')
	m.Send('R')
	m.Send('B')
	m.Send('N', []byte("ignored"))
	m.Send('E')
	if got := m.Verdict(); got.Code != 'c' {
		t.Errorf("%q", got.Code)
	}
	if id := f.saying("end")[0]; id != "" && id != "q" {
		t.Errorf("%q", id)
	}
}

// FuzzPackets checks that the server neither panics nor hangs nor keeps anything,
// whatever arrives.
func FuzzPackets(f *testing.F) {
	var usualStream []byte
	for _, p := range [][]byte{
		miltertest.Packet('D', []byte("C"), miltertest.Strings("j", "mx")), miltertest.Packet('C', miltertest.Inet("h", "IPv6:2001:db8::1", 25)), miltertest.Packet('H', miltertest.Strings("helo")),
		miltertest.Packet('M', miltertest.Strings("<a@example.org>")), miltertest.Packet('R', miltertest.Strings("<b@example.net>")), miltertest.Packet('T'), miltertest.Packet('U', miltertest.Strings("X")),
		miltertest.Packet('L', miltertest.Strings("From", " a@example.org")), miltertest.Packet('N'), miltertest.Packet('B', []byte("body")), miltertest.Packet('E'), miltertest.Packet('A'), miltertest.Packet('K'), miltertest.Packet('Q'),
	} {
		usualStream = append(usualStream, p...)
	}
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), usualStream)
	f.Add(uint32(2), uint32(0), uint32(0), usualStream)
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), append(miltertest.Packet('M', miltertest.Strings("<>")), miltertest.Packet('E')...))
	f.Add(uint32(6), uint32(0x1ff), uint32(0x1fffff), append(miltertest.Packet('O'), miltertest.Packet('L', []byte("a"))...))
	f.Fuzz(func(t *testing.T, version, actions, protocol uint32, stream []byte) {
		fk := &fake{quiet: true, verdict: Verdict{Quarantine: "x", Remove: []FieldRef{{"A", 1}}}}
		r := start(t, fk, Options{})
		c, err := r.dial()
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(miltertest.Timeout))
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
		c.Write(append(miltertest.Packet('O', miltertest.NewOffer(version, actions, protocol).Bytes()), stream...))
		c.Close()
		<-drained
		r.stop()
		// A connection that hung was closed by force.
		if s := r.Counts(); s.Open != 0 || s.Connections != 1 || s.Forced != 0 || len(fk.saying("panicked")) != 0 {
			t.Fatalf("%+v, %q", s, fk.heard())
		}
	})
}
