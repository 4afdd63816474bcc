package inspect

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestObserved is about keys and hosts that were seen in mail.
func TestObserved(t *testing.T) {
	t.Parallel()
	zone := brandZone + wide + "odd1._domainkey.b.example. TXT \"v=DKIM1; " + rsaKey + "\"\n" +
		"$FAULT lost._domainkey.b.example TXT SERVFAIL\n" +
		"7.2.0.185.in-addr.arpa. PTR out.b.example.\nout.b.example. A 185.0.2.7\nout.b.example. TXT \"v=spf1 -all\"\n"
	_, resolver := dnstest.StartAt(t, zone, clock)
	o := &Observed{}
	o.Signature(Journal, "ODD1", clock().Add(-time.Hour))
	o.Signature(Journal, "odd1", clock().Add(-48*time.Hour))
	o.Signature(Reports, "gone", clock().Add(-time.Minute))
	o.Signature(Journal, "gone", clock().Add(-time.Hour))
	o.Signature(Reports, "gone", clock().Add(-time.Minute))
	o.Signature(Reports, "said", clock().Add(-time.Hour))
	for i := range 2 * maxSelectors {
		o.Signature(Reports, fmt.Sprint("zz", i), clock().Add(-300*time.Hour))
	}
	o.Host(Reports, netip.MustParseAddr("185.0.2.66"), "", 1e9)
	o.Signature(Reports, "old", clock().Add(-300*time.Hour))
	o.Signature(Reports, "lost", clock().Add(-time.Hour))
	o.Signature(Reports, "not a selector", clock())
	o.Host(Journal, netip.MustParseAddr("::ffff:185.0.2.1"), "mx", 9)
	o.Host(Journal, netip.MustParseAddr("185.0.2.7"), "", 5)
	o.Host(Journal, netip.Addr{}, "x", 1)
	r := Inspect(t.Context(), resolver, "b.example", Options{Observed: o, Now: clock, Hosts: []netip.Addr{netip.MustParseAddr("185.0.2.8")}})
	if len(r.DKIM.Keys) != 1 || r.DKIM.Keys[0].Source != Journal || r.DKIM.Keys[0].Seen != clock().Add(-time.Hour) {
		t.Errorf("%+v", r.DKIM.Keys)
	}
	var text bytes.Buffer
	if err := r.Print(&text, layout.Screen{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"error    mail was signed by the selector gone on 2026-11-29, but its key is gone",
		"warning  reports say that mail was signed by the selector said on 2026-11-29, but its key is gone",
		"warning  reports say that 185.0.2.66 has sent mail of b.example which passed SPF, but the result of SPF is now fail",
		"look whether the host is yours",
		"error    185.0.2.8 may not send mail of b.example: the result of SPF is fail\n           -> add ip4:185.0.2.8 to the SPF record",
		"warning  185.0.2.7 has sent genuine mail of b.example, but the result of SPF is now fail",
		"warning  SPF of out.b.example, the name of 185.0.2.7 in HELO, has the result fail",
		"warning  185.0.2.1 introduces itself as mx, which is no whole domain name",
		"warning  the reverse DNS of 185.0.2.8 does not lead back",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	for _, not := range []string{"selector lost", "not a selector", "selector old"} {
		if strings.Contains(text.String(), not) {
			t.Errorf("has %s", not)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}

// TestObservedBounds: however much mail invents, what is kept and asked for is bounded.
func TestObservedBounds(t *testing.T) {
	t.Parallel()
	o := &Observed{}
	for i := range 2 * maxSeenHosts {
		o.Signature(Journal, fmt.Sprint("s", i), clock())
		o.Host(Journal, netip.AddrFrom4([4]byte{185, byte(i >> 16), byte(i >> 8), byte(i)}), "h", int64(i))
	}
	if len(o.selectors) != maxSeenSelectors || len(o.hosts) != maxSeenHosts {
		t.Errorf("%d selectors, %d hosts", len(o.selectors), len(o.hosts))
	}
	if s, h := o.recentSelectors(5), o.busiestHosts(3); len(s) != 5 || len(h) != 3 || h[0].String() != "185.0.39.15" {
		t.Errorf("%v %v", s, h)
	}
	_, resolver := dnstest.StartAt(t, brandZone, clock)
	r := Inspect(t.Context(), resolver, "b.example", Options{Observed: o, Now: clock, Hosts: slices.Repeat([]netip.Addr{netip.MustParseAddr("185.0.2.1")}, 99)})
	if len(r.Hosts.List) > maxSenders || r.DKIM.Probed > 2*maxSelectors+len(wellKnown) {
		t.Errorf("%d hosts, %d selectors", len(r.Hosts.List), r.DKIM.Probed)
	}
}

// TestHostsUnknown: a lookup that fails makes no host right or wrong.
func TestHostsUnknown(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, "a.example. MX 1 mx.a.example.\nmx.a.example. A 185.0.2.2\na.example. TXT \"v=spf1 ip4:185.0.2.1 include:s.test -all\"\n$FAULT s.test TXT SERVFAIL\n$FAULT 1.2.0.185.in-addr.arpa PTR SERVFAIL\n")
	r := Inspect(t.Context(), resolver, "a.example", Options{Hosts: []netip.Addr{netip.MustParseAddr("185.0.2.9")}})
	for _, f := range r.Hosts.Findings {
		if f.Severity == finding.Error || f.Severity == finding.OK {
			t.Errorf("%+v", f)
		}
	}
	if len(r.Hosts.List) != 2 || r.Hosts.List[0].SPF != "temperror" || r.Hosts.List[1].Reverse != "temperror" {
		t.Errorf("%+v", r.Hosts.List)
	}
}
