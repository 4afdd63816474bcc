package authority

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// serve answers on loopback over UDP and TCP until the end of the test.
func serve(t *testing.T, answer func(w dns.ResponseWriter, q, m *dns.Msg)) netip.AddrPort {
	t.Helper()
	var pc net.PacketConn
	l, err := net.Listen("tcp", "127.0.0.1:0")
	for range 20 { // the port may be in use over UDP
		if err != nil {
			t.Fatal(err)
		}
		if pc, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			break
		}
		l.Close()
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if pc == nil {
		t.Fatal("no port is free")
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		answer(w, q, m)
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{
		{PacketConn: pc, Handler: handler, MsgAcceptFunc: acceptAll},
		{Listener: l, Handler: handler, MsgAcceptFunc: acceptAll, TsigSecret: map[string]string{"k.": secret}},
	} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// acceptAll lets updates in, which the library refuses by default.
func acceptAll(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }

const secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA=="

func records(t *testing.T, lines ...string) []dns.RR {
	t.Helper()
	var all []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return all
}

func TestAsk(t *testing.T) {
	t.Parallel()
	const name = "s1._domainkey.example.org"
	soa := "example.org. 600 IN SOA ns.example.org. h.example.org. 1 2 3 4 300"
	many := func(n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf("%s. IN TXT %d", name, i))
		}
		return lines
	}
	tests := []struct {
		name   string
		answer func(w dns.ResponseWriter, q, m *dns.Msg)
		want   string
	}{
		{"two strings, with escapes", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = records(t, name+`. 60 IN TXT "a\"b\\c" "\200d"`)
		}, "TXT a\"b\\c\xc8d 1m0s"},
		{"no such name", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Rcode, m.Ns = dns.RcodeNameError, records(t, soa)
		}, "zone example.org 5m0s"},
		{"an alias that the server follows", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = records(t, name+". IN CNAME x.example.net.", "x.example.net. IN TXT k")
		}, "CNAME x.example.net"},
		{"records of other names", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = records(t, "s2._domainkey.example.org. IN TXT k")
		}, ""},
		{"a referral", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Authoritative, m.Ns = false, records(t, "_domainkey.example.org. IN NS ns.example.net.", "example.com. IN NS ns.evil.example.")
		}, "zone _domainkey.example.org 0s, servers ns.example.net"},
		{"a resolver's answer", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Authoritative, m.Answer = false, records(t, name+". IN TXT k")
		}, "error: the server is not authoritative for the name"},
		{"truncated over UDP", func(w dns.ResponseWriter, _, m *dns.Msg) {
			if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
				m.Truncated = true
				return
			}
			m.Answer = records(t, name+". 60 IN TXT k")
		}, "TXT k 1m0s"},
		{"REFUSED", func(_ dns.ResponseWriter, _, m *dns.Msg) { m.Rcode = dns.RcodeRefused }, "error: the server refuses (REFUSED)"},
		{"SERVFAIL", func(_ dns.ResponseWriter, _, m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }, "error: the server fails (SERVFAIL)"},
		{"another question", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Question[0].Name = "s2._domainkey.example.org."
		}, "error: the answer is to another question"},
		{"many records", func(_ dns.ResponseWriter, _, m *dns.Msg) { m.Answer = records(t, many(17)...) }, "error: more than 16 TXT records"},
		{"a long record", func(_ dns.ResponseWriter, _, m *dns.Msg) {
			m.Answer = records(t, name+". IN TXT "+strings.Repeat(`"`+strings.Repeat("x", 250)+`" `, 70))
		}, "error: a TXT record of more than 16384 octets"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(w dns.ResponseWriter, q, m *dns.Msg) {
				if q.RecursionDesired {
					t.Error("recursion is desired")
				}
				tt.answer(w, q, m)
			})
			r, err := Ask(t.Context(), addr, name)
			if d := cmp.Diff(tt.want, describe(r, err)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		l, err := net.ListenPacket("udp", "127.0.0.1:0") // silent, and nothing at TCP
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, err := Ask(t.Context(), netip.MustParseAddrPort(l.LocalAddr().String()), name); err == nil || !strings.HasPrefix(err.Error(), "no answer") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := Ask(ctx, netip.MustParseAddrPort(l.LocalAddr().String()), name); err == nil || err.Error() != "no answer in time" {
			t.Errorf("%v", err)
		}
	})
}

func describe(r *Reply, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var parts []string
	for _, x := range r.Records {
		parts = append(parts, fmt.Sprintf("TXT %s %v", x.Text, x.TTL))
	}
	if r.Alias != "" {
		parts = append(parts, "CNAME "+r.Alias)
	}
	if r.Zone != "" {
		parts = append(parts, fmt.Sprintf("zone %s %v", r.Zone, r.NegativeTTL))
	}
	if len(r.Servers) > 0 {
		parts = append(parts, "servers "+strings.Join(r.Servers, " "))
	}
	return strings.Join(parts, ", ")
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"tsig-keygen", "key \"postvet.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n", "postvet.example"},
		{"comments, no quotes", "# k\n// k\n/* k\n */ key K. { secret " + secret + "; algorithm HMAC-SHA512 }", "k"},
		{"slashes in base64", "key k { algorithm hmac-sha256; secret \"ab//cdef\"; };", "k"},
		{"no quotes", "key K. { secret " + secret + "; algorithm HMAC-SHA512; }", "k"},
		{"MD5", "key k { algorithm hmac-md5; secret \"" + secret + "\"; };", "error: the algorithm of the TSIG key is not one of hmac-sha224, hmac-sha256, hmac-sha384 and hmac-sha512"},
		{"no secret", "key k { algorithm hmac-sha256; };", "error: the secret of the TSIG key is not base64"},
		{"a bad secret", "key k { algorithm hmac-sha256; secret \"not base64!\"; };", "error: the secret of the TSIG key is not base64"},
		{"a bad name", "key \"a..b\" { algorithm hmac-sha256; secret \"" + secret + "\"; };", "error: the name of the TSIG key is not a domain name"},
		{"nothing", "", "error: not a TSIG key; expected a key as tsig-keygen writes it: key \"NAME\" { algorithm hmac-sha256; secret \"...\"; };"},
	}
	for _, tt := range tests {
		k, err := ParseKey(tt.text)
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = k.String()
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				if text := fmt.Sprintf(verb, k); strings.Contains(text, secret) || strings.Contains(text, "secret") {
					t.Errorf("%s prints %s", verb, text)
				}
			}
		}
		if strings.Contains(got, secret[:10]) {
			t.Errorf("%s: the secret is printed", tt.name)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// TestUpdateAnswers: whatever the server answers has one defined result.
func TestUpdateAnswers(t *testing.T) {
	t.Parallel()
	key, err := ParseKey(`key "k" { algorithm hmac-sha256; secret "` + secret + `"; };`)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(m *dns.Msg) { m.SetTsig("k.", dns.HmacSHA256, 300, time.Now().Unix()) }
	tests := []struct {
		name   string
		answer func(m *dns.Msg)
		want   string
	}{
		{"done", sign, ""},
		{"not signed", func(*dns.Msg) {}, "the answer to the update is not signed by the TSIG key"},
		{"refused", func(m *dns.Msg) { m.Rcode = dns.RcodeRefused; sign(m) }, "the server refuses (REFUSED)"},
		{"the name has a record", func(m *dns.Msg) { m.Rcode = dns.RcodeYXRrset; sign(m) }, ErrConflict.Error()},
		{"not the primary", func(m *dns.Msg) { m.Rcode = dns.RcodeNotAuth; sign(m) }, "the server is not authoritative for the zone, or does not accept the key (NOTAUTH)"},
		{"read-only", func(m *dns.Msg) { m.Rcode = dns.RcodeNotImplemented; sign(m) }, "the server does not know how (NOTIMP)"},
		{"an unknown code", func(m *dns.Msg) { m.Rcode = 3841; m.SetEdns0(512, false); sign(m) }, "the server answers with the code 3841"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(_ dns.ResponseWriter, q, m *dns.Msg) {
				if q.Opcode == dns.OpcodeUpdate {
					tt.answer(m)
					return
				}
				m.Ns = records(t, "example.org. IN SOA ns.example.org. h.example.org. 1 2 3 4 300")
			})
			err := Update(t.Context(), addr, key, Change{Name: "s1._domainkey.example.org", To: "v=DKIM1; p=", TTL: time.Hour})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// FuzzParseKey: no text of a key file is printed.
func FuzzParseKey(f *testing.F) {
	f.Add(`key "k" { algorithm hmac-sha256; secret "` + secret + `"; };`)
	f.Add("key k {}")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := ParseKey(text); err == nil && k.Name == "" {
			t.Errorf("no name: %q", text)
		}
	})
}
