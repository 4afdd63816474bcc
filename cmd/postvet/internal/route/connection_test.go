package route

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect/connecttest"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dane"
)

// A domain with one host whose zone is signed.
const signedZone = `
org. NS ns.org.
$FAULT org NS AD
$FAULT example.org * AD
$FAULT *.example.org * AD
example.org. MX 10 mx.example.org.
mx.example.org. A 185.0.2.1
1.2.0.185.in-addr.arpa. PTR mx.example.org.
`

// The records of MTA-STS and TLS-RPT of that domain.
const mtastsZone = `
_mta-sts.example.org. TXT "v=STSv1; id=1;"
mta-sts.example.org. A 185.0.2.2
_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:tls@example.org"
`

// run connects to a domain. server stands at 185.0.2.1, and a web server with a policy at
// 185.0.2.2.
func run(t *testing.T, zone, address string, internet connecttest.Internet, a *connecttest.Authority) (*Report, string) {
	t.Helper()
	_, resolver := dnstest.StartAt(t, zone, clock)
	c := &connect.Client{Helo: "client.test", Roots: a.Roots, Now: clock, Dial: internet.Dial, ConnectTime: 20 * time.Second, DialogueTime: 20 * time.Second}
	if strings.Contains(fmt.Sprint(internet), connecttest.Silence) {
		c.ConnectTime = 50 * time.Millisecond
	}
	r, err := Find(t.Context(), resolver, address, Options{Now: clock, Connect: c})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.Print(&text, layout.Screen{}); err != nil {
		t.Fatal(err)
	}
	wantHarmless(t, text.Bytes())
	pagetest.Columns(t, r)
	return r, text.String()
}

// oneLine returns a text without its line breaks and columns.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// wantHarmless checks that a page cannot steer a terminal.
func wantHarmless(t *testing.T, page []byte) {
	t.Helper()
	for _, c := range string(page) {
		if c != '\n' && (c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0) {
			t.Fatalf("character %#x in %q", c, page)
		}
	}
}

func policy(mode string, hosts ...string) string {
	return "version: STSv1\nmode: " + mode + "\nmx: " + strings.Join(hosts, "\nmx: ") + "\nmax_age: 604800\n"
}

// TestConnect: what is said about hosts that were connected to.
func TestConnect(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	stranger := connecttest.NewAuthority(t, clock())
	good := a.Issue(t, 90, "mx.example.org")
	old := a.Issue(t, -3, "mx.example.org")
	foreign := stranger.Issue(t, 90, "mx.example.org")
	tlsa := func(c tls.Certificate) string {
		return "_25._tcp.mx.example.org. TLSA " + dane.Of(c.Leaf, dane.DANEEE, dane.SPKI, dane.SHA256).String() + "\n"
	}
	with := func(c tls.Certificate) *connecttest.Server {
		return &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{c}}}
	}
	for _, tt := range []struct {
		name    string
		zone    string
		server  *connecttest.Server // nil for one that refuses
		policy  string
		address string
		verdict finding.Verdict
		want    []string
		not     []string
	}{
		{
			name: "all that is published fits", zone: signedZone + mtastsZone + tlsa(good), server: with(good), policy: policy("enforce", "mx.example.org"),
			verdict: finding.Sound,
			want: []string{
				"Nobody can read or divert it on the way if the sender checks\nDANE.", "DANE     protects", "MTA-STS  protects; mode enforce, for 7 days, 1 name",
				"ok       mx.example.org at 185.0.2.1 has a certificate that fits the TLSA record 3 1 1", "MTA-STS: senders that check it deliver to no forged server",
				"TLS 1.3; certificate for mx.example.org, until 2027-02-27, fits the TLSA records, valid", "0 errors, 0 warnings",
			},
			not: []string{"not connected to"},
		},
		{
			name: "RFC 7672 section 2.2 another key", zone: signedZone + tlsa(old), server: with(good), verdict: finding.Faulty,
			want: []string{
				"Senders that check DANE or MTA-STS keep it",
				"error    mx.example.org at 185.0.2.1: its certificate matches no TLSA record; senders that check DANE keep the mail", "-> publish: " + strings.TrimSpace(tlsa(good)),
			},
			not: []string{"Nobody can read"},
		},
		{
			name: "RFC 7672 section 3.1.1 an expired certificate with the right key", zone: signedZone + tlsa(old), server: with(old), verdict: finding.Sound,
			want: []string{"fits the TLSA record", "its certificate has expired on 2026-11-26; that counts for MTA-STS alone"},
		},
		{
			name: "RFC 7672 section 2.2 no STARTTLS where DANE demands it", zone: signedZone + tlsa(good), server: &connecttest.Server{}, verdict: finding.Faulty,
			want: []string{"offers no STARTTLS: mail to it can be read on the way; senders that check DANE keep the mail"},
		},
		{
			name: "RFC 7672 section 2.2 TLS is demanded by records that nobody can use", zone: signedZone + "_25._tcp.mx.example.org. TLSA 1 1 1 " + strings.Repeat("ab", 31) + "00\n", server: &connecttest.Server{}, verdict: finding.Faulty,
			want: []string{"senders that check DANE keep the mail", "no TLSA record of mx.example.org can be used"},
		},
		{
			name: "RFC 7672 section 2.1 records in a zone that is not signed demand nothing", zone: strings.ReplaceAll(signedZone, "$FAULT example.org * AD", "") + tlsa(old), server: &connecttest.Server{}, verdict: finding.Sound,
			want: []string{"are useless, as the MX records are not signed", "offers no STARTTLS: mail to it can be read on the way"},
			not:  []string{"keep the mail"},
		},
		{
			name: "a server that fails behind TLS", zone: signedZone + tlsa(good), verdict: finding.Sound,
			server: &connecttest.Server{TLS: with(good).TLS, Replies: map[string]string{"EHLO 2": "421 too much\r\n"}},
			want:   []string{"warning mx.example.org at 185.0.2.1, behind TLS: it says 421 too much", "fits the TLSA record"},
		},
		{
			name: "no STARTTLS", zone: signedZone, server: &connecttest.Server{}, verdict: finding.Sound,
			want: []string{"warning  mx.example.org at 185.0.2.1 offers no STARTTLS: mail to it can be read on the way", "It can be read\nand diverted on the way"},
		},
		{
			name: "STARTTLS that fails", zone: signedZone, server: &connecttest.Server{TLS: &tls.Config{}}, verdict: finding.Sound,
			want: []string{"offers STARTTLS, but TLS fails: "},
		},
		{
			name: "a signed zone without TLSA records", zone: signedZone, server: with(good), verdict: finding.Sound,
			want: []string{"has no TLSA record, though its zone is signed", "-> publish: " + strings.TrimSpace(tlsa(good))},
		},
		{
			name: "RFC 8461 section 5 testing", zone: signedZone + mtastsZone, server: with(good), policy: policy("testing", "mx.example.org"), verdict: finding.Sound,
			want: []string{"the MTA-STS policy is still in testing.", "MTA-STS  protects in part", "has mode: testing"},
		},
		{
			name: "RFC 8461 section 5 none", zone: signedZone + mtastsZone, server: with(good), policy: "version: STSv1\nmode: none\nmax_age: 86400\n", verdict: finding.Sound,
			want: []string{"MTA-STS  none; mode none", "has mode: none", "neither DANE nor MTA-STS protects it"},
		},
		{
			name: "RFC 8461 section 4.1 a host that the policy does not name", zone: signedZone + mtastsZone, server: with(good), policy: policy("enforce", "old.example.org", "*.example.net"), verdict: finding.Faulty,
			want: []string{
				"error    the MTA-STS policy does not name mx.example.org: senders that check it do not deliver there",
				`-> add to the policy: mx: mx.example.org; then publish: _mta-sts.example.org. TXT "v=STSv1; id=20261129120000;"`,
				"note     the MTA-STS policy names old.example.org, which no MX record does", "keep it or pass over hosts",
			},
		},
		{
			name: "the same in testing", zone: signedZone + mtastsZone, server: with(good), policy: policy("testing", "old.example.org"), verdict: finding.Sound,
			want: []string{"warning  the MTA-STS policy does not name mx.example.org: with mode: enforce senders would not deliver there"},
		},
		{
			name: "RFC 8461 section 4.2 a certificate of a stranger", zone: signedZone + mtastsZone, server: with(foreign), policy: policy("enforce", "mx.example.org"), verdict: finding.Faulty,
			want: []string{"the certificate of mx.example.org at 185.0.2.1 is not valid, but the MTA-STS policy demands that", "MTA-STS  broken"},
		},
		{
			name: "RFC 8461 section 4.2 no STARTTLS in enforce", zone: signedZone + mtastsZone, server: &connecttest.Server{}, policy: policy("enforce", "mx.example.org"), verdict: finding.Faulty,
			want: []string{"senders that check MTA-STS keep the mail"},
			not:  []string{"MTA-STS  protects"},
		},
		{
			name: "no policy", zone: signedZone + mtastsZone, server: with(good), verdict: finding.Faulty,
			want: []string{
				"error    the MTA-STS policy cannot be fetched: the web server answers 404 Not Found; senders act as if there were none",
				"-> put at https://mta-sts.example.org/.well-known/mta-sts.txt the lines: version: STSv1 / mode: testing / mx: mx.example.org / max_age: 604800",
			},
		},
		{
			name: "a policy in a private network, which is not connected to", zone: signedZone + strings.Replace(mtastsZone, "185.0.2.2", "127.0.0.1", 1), server: with(good), policy: policy("enforce", "mx.example.org"), verdict: finding.Faulty,
			want: []string{"127.0.0.1 of mta-sts.example.org is not an address that the Internet can reach (loopback, RFC 1122): no sender gets the policy", "MTA-STS broken"},
		},
		{
			name: "a broken policy", zone: signedZone + mtastsZone, server: with(good), policy: "version: STSv1\nmode: \x1b[2J\n", verdict: finding.Faulty,
			want: []string{"error    the MTA-STS policy is broken: line 2: the mode is not enforce, testing or none"},
		},
		{
			name: "a short policy", zone: signedZone + mtastsZone, server: with(good), policy: "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 600\n", verdict: finding.Sound,
			want: []string{"holds for 10 minutes only (max_age)", "MTA-STS  protects; mode enforce, for 10 minutes"},
		},
		{
			name: "a host that refuses connections", zone: signedZone, verdict: finding.Faulty,
			want: []string{"Mail for ann@example.org cannot be delivered: no host takes connections on port 25", "refuses the connection"},
		},
		{
			name: "a host that refuses this client", zone: signedZone, server: &connecttest.Server{Replies: map[string]string{"": "554 \x1b]0;x\x07 blocked\r\n"}}, verdict: finding.Sound,
			want: []string{"refuses this client: it says 554 ?]0;x? blocked; it may take mail of others"},
		},
		{
			name: "RFC 6531 no SMTPUTF8", zone: signedZone, server: with(good), address: "jürgen@example.org", verdict: finding.Faulty,
			want: []string{"Mail for jürgen@example.org goes to", "offers no SMTPUTF8: it takes no mail for an address beyond ASCII"},
		},
		{
			name: "RFC 6531 SMTPUTF8", zone: signedZone, server: &connecttest.Server{TLS: with(good).TLS, Extensions: []string{"SMTPUTF8"}}, address: "jürgen@example.org", verdict: finding.Sound,
			not: []string{"offers no SMTPUTF8"},
		},
		{
			name: "RFC 8996 TLS 1.0", zone: signedZone, server: &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}}, verdict: finding.Sound,
			want: []string{"speaks TLS 1.0, which is no longer safe (RFC 8996)"},
		},
		{
			name: "RFC 3207 section 6 text before TLS", zone: signedZone, server: &connecttest.Server{TLS: with(good).TLS, Replies: map[string]string{"STARTTLS": "220 go\r\n250 x\r\n"}}, verdict: finding.Sound,
			want: []string{"sends text between STARTTLS and TLS"},
		},
		{
			name: "a certificate that ends soon", zone: signedZone, server: with(a.Issue(t, 10, "mx.example.org")), verdict: finding.Sound,
			want: []string{"the certificate of mx.example.org at 185.0.2.1 ends on 2026-12-09"},
		},
		{
			name: "a hostile certificate", zone: signedZone, server: with(a.Issue(t, 10, "\x1b[2J.example.org")), verdict: finding.Sound,
			want: []string{"certificate for ?[2J.example.org"},
		},
		{
			name: "an address literal", zone: signedZone, server: with(good), address: "ann@[185.0.2.1]", verdict: finding.Sound,
			want: []string{"Mail for ann@[185.0.2.1] goes to [185.0.2.1].", "TLS 1.3"},
			not:  []string{"The steps of a sending server"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			internet := connecttest.Internet{}
			if tt.server != nil {
				internet["185.0.2.1:25"] = tt.server.Start(t)
			}
			internet["127.0.0.1:443"] = "127.0.0.1:1" // would be an error of its own
			internet["185.0.2.2:443"] = connecttest.Web(t, a.Issue(t, 90, "mta-sts.example.org"), func(w http.ResponseWriter, r *http.Request) {
				if tt.policy == "" || r.URL.Path != "/.well-known/mta-sts.txt" || r.Host != "mta-sts.example.org" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(w, tt.policy)
			})
			address := tt.address
			if address == "" {
				address = "ann@example.org"
			}
			r, text := run(t, tt.zone, address, internet, a)
			if got := r.Verdict(); got != tt.verdict {
				t.Errorf("verdict %s, want %s", got, tt.verdict)
			}
			for _, w := range tt.want {
				if !strings.Contains(oneLine(text), oneLine(w)) {
					t.Errorf("no %s", w)
				}
			}
			for _, n := range tt.not {
				if strings.Contains(oneLine(text), oneLine(n)) {
					t.Errorf("has %s", n)
				}
			}
			if tt.server != nil {
				for _, c := range tt.server.Commands() {
					if c != "EHLO client.test" && c != "STARTTLS" && c != "QUIT" {
						t.Errorf("said %s", c)
					}
				}
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}
