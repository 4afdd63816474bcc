package milter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestClient(t *testing.T) {
	t.Parallel()
	unix := func(host string, rest ...byte) []byte { return append(append(miltertest.Strings(host), 'L'), rest...) }
	tests := []struct {
		name    string
		connect []byte
		macros  []string
		want    string
	}{
		{"Postfix, IPv4", miltertest.Inet("c.example.org", "192.0.2.1", 25), nil, "192.0.2.1 c.example.org 25 local=false "},
		{"Postfix, no PTR", miltertest.Inet("[192.0.2.1]", "192.0.2.1", 25), nil, "192.0.2.1 [192.0.2.1] 25 local=false "},
		{"Postfix, IPv6", miltertest.Inet("c.example.org", "2001:db8::1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"Sendmail, IPv6", miltertest.Inet("c.example.org", "IPv6:2001:db8:0:0:0:0:0:1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"prefix in lower case", miltertest.Inet("c.example.org", "ipv6:2001:db8::1", 25), nil, "2001:db8::1 c.example.org 25 local=false "},
		{"IPv4-mapped", miltertest.Inet("c.example.org", "IPv6:::ffff:192.0.2.1", 25), nil, "192.0.2.1 c.example.org 25 local=false "},
		{"with a zone", miltertest.Inet("c.example.org", "fe80::1%eth0", 25), nil, "fe80::1 c.example.org 25 local=false "},
		{"unreadable address, macro", miltertest.Inet("c.example.org", "what", 25), []string{"{client_addr}", "192.0.2.9"}, "192.0.2.9 c.example.org 25 local=false "},
		{"unreadable address, Sendmail's macro", miltertest.Inet("c.example.org", "what", 25), []string{"{client_addr}", "IPv6:2001:db8::9"}, "2001:db8::9 c.example.org 25 local=false "},
		{"unreadable address, no macro", miltertest.Inet("c.example.org", "", 25), nil, "- c.example.org 25 local=false "},
		{"loopback client over SMTP", miltertest.Inet("localhost", "127.0.0.1", 40000), nil, "127.0.0.1 localhost 40000 local=false "},
		{"Postfix pickup", miltertest.Inet("localhost", "127.0.0.1", 0), nil, "127.0.0.1 localhost 0 local=true "},
		{"pickup, IPv6", miltertest.Inet("localhost", "::1", 0), nil, "::1 localhost 0 local=true "},
		{"no port, from afar", miltertest.Inet("c.example.org", "192.0.2.1", 0), nil, "192.0.2.1 c.example.org 0 local=false "},
		{"sendmail -bs", append(miltertest.Strings("localhost"), 'U'), nil, "- localhost 0 local=true "},
		{"unknown to Postfix", append(miltertest.Strings("unknown"), 'U'), nil, "- unknown 0 local=false "},
		{"unknown family, address in a macro", append(miltertest.Strings("c"), 'U'), []string{"client_addr", "192.0.2.1"}, "192.0.2.1 c 0 local=false "},
		{"Postfix, unix", unix("localhost", append([]byte{0, 0}, "/run/s\x00"...)...), nil, "- localhost 0 local=true "},
		{"unix without anything", unix("localhost"), nil, "- localhost 0 local=true "},
		{"a family of tomorrow", append(miltertest.Strings("unknown"), 'X', 1, 2, 3), nil, "- unknown 0 local=false "},
		{"listener", miltertest.Inet("c", "192.0.2.1", 25), []string{"{daemon_name}", "submission"}, "192.0.2.1 c 25 local=false submission"},
		{"what the MTA calls itself", miltertest.Inet("c", "192.0.2.1", 25), []string{"{daemon_name}", "MTA", "v", "8.18.1"}, "192.0.2.1 c 25 local=false MTA of 8.18.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Send('D', []byte("C"), miltertest.Strings(tt.macros...))
			m.Command('C', tt.connect)
			m.Close()
			r.stop()
			if diff := cmp.Diff([]string{tt.want}, f.saying("connect")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Another connect on the same connection is another client. It inherits nothing from the
// one before, whether its own macros come before it, lack a value, or do not come at all.
func TestConnectInheritsNothing(t *testing.T) {
	t.Parallel()
	unknown := append(miltertest.Strings("unknown"), 'U')
	for _, tt := range []struct {
		name  string
		again func(m *miltertest.MTA)
	}{
		{"connect without macros", func(*miltertest.MTA) {}},
		{"connect with an empty list of macros", func(m *miltertest.MTA) { m.Send('D', []byte("C")) }},
		{"connect with an empty address", func(m *miltertest.MTA) {
			m.Send('D', []byte("C"), miltertest.Strings("{client_addr}", "", "{daemon_name}", ""))
		}},
		{"another session announced", func(m *miltertest.MTA) { m.Send('K') }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Send('D', []byte("C"), miltertest.Strings("{client_addr}", "192.0.2.1", "{daemon_name}", "submission"))
			m.Command('C', unknown)
			m.Send('D', []byte("H"), miltertest.Strings("{tls_version}", "TLSv1.3"))
			m.Command('H', miltertest.Strings("one.example.org"))
			m.Send('D', []byte("M"), miltertest.Strings("i", "4ABC", "{auth_authen}", "jane"))
			m.Command('M', miltertest.Strings("<jane@example.org>"))
			m.Send('E')
			m.Verdict()
			tt.again(m)
			m.Command('C', unknown)
			m.Command('H', miltertest.Strings("two.example.org"))
			m.Command('M', miltertest.Strings("<jane@example.org>"))
			m.Send('E')
			m.Verdict()
			m.Close()
			r.stop()
			if diff := cmp.Diff([]string{"192.0.2.1 unknown 0 local=false submission", "- unknown 0 local=false "}, f.saying("connect")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"<jane@example.org> user=jane tls=TLSv1.3", "<jane@example.org> user= tls="}, f.saying("mail")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"4ABC", ""}, f.saying("end")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMalformedConnect(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "host", "host\x00", "host\x004", "host\x006\x01"} {
		f := &fake{}
		r := start(t, f, Options{})
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Send('C', []byte(data))
		m.Closed()
		if r.stop(); len(f.saying("connect")) != 0 || r.Counts().ProtocolErrors != 1 {
			t.Errorf("%q: %v %+v", data, f.heard(), r.Counts())
		}
	}
}
