package milter

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestNegotiation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		offer miltertest.Offer
		want  miltertest.Offer
		lists bool
	}{
		{"Postfix 3.7 and Sendmail 8.17", miltertest.OfferAll, miltertest.NewOffer(6, 0x13d, 0x1cb380), true},
		{"a later version", miltertest.NewOffer(7, 0xffffffff, 0xffffffff), miltertest.NewOffer(6, 0x13d, 0x1cb380), true},
		{"milter_protocol=4", miltertest.Offer4, miltertest.NewOffer(4, 0x3d, 0x300), false},
		{"milter_protocol=3", miltertest.Offer3, miltertest.NewOffer(3, 0x3d, 0x100), false},
		{"milter_protocol=2", miltertest.Offer2, miltertest.NewOffer(2, 0x3d, 0), false},
		{"version 4 that names the macro list", miltertest.NewOffer(4, 0x1ff, 0x1fffff), miltertest.NewOffer(4, 0x3d, 0x1cb380), false},
		{"no macro list", miltertest.NewOffer(6, 0xff, 0x1fffff), miltertest.NewOffer(6, 0x3d, 0x1cb380), false},
		{"no leading space", miltertest.NewOffer(6, 0x1ff, 0xfffff), miltertest.NewOffer(6, 0x13d, 0xcb380), true},
		{"nothing at all", miltertest.NewOffer(6, 0, 0), miltertest.NewOffer(6, 0, 0), false},
	}
	f := &fake{}
	r := start(t, f, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := miltertest.Connect(t, r.dial, tt.offer)
			if m.Agreed != tt.want {
				t.Errorf("got %#x, want %#x", m.Agreed, tt.want)
			}
			if (len(m.Lists) > 0) != tt.lists {
				t.Errorf("macro lists: %v", m.Lists)
			}
			// Whatever was agreed, a message goes through.
			m.Hello()
			if o := m.Deliver(miltertest.Usual()); o.Code != 'c' {
				t.Errorf("verdict %q %q", o.Code, o.Text)
			}
		})
	}
}

func TestNegotiationMacroLists(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	want := map[uint32][]string{
		0: {"{client_addr}", "{client_name}", "{client_ptr}", "{daemon_name}", "j", "v"},
		1: {"{tls_version}"},
		2: {"i", "{auth_authen}", "{auth_type}", "{mail_addr}"},
		3: {"i"}, 4: {"i"},
		// Sendmail uses the list of EOM (5) only if there is one for EOH (6).
		5: {"i"}, 6: {"i"},
	}
	for stage, names := range want {
		for _, n := range names {
			if !strings.Contains(" "+m.Lists[stage]+" ", " "+n+" ") {
				t.Errorf("stage %d: %q lacks %s", stage, m.Lists[stage], n)
			}
		}
	}
	if len(m.Lists) != len(want) {
		t.Errorf("stages: %v", m.Lists)
	}
}

// A proxy may compare the answers of one milter. They name the stages in the order of
// their numbers, on each connection.
func TestNegotiationIsTheSameOnEachConnection(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	var first []byte
	for i := range 32 {
		m := miltertest.Dial(t, r.dial)
		m.Send('O', miltertest.OfferAll.Bytes())
		answer := m.Want('O')
		m.Close()
		if first == nil {
			first = answer
		}
		if !bytes.Equal(answer, first) {
			t.Fatalf("connection %d:\n%q\nthe first:\n%q", i, answer, first)
		}
	}
	var stages []uint32
	for d := first[12:]; len(d) >= 4; {
		stages = append(stages, binary.BigEndian.Uint32(d))
		_, d, _ = bytes.Cut(d[4:], []byte{0})
	}
	if diff := cmp.Diff([]uint32{0, 1, 2, 3, 4, 5, 6}, stages); diff != "" {
		t.Error(diff)
	}
}

// With AnswerEnvelope the MTA sends DATA, and waits there and at each RCPT, whatever the
// session would say.
func TestAnswerEnvelope(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		offer, want miltertest.Offer
	}{
		{"an MTA of today", miltertest.OfferAll, miltertest.NewOffer(6, 0x13d, 0x1c3180)},
		{"milter_protocol=4", miltertest.Offer4, miltertest.NewOffer(4, 0x3d, 0x100)},
		{"milter_protocol=2", miltertest.Offer2, miltertest.NewOffer(2, 0x3d, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{AnswerEnvelope: true})
			m := miltertest.Connect(t, r.dial, tt.offer)
			if m.Agreed != tt.want {
				t.Errorf("got %#x, want %#x", m.Agreed, tt.want)
			}
			m.Hello()
			for range 2 {
				m.Command('M', miltertest.Strings("<a@example.org>"))
				for _, rcpt := range []string{"<b@example.net>", "<c@example.net>"} {
					m.Send('R', miltertest.Strings(rcpt))
					m.Want('c')
				}
				if tt.offer.Version > 3 {
					m.Send('T')
					m.Want('c')
				}
				m.Content(miltertest.Usual())
				m.Send('E')
				if o := m.Verdict(); o.Code != 'c' {
					t.Errorf("verdict %q %q", o.Code, o.Text)
				}
			}
			m.Silence()
			if n := len(f.saying("rcpt")); n != 4 {
				t.Errorf("%d recipients", n)
			}
		})
	}
}

func TestNegotiationRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"short offer", miltertest.Packet('O', []byte{0, 0, 0, 6, 0})},
		{"version 1", miltertest.Packet('O', miltertest.NewOffer(1, 0x1ff, 0x7f).Bytes())},
		{"another command first", miltertest.Packet('C', miltertest.Inet("h", "192.0.2.1", 1))},
		{"no length", []byte{0, 0, 0, 0, 'O'}},
		{"huge length", []byte{0xff, 0xff, 0xff, 0xff, 'O'}},
		{"an SMTP client", []byte("EHLO client.example.org\r\n")},
		{"a TLS client", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, &fake{}, Options{})
			m := miltertest.Dial(t, r.dial)
			go m.Write(tt.bytes)
			m.Closed()
			r.stop()
			if n := r.logs.FilterMessageSnippet("broke the milter protocol").Len(); n != 1 || r.Counts().ProtocolErrors != 1 {
				t.Errorf("%d warnings, %+v", n, r.Counts())
			}
		})
	}
}

func TestNegotiateAgain(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Send('O', miltertest.OfferAll.Bytes())
	m.Closed()
}

// The agreement alone says which stages get a reply. The MTA takes one reply too
// many for the verdict, and the SMTP session hangs with one too few.
func TestRepliesWhereDue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		offer       miltertest.Offer
		answersRcpt bool
		silent      string
	}{
		{"all switched off", miltertest.OfferAll, false, "CHRLNB"},
		{"refusals at RCPT", miltertest.OfferAll, true, "CHLNB"},
		{"only the connect's", miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0xca080), false, "C"},
		{"only HELO's", miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0xc9080), false, "H"},
		{"only RCPT's", miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0xc3080), false, "R"},
		{"only the header's", miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0xcb000), false, "L"},
		{"only the body's", miltertest.NewOffer(6, 0x1ff, 0x1fffff&^0x4b080), false, "B"},
		{"none, protocol 2", miltertest.Offer2, false, ""},
		{"none, protocol 4", miltertest.Offer4, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, &fake{answersRcpt: tt.answersRcpt}, Options{})
				m := miltertest.Connect(t, r.dial, tt.offer)
				var silent []byte
				for _, p := range []struct {
					cmd  byte
					data []byte
				}{{'C', miltertest.Inet("client.example.org", "192.0.2.1", 40000)}, {'H', miltertest.Strings("helo.example.org")}, {'M', miltertest.Strings("<a@plain.test>")}, {'R', miltertest.Strings("<b@example.net>")}, {'L', miltertest.Strings("From", "a@example.org")}, {'L', miltertest.Strings("Empty", "")}, {'N', nil}, {'B', []byte("x\r\n")}, {'B', nil}} {
					m.Send(p.cmd, p.data)
					if strings.IndexByte(tt.silent, p.cmd) >= 0 {
						m.Silence()
						silent = append(silent, p.cmd)
					} else {
						m.Want('c')
					}
				}
				m.Send('E')
				if o := m.Verdict(); o.Code != 'c' {
					t.Errorf("verdict %q", o.Code)
				}
				m.Silence()
				m.Send('A')
				m.Silence()
				if diff := cmp.Diff(len(tt.silent) == 0, len(silent) == 0); diff != "" {
					t.Error(diff)
				}
				m.Close()
				r.stop()
			})
		})
	}
}
