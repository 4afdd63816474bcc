package inspect

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/spf"
)

// TestTakeOver is about names in SPF records that others could get hold of.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	const risk = "; anybody who gets hold of that name can send as b.example"
	for _, c := range []struct {
		name, zone string
		want, not  []string
	}{
		{
			"an a that is gone", "b.example. TXT \"v=spf1 mx a:old.host.test -all\"\nhost.test. A 185.0.2.9\nhost.test. NS ns.host.test.",
			[]string{"error    a:old.host.test finds nothing", risk, `publish: b.example. TXT "v=spf1 mx -all"`},
			[]string{"anybody can register"},
		},
		{
			"an mx whose domain is gone", "b.example. TXT \"v=spf1 mx mx:gone.test ip4:185.0.2.1 -all\"\ntest. NS ns.test.",
			[]string{"error    mx:gone.test finds nothing", risk + ", and anybody can register gone.test", `publish: b.example. TXT "v=spf1 mx ip4:185.0.2.1 -all"`},
			nil,
		},
		{
			"a top-level domain that does not exist", "b.example. TXT \"v=spf1 mx mx:gone.corp ip4:185.0.2.1 -all\"",
			[]string{"error    mx:gone.corp finds nothing", risk, `publish: b.example. TXT "v=spf1 mx ip4:185.0.2.1 -all"`},
			[]string{"anybody can register"},
		},
		{
			"a top-level domain that cannot be asked", "b.example. TXT \"v=spf1 mx mx:gone.test ip4:185.0.2.1 -all\"\n$FAULT test NS SERVFAIL",
			[]string{"error    mx:gone.test finds nothing", risk},
			[]string{"anybody can register"},
		},
		{
			"a host of an mx that is gone", "b.example. TXT \"v=spf1 mx:list.test -all\"\nlist.test. MX 1 mx.gone.test.",
			[]string{"error    mx:list.test leads to mx.gone.test, which does not exist" + risk + ", and anybody can register gone.test"},
			nil,
		},
		{
			"an exists that is gone", "b.example. TXT \"v=spf1 mx exists:gone.test -all\"",
			[]string{"error    exists:gone.test finds nothing", risk},
			nil,
		},
		{
			"an alias that leads nowhere", "b.example. TXT \"v=spf1 mx include:spf.b.example -all\"\nspf.b.example. CNAME spf.gone.test.\ntest. NS ns.test.",
			[]string{"error    include:spf.b.example makes the check end in permerror", risk + ", and anybody can register gone.test"},
			nil,
		},
		{
			"an a in the record of somebody else", "b.example. TXT \"v=spf1 mx include:list.test -all\"\nlist.test. TXT \"v=spf1 a:gone.test -all\"",
			[]string{"error    a:gone.test in the record of list.test finds nothing", risk},
			[]string{"publish: b.example. TXT"},
		},
		{
			"one's own name", "b.example. TXT \"v=spf1 mx a:old.b.example -all\"",
			[]string{"warning  a:old.b.example finds nothing", `publish: b.example. TXT "v=spf1 mx -all"`},
			[]string{risk},
		},
		{
			"a term that lets nobody send", "b.example. TXT \"v=spf1 mx -a:gone.test -all\"",
			[]string{"warning  -a:gone.test finds nothing"},
			[]string{risk},
		},
		{
			"nothing else in the record", "b.example. TXT \"v=spf1 include:gone.test -all\"",
			[]string{`publish: b.example. TXT "v=spf1 mx ~all" with the other hosts that send; later -all`},
			[]string{`"v=spf1 -all"`, "keeps little away"},
		},
		{
			"a name whose domain cannot be asked", "b.example. TXT \"v=spf1 mx a:old.host.test -all\"\n$FAULT host.test NS SERVFAIL",
			[]string{risk},
			[]string{"anybody can register"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "b.example", "b.example. MX 10 mx.b.example.\nmx.b.example. A 185.0.2.1\n"+wide+c.zone+"\n", c.want, c.not)
		})
	}
}

// TestShared is about providers that send for many.
func TestShared(t *testing.T) {
	t.Parallel()
	const zone = `_spf.google.com. TXT "v=spf1 include:_netblocks.google.com ~all"
_netblocks.google.com. TXT "v=spf1 ip4:35.190.247.0/24 ip4:64.233.160.0/19 ~all"
u1.wl.sendgrid.net. TXT "v=spf1 ip4:167.89.0.0/17 ~all"
notsendgrid.net. TXT "v=spf1 ip4:185.0.2.0/24 ~all"
`
	for _, c := range []struct {
		name, record string
		want, not    []string
	}{
		{
			"two, one of them below", "v=spf1 include:_spf.google.com include:spf.b.example -all",
			[]string{
				"senders   41,216 IPv4 addresses (0.00096 %)", "35.190.247.0/24, 64.233.160.0/19, 167.89.0.0/17",
				"shared    Google Workspace (_spf.google.com), SendGrid (u1.wl.sendgrid.net)",
				"note     Google Workspace and SendGrid send for many customers from the same addresses",
			},
			nil,
		},
		{"another domain", "v=spf1 include:notsendgrid.net -all", []string{"senders   256 IPv4"}, []string{"shared", "SendGrid"}},
		{"one that lets nobody pass", "v=spf1 -include:_spf.google.com ip4:185.0.2.1 -all", nil, []string{"shared", "Google Workspace"}},
		{"one by redirect", "v=spf1 redirect=_spf.google.com", []string{"note     Google Workspace sends for many"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "b.example", "b.example. MX 10 mx.b.example.\nspf.b.example. TXT \"v=spf1 include:u1.wl.sendgrid.net -all\"\nb.example. TXT \""+c.record+"\"\n"+zone, c.want, c.not)
		})
	}
}

// TestProvidersTable: a name stands for one provider, in the form in which names are
// compared.
func TestProvidersTable(t *testing.T) {
	t.Parallel()
	for _, p := range providers {
		if name, ok := normalize(p.include); !ok || name != p.include {
			t.Errorf("%s: %s", p.name, p.include)
		}
		if got := providerOf("x." + p.include); got != p.name {
			t.Errorf("%s is of %s, not of %s", p.include, got, p.name)
		}
	}
}

// TestSendersUnknown: what could not be asked is not nobody.
func TestSendersUnknown(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, "a.example. MX 1 mx.a.example.\na.example. TXT \"v=spf1 mx include:s.test -all\"\n$FAULT mx.a.example * SERVFAIL\n$FAULT s.test * TIMEOUT\n$FAULT b.example TXT SERVFAIL\nb.example. A 185.0.2.1\n")
	r := Inspect(t.Context(), resolver, "a.example", Options{})
	if got := strings.Join(r.SPF.Senders.Open, " "); got != "mx include:s.test" || r.SPF.Senders.summary() == "nobody" {
		t.Errorf("open %s, %s", got, r.SPF.Senders.summary())
	}
	r = Inspect(t.Context(), resolver, "b.example", Options{})
	if r.SPF.Senders.Known || r.Verdict() != finding.Undetermined && r.Verdict() != finding.Faulty {
		t.Errorf("%+v, %s", r.SPF.Senders, r.Verdict())
	}
}

func TestRangeText(t *testing.T) {
	t.Parallel()
	for want, ends := range map[string][2]string{
		"192.0.2.1":           {"192.0.2.1", "192.0.2.1"},
		"192.0.2.0/31":        {"192.0.2.0", "192.0.2.1"},
		"192.0.2.1-192.0.2.2": {"192.0.2.1", "192.0.2.2"},
		"192.0.2.0-192.0.2.2": {"192.0.2.0", "192.0.2.2"},
		"0.0.0.0/0":           {"0.0.0.0", "255.255.255.255"},
		"::/0":                {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"2001:db8::/64":       {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
		"255.255.255.255":     {"255.255.255.255", "255.255.255.255"},
	} {
		if got := rangeText(spf.Range{First: netip.MustParseAddr(ends[0]), Last: netip.MustParseAddr(ends[1])}); got != want {
			t.Errorf("%v: %s, want %s", ends, got, want)
		}
	}
	for want, n := range map[string]float64{"1 x": 1, "2 xs": 2, "999 xs": 999, "1,000 xs": 1000, "4,294,967,296 xs": 1 << 32, "1.8e+19 xs": 1 << 64} {
		if got := counted(n, "x", "s"); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}
