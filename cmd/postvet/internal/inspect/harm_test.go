package inspect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const rsaKey = "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUD2TWmfF4rMvGBLRwSP4IRutj6ae/nDOzj3j5FgCP9ncm0exYIPuUXKGZ3VcUIo00Lercz2Nhq9lpBJ9GlVdbevFAnOQSH/N8r++2DJDXrW2vGkOcau7gEmCoVGRXRSMmi4QH2/e7cOSVyyqcXSEsdbN78wOjLWu15EcHF4bJ1wIDAQAB"

// wide is a domain whose policy is strict.
const wide = "_dmarc.b.example. TXT \"v=DMARC1; p=reject; rua=mailto:d@b.example\"\n"

// TestHarm is about findings that were missed, and advice that cannot be carried out.
func TestHarm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone string
		want, not  []string
	}{
		{
			"four quarters", wide + "b.example. TXT \"v=spf1 ip4:0.0.0.0/2 ip4:64.0.0.0/2 ip4:128.0.0.0/2 ip4:192.0.0.0/2 ip4:185.0.113.0/24 -all\"",
			[]string{"error    everybody with an IPv4 address may send in the name of b.example: ip4:0.0.0.0/2, ip4:64.0.0.0/2, ip4:128.0.0.0/2, ip4:192.0.0.0/2, 1 more", "warning  the policy keeps little away"},
			[]string{"ok       senders that are not listed fail", "forged mail is kept away"},
		},
		{"an exchanger's network", "b.example. TXT \"v=spf1 mx/2 -all\"", []string{"error    25 % of all IPv4 addresses may send in the name of b.example: mx/2"}, nil},
		{
			"one that is included", "b.example. TXT \"v=spf1 include:s.test -all\"\ns.test. TXT \"v=spf1 ip6:2000::/4 -all\"",
			[]string{"error    everybody with an IPv6 address may send in the name of b.example: include:s.test"},
			nil,
		},
		{
			"a large network", wide + "b.example. TXT \"v=spf1 ip4:17.0.0.0/8 -all\"",
			[]string{"warning  0.39 % of all IPv4 addresses may send", "ok       p=reject: forged mail is kept away", "ok       senders that are not listed fail"},
			nil,
		},
		{"a record that always matches", "b.example. TXT \"v=spf1 exists:mx.b.example -all\"", []string{"everybody with an IPv4 address may send in the name of b.example: exists:mx.b.example"}, nil},
		{"a network that does not pass", "b.example. TXT \"v=spf1 ?ip4:0.0.0.0/0 -all\"", []string{"ok       senders that are not listed fail"}, []string{"may send"}},
		{
			"+all alone", "b.example. TXT \"v=spf1 +all\"",
			[]string{`publish: b.example. TXT "v=spf1 mx ~all" with the other hosts that send; later -all`},
			[]string{`"v=spf1 -all"`},
		},
		{
			"+all beside a wide network", "b.example. TXT \"v=spf1 ip4:0.0.0.0/1 +all\"",
			[]string{"list the hosts that send by ip4:, ip6:, a:, mx or include:, and end the record in ~all"},
			[]string{"publish: b.example. TXT"},
		},
		{
			"a broken record with a wide network", "b.example. TXT \"v=spf1;ip4:0.0.0.0/0;-all\"",
			[]string{"semicolons stand between the terms", "list the hosts that send"},
			[]string{"publish: b.example. TXT"},
		},
		{"no SPF beside a key", "key1._domainkey.b.example. TXT \"" + rsaKey + "\"", []string{`publish: b.example. TXT "v=spf1 mx ~all"`}, []string{`"v=spf1 -all"`}},
		{
			"aliases of missing names", "key1._domainkey.b.example. CNAME k.lost.test.\n_dmarc.b.example. CNAME d.lost.test.",
			[]string{
				"error    key1._domainkey.b.example is an alias (CNAME) of k.lost.test, which does not exist: whoever gets hold of that name can publish a key and sign",
				"error    _dmarc.b.example is an alias (CNAME) of d.lost.test, which does not exist", "take-over risk", "remove the CNAME at _dmarc.b.example",
			},
			[]string{"publish: _dmarc.b.example.", "publish: key1."},
		},
		{
			"an alias of every selector", "*._domainkey.b.example. CNAME k.lost.test.",
			[]string{"error    *._domainkey.b.example is an alias (CNAME) of k.lost.test"},
			[]string{"s1._domainkey.b.example is an alias"},
		},
		{
			"an alias of a name without a key", "key1._domainkey.b.example. CNAME k.lost.test.\nk.lost.test. A 185.0.2.1",
			[]string{"warning  key1._domainkey.b.example is an alias (CNAME) of k.lost.test, which has no key"},
			nil,
		},
		{
			"a broken policy of somebody else", "_dmarc.b.example. CNAME p.esp.test.\np.esp.test. TXT \"v=DMARC1; P=reject; rua=mailto:d@b.example\"",
			[]string{`_dmarc.b.example is a CNAME: have the owner of p.esp.test publish: p.esp.test. TXT "v=DMARC1; p=reject; rua=mailto:d@b.example", or replace the CNAME by that record`},
			[]string{"publish: _dmarc.b.example."},
		},
		{
			"a broken policy of one's own elsewhere", "_dmarc.b.example. CNAME p.b.example.\np.b.example. TXT \"v=DMARC1; p=reject\"",
			[]string{`publish: p.b.example. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@b.example" (_dmarc.b.example is a CNAME that leads there)`},
			nil,
		},
		{
			"a key with the domain doubled", "zoho._domainkey.b.example.b.example. TXT \"\\\"v=DKIM1; " + rsaKey + "\\\"\"",
			[]string{"error    a key stands at zoho._domainkey.b.example.b.example", `publish: zoho._domainkey.b.example. TXT "v=DKIM1; ` + rsaKey},
			[]string{"ok       no key under a well-known selector"},
		},
		{
			"a policy without an underscore", "dmarc.b.example. TXT \"v=DMARC1; p=quarantine\"",
			[]string{"a DMARC record stands at dmarc.b.example, without the underscore", `publish: _dmarc.b.example. TXT "v=DMARC1; p=quarantine; rua=`},
			[]string{"no DMARC record: receivers"},
		},
		{
			"an exchanger that is an alias of a missing name", "b.example. MX 5 in.b.example.\nin.b.example. CNAME in.lost.test.",
			[]string{"in.b.example is an alias (CNAME) of in.lost.test, which does not exist: whoever gets hold of that name gets mail for b.example", "-> remove: b.example. MX 5 in.b.example."},
			[]string{"publish an address of in.b.example"},
		},
		{"an include that is spelt as a modifier", "b.example. TXT \"v=spf1 include=x.test ~all\"", []string{"error    include=x.test: a colon and a domain belong behind include"}, nil},
		{
			"several records of one policy", "_dmarc.b.example. TXT \"v=DMARC1; p=reject; rua=mailto:d@b.example\"\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; sp=none\"",
			[]string{`publish: _dmarc.b.example. TXT "v=DMARC1; p=reject; sp=none; rua=mailto:d@b.example"`},
			nil,
		},
		{
			"several policies", "_dmarc.b.example. TXT \"v=DMARC1; p=none\"\n_dmarc.b.example. TXT \"v=DMARC1; p=reject\"",
			[]string{"p= states both none and reject: keep the one that is meant"},
			[]string{"publish: _dmarc"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "b.example", "b.example. MX 10 mx.b.example.\nmx.b.example. A 185.0.2.1\n"+c.zone, c.want, c.not)
		})
	}
}

// TestColumns: on a terminal no line is longer than it is wide, and what is proposed
// still says the same.
func TestColumns(t *testing.T) {
	t.Parallel()
	var terms strings.Builder
	for i := range 40 {
		fmt.Fprintf(&terms, "ip4:185.0.2.%d ", i)
	}
	_, resolver := dnstest.Start(t, `
b.example. MX 10 mx.b.example.
mx.b.example. A 185.0.2.1
b.example. TXT "v=spf1 include:_spf.a-rather-long-name.of-some-provider.esp.test `+terms.String()[:150]+`" "`+terms.String()[150:]+`"
_spf.a-rather-long-name.of-some-provider.esp.test. TXT "v=spf1 include:_netblocks.a-rather-long-name.of-some-provider.esp.test ~all"
_dmarc.b.example. TXT "v=DMARC1; P=reject; rua=mailto:reports-about-authentication@b.example,mailto:b.example@another.b.example"
key1._domainkey.b.example. TXT "\"v=DKIM1; `+rsaKey+`\""
`)
	r := Inspect(t.Context(), resolver, "b.example", Options{})
	for _, width := range []int{80, 100} {
		var text bytes.Buffer
		if err := r.Print(&text, layout.Screen{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		joined := strings.NewReplacer("\"\n", "", " ", "").Replace(text.String())
		joined = strings.ReplaceAll(joined, `"`, "")
		if want := "v=DKIM1;" + rsaKey; !strings.Contains(joined, want) {
			t.Errorf("no %s in\n%s", want, text.String())
		}
	}
}
