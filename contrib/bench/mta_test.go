package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scripted is a milter that answers by a script and records the commands.
type scripted struct {
	protocol uint32
	answers  map[byte]string // command to the packets, such as "c" or "hName\x00v\x00|c"
	heard    chan string
}

func (m *scripted) listen(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m.heard = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		m.heard <- m.serve(c)
	}()
	return path
}

func (m *scripted) serve(c net.Conn) string {
	send := func(p string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		c.Write(append(n[:], p...))
	}
	var heard strings.Builder
	for {
		var h [5]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return heard.String()
		}
		data := make([]byte, binary.BigEndian.Uint32(h[:])-1)
		if _, err := io.ReadFull(c, data); err != nil {
			return heard.String()
		}
		heard.WriteByte(h[4])
		if h[4] == 'O' {
			var o [12]byte
			binary.BigEndian.PutUint32(o[0:], 6)
			binary.BigEndian.PutUint32(o[4:], 0x1)
			binary.BigEndian.PutUint32(o[8:], m.protocol)
			send("O" + string(o[:]) + "\x00\x00\x00\x00j {client_addr}\x00")
			continue
		}
		if h[4] == 'D' || h[4] == 'L' {
			fmt.Fprintf(&heard, "(%s)", strings.ReplaceAll(string(data), "\x00", "|"))
		}
		for p := range strings.SplitSeq(m.answers[h[4]], "/") {
			if p != "" {
				send(p)
			}
		}
	}
}

var testCase = Case{
	Client: Client{IP: "192.0.2.1", Host: "h", Helo: "h"}, MailFrom: "a@b", Rcpt: "c@d",
	Fields: []Field{{"A", " 1"}, {"B", " 2"}}, Body: []byte("text\r\n"),
}

// playOne plays testCase in a session of its own.
func playOne(t *testing.T, chain ...string) *Verdict {
	t.Helper()
	s, err := openSession(chain, testCase.Client)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	v, err := s.message(&testCase, "ID")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSessionEdits(t *testing.T) {
	t.Parallel()
	first := &scripted{protocol: noData | nrHeaders | nrEOH | nrBody | leadSpace, answers: map[byte]string{
		'C': "c", 'H': "c", 'M': "c", 'R': "c", 'E': "p/i\x00\x00\x00\x00New\x00 n\x00/m\x00\x00\x00\x01a\x00\x00/q/c",
	}}
	second := &scripted{protocol: noConnect | noHelo | noMail | noRcpt | noData, answers: map[byte]string{
		'L': "c", 'N': "c", 'B': "s", 'E': "hLast\x00l\x00/a",
	}}
	v := playOne(t, first.listen(t, "1"), second.listen(t, "2"))
	want := &Verdict{Action: "hold", Fields: []Field{{"New", " n"}, {"B", " 2"}, {"Last", "l"}}, Added: 1}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	wantHeard := "OD(Cj|mx.test.example|{client_addr}|192.0.2.1|)CHD(M{mail_addr}|a@b|{mail_host}|test.example|{mail_mailer}|smtp|)M" +
		"D(Ri|ID|{rcpt_addr}|c@d|{rcpt_host}|test.example|{rcpt_mailer}|virtual|)RD(Li|ID|)L(A| 1|)D(Li|ID|)L(B| 2|)D(Ni|ID|)ND(Bi|ID|)BD(Ei|ID|)EAQ"
	if diff := cmp.Diff(wantHeard, <-first.heard); diff != "" {
		t.Errorf("the first milter heard (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("OD(Li|ID|)L(New|n|)D(Li|ID|)L(B|2|)D(Ni|ID|)ND(Bi|ID|)BD(Ei|ID|)EAQ", <-second.heard); diff != "" {
		t.Errorf("the second milter heard (-want +got):\n%s", diff)
	}
}

func TestSessionRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers map[byte]string
		want    Verdict
		heard   string // the last command before A and Q
	}{
		{"at the end", map[byte]string{'E': "y550 5.7.26 no\x00"}, Verdict{Action: "reject", Text: "550 5.7.26 no"}, "E"},
		{"for now", map[byte]string{'E': "y451 4.7.1 wait\x00"}, Verdict{Action: "tempfail", Text: "451 4.7.1 wait"}, "E"},
		{"of the sender", map[byte]string{'M': "r"}, Verdict{Action: "reject"}, "M"},
		{"of a field", map[byte]string{'L': "t"}, Verdict{Action: "tempfail"}, ")"},
		{"in silence", map[byte]string{'B': "d"}, Verdict{Action: "discard"}, "B"},
		{"accepted early", map[byte]string{'M': "a"}, Verdict{Action: "accept", Fields: testCase.Fields}, "M"},
		{"nonsense", map[byte]string{'E': "!"}, Verdict{Action: "answer !"}, "E"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := &scripted{protocol: noData, answers: map[byte]string{'C': "c", 'H': "c", 'M': "c", 'R': "c", 'L': "c", 'N': "c", 'B': "c", 'E': "c"}}
			for k, a := range tc.answers {
				m.answers[k] = a
			}
			v := playOne(t, m.listen(t, "m"))
			if diff := cmp.Diff(&tc.want, v); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if heard := <-m.heard; !strings.HasSuffix(heard, tc.heard+"AQ") {
				t.Errorf("the milter heard %q, want %q and then A and Q", heard, tc.heard)
			}
		})
	}
}

func TestPlay(t *testing.T) {
	t.Parallel()
	out := play(t.Context(), []string{filepath.Join(t.TempDir(), "nobody")}, [][]*Case{{&testCase}}, Load{Sessions: 2, Messages: 10, Limit: patience})
	if out.Messages != 0 || out.Errors != 2*maxErrors || len(out.Examples) != maxExamples {
		t.Errorf("without a milter: %d messages, %d errors, %q", out.Messages, out.Errors, out.Examples)
	}
}
