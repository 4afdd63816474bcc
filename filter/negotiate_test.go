package filter

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/rules"

	"github.com/google/go-cmp/cmp"
)

func TestNegotiation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		offer offer
		want  offer
		lists bool
	}{
		{"Postfix 3.7 and Sendmail 8.17", offerAll, offer{6, 0x13d, 0x1cb380}, true},
		{"a later version", offer{7, 0xffffffff, 0xffffffff}, offer{6, 0x13d, 0x1cb380}, true},
		{"milter_protocol=4", offer4, offer{4, 0x3d, 0x300}, false},
		{"milter_protocol=3", offer3, offer{3, 0x3d, 0x100}, false},
		{"milter_protocol=2", offer2, offer{2, 0x3d, 0}, false},
		{"version 4 that names the macro list", offer{4, 0x1ff, 0x1fffff}, offer{4, 0x3d, 0x1cb380}, false},
		{"no macro list", offer{6, 0xff, 0x1fffff}, offer{6, 0x3d, 0x1cb380}, false},
		{"no leading space", offer{6, 0x1ff, 0xfffff}, offer{6, 0x13d, 0xcb380}, true},
		{"nothing at all", offer{6, 0, 0}, offer{6, 0, 0}, false},
	}
	f := &fake{}
	r := start(t, f, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := connectMTA(t, r.dial, tt.offer)
			if m.got != tt.want {
				t.Errorf("got %#x, want %#x", m.got, tt.want)
			}
			if (len(m.lists) > 0) != tt.lists {
				t.Errorf("macro lists: %v", m.lists)
			}
			// Whatever was agreed, a message goes through.
			m.hello()
			if o := m.deliver(usual); o.code != 'c' {
				t.Errorf("verdict %q %q", o.code, o.text)
			}
			<-r.decisions
		})
	}
}

func TestNegotiationMacroLists(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	m := connectMTA(t, r.dial, offerAll)
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
			if !strings.Contains(" "+m.lists[stage]+" ", " "+n+" ") {
				t.Errorf("stage %d: %q lacks %s", stage, m.lists[stage], n)
			}
		}
	}
	if len(m.lists) != len(want) {
		t.Errorf("stages: %v", m.lists)
	}
}

func TestNegotiationRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"short offer", pkt('O', []byte{0, 0, 0, 6, 0})},
		{"version 1", pkt('O', offer{1, 0x1ff, 0x7f}.bytes())},
		{"another command first", pkt('C', inet("h", "192.0.2.1", 1))},
		{"no length", []byte{0, 0, 0, 0, 'O'}},
		{"huge length", []byte{0xff, 0xff, 0xff, 0xff, 'O'}},
		{"an SMTP client", []byte("EHLO client.example.org\r\n")},
		{"a TLS client", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
	}
	r := start(t, &fake{}, Options{})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMTA(t, r.dial)
			go m.Write(tt.bytes)
			m.closed()
			eventually(t, "counted", func() bool { return r.Stats().ProtocolErrors == int64(i+1) })
		})
	}
	if n := r.logs.FilterMessageSnippet("broke the milter protocol").Len(); n != len(tests) {
		t.Errorf("%d warnings", n)
	}
}

func TestNegotiateAgain(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	m := connectMTA(t, r.dial, offerAll)
	m.send('O', offerAll.bytes())
	m.closed()
}

// Which stages get a reply follows the agreement alone: with one reply too many
// the MTA takes it for the verdict, with one too few the SMTP session hangs.
func TestRepliesWhereDue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		offer  offer
		rules  rules.Rules
		silent string
	}{
		{"all switched off", offerAll, rules.Rules{}, "CHRLNB"},
		{"refusals at RCPT", offerAll, early(rules.Rules{}), "CHLNB"},
		{"only the connect's", offer{6, 0x1ff, 0x1fffff &^ 0xca080}, rules.Rules{}, "C"},
		{"only HELO's", offer{6, 0x1ff, 0x1fffff &^ 0xc9080}, rules.Rules{}, "H"},
		{"only RCPT's", offer{6, 0x1ff, 0x1fffff &^ 0xc3080}, rules.Rules{}, "R"},
		{"only the header's", offer{6, 0x1ff, 0x1fffff &^ 0xcb000}, rules.Rules{}, "L"},
		{"only the body's", offer{6, 0x1ff, 0x1fffff &^ 0x4b080}, rules.Rules{}, "B"},
		{"none, protocol 2", offer2, rules.Rules{}, ""},
		{"none, protocol 4", offer4, rules.Rules{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, _ := startPolicy(t, tt.rules)
			m := connectMTA(t, r.dial, tt.offer)
			var silent []byte
			for _, p := range []struct {
				cmd  byte
				data []byte
			}{{'C', inet("client.example.org", "192.0.2.1", 40000)}, {'H', z("helo.example.org")}, {'M', z("<a@plain.test>")}, {'R', z("<b@example.net>")}, {'L', z("From", "a@example.org")}, {'L', z("Empty", "")}, {'N', nil}, {'B', []byte("x\r\n")}, {'B', nil}} {
				m.send(p.cmd, p.data)
				if strings.IndexByte(tt.silent, p.cmd) >= 0 {
					m.silence()
					silent = append(silent, p.cmd)
				} else {
					m.want('c')
				}
			}
			m.send('E')
			if o := m.verdict(); o.code != 'c' {
				t.Errorf("verdict %q", o.code)
			}
			m.silence()
			m.send('A')
			m.silence()
			if diff := cmp.Diff(len(tt.silent) == 0, len(silent) == 0); diff != "" {
				t.Error(diff)
			}
		})
	}
}
