package reportsending

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/reporting"
)

// destinationZone has domains that want reports elsewhere.
func destinationZone() string {
	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = fmt.Sprintf("mailto:a%d@h%d.example", i, i)
	}
	return `
_dmarc.sub.example.com. TXT "v=DMARC1; p=none; rua=mailto:a@example.com"
_dmarc.given.example. TXT "v=DMARC1; p=none; rua=mailto:a@collector.example"
given.example._report._dmarc.collector.example. TXT "v=DMARC1"
_dmarc.absent.example. TXT "v=DMARC1; p=none; rua=mailto:a@collector.example,mailto:b@absent.example"
_dmarc.moved.example. TXT "v=DMARC1; p=none; rua=mailto:a@collector.example"
moved.example._report._dmarc.collector.example. TXT "v=DMARC1; rua=mailto:b@collector.example,mailto:c@collector.example"
_dmarc.stolen.example. TXT "v=DMARC1; p=none; rua=mailto:a@collector.example"
stolen.example._report._dmarc.collector.example. TXT "v=DMARC1; rua=mailto:b@victim.example"
_dmarc.unknown.example. TXT "v=DMARC1; p=none; rua=mailto:a@collector.example"
_dmarc.none.example. TXT "v=DMARC1; p=none"
_dmarc.bad.example. TXT "v=DMARC1; p=none; rua=mailto:0,https://bad.example/"
_dmarc.mixed.example. TXT "v=DMARC1; p=none; rua=mailto:0,mailto:a@mixed.example!10m,mailto:A@MIXED.example,mailto:a@mixed.example"
two.mixed.example. TXT "v=DMARC1"
` + dnstest.TXT("_dmarc.hundred.example", "v=DMARC1; p=none; rua="+strings.Join(hundred, ",")) + "\n"
}

// TestDestinations has where domains want reports, and which hosts take them.
func TestDestinations(t *testing.T) {
	t.Parallel()
	x := newSite(t, destinationZone(), nil)
	x.dns.SetFault("unknown.example._report._dmarc.collector.example.", "TXT", "SERVFAIL")
	x.dns.SetFault("_dmarc.broken.example.", "TXT", "SERVFAIL")
	for domain, want := range map[string][]string{
		"example.com":     {"dmarc@example.com implied"},
		"sub.example.com": {"a@example.com implied"},
		"given.example":   {"a@collector.example given"},
		"absent.example":  {"a@collector.example absent", "b@absent.example implied"},
		"moved.example":   {"b@collector.example given", "c@collector.example given"},
		"stolen.example":  {"a@collector.example absent"},
		"unknown.example": {"a@collector.example unknown"},
		"mixed.example":   {"a@mixed.example implied"},
		"none.example":    {"none: the record of the domain asks for no reports any more"},
		"gone.example":    {"none: the domain has no DMARC record any more"},
		"a.example.com":   {"none: the domain has no DMARC record any more"},
		"bad.example":     {`none: no address can be used: "mailto:0" names no address; "https://bad.example/" is no mailto URI`},
		"broken.example":  {"unknown"},
	} {
		d := x.Destinations(t.Context(), domain)
		var got []string
		for _, y := range d.List {
			got = append(got, y.Address+" "+string(y.Consent))
		}
		if d.None != "" {
			got = append(got, "none: "+d.None)
		}
		if d.Unknown != "" {
			got = append(got, "unknown")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", domain, diff)
		}
	}
	x.dns.Forget()
	if d := x.Destinations(t.Context(), "hundred.example"); len(d.List) != maxAddresses {
		t.Errorf("%d of 100 addresses", len(d.List))
	}
	if n := len(x.dns.Queries()); n > 40 {
		t.Errorf("%d queries for a hundred addresses", n)
	}
}

// TestWanted has reports whose domains and hosts changed their minds since the messages
// came: gone, refused, elsewhere, and not to be known.
func TestWanted(t *testing.T) {
	t.Parallel()
	records := destinationZone() + `
_dmarc.listed.example. TXT "v=DMARC1; p=none; rua=mailto:a@listed.example"
listed.example.dnsbl.example. A 127.0.0.2
_dmarc.mine.example. TXT "v=DMARC1; p=none; rua=mailto:a@excluded.example,mailto:b@mine.example"
mine.example._report._dmarc.excluded.example. TXT "v=DMARC1"
`
	x := newSite(t, records, func(o *Options) {
		o.Settings.Excluded = func(domain string) bool { return domain == "excluded.example" }
		o.Settings.DNSBL = []string{"dead.dnsbl.example", "dnsbl.example"}
	})
	x.dns.SetFault("unknown.example._report._dmarc.collector.example.", "TXT", "SERVFAIL")
	x.dns.SetFault("listed.example.dead.dnsbl.example.", "A", "SERVFAIL")
	suppression := reports.Suppression{Address: "@two.example", By: "admin", Reason: "they asked"}
	if err := x.store.Suppress(t.Context(), suppression); err != nil {
		t.Fatal(err)
	}
	for domain, rua := range map[string]string{
		"none.example": "a@none.example", "gone.example": "a@gone.example", "absent.example": "a@collector.example", "moved.example": "a@collector.example",
		"unknown.example": "a@collector.example", "listed.example": "a@listed.example", "mine.example": "a@excluded.example", "two.example": "b@two.example",
		"given.example": "old@collector.example",
	} {
		x.add(counted(domain, yesterday, reporting.Ordinary, 1, "mailto:"+rua))
	}
	x.run(midnight.Add(30 * time.Minute))
	got := map[string]string{}
	all, err := x.store.Deliveries(t.Context(), allDeliveries)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		got[d.Domain+" "+d.Address] = string(d.State)
	}
	want := map[string]string{
		"none.example a@none.example": "withdrawn", "gone.example a@gone.example": "withdrawn",
		"absent.example a@collector.example": "refused", "absent.example b@absent.example": "queued",
		"moved.example a@collector.example": "withdrawn", "moved.example b@collector.example": "queued", "moved.example c@collector.example": "queued",
		"unknown.example a@collector.example": "deferred", "listed.example a@listed.example": "suppressed",
		"mine.example a@excluded.example": "suppressed", "mine.example b@mine.example": "queued",
		"two.example b@two.example": "suppressed", "two.example a@two.example": "suppressed",
		"given.example old@collector.example": "withdrawn", "given.example a@collector.example": "queued",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The DNS answers again.
	if err := x.dns.SetZone(zone + records + "unknown.example._report._dmarc.collector.example. TXT \"v=DMARC1\"\n"); err != nil {
		t.Fatal(err)
	}
	x.run(midnight.Add(4 * time.Hour))
	for _, m := range x.sent {
		if strings.Contains(string(m.Data), "Report Domain: unknown.example ") {
			return
		}
	}
	t.Errorf("unknown.example got no report: %v", x.states())
}

// TestPlan has what would be sent, and sends nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	x := newSite(t, destinationZone(), nil)
	x.dns.SetFault("unknown.example._report._dmarc.collector.example.", "TXT", "SERVFAIL")
	for _, domain := range []string{"example.com", "absent.example", "unknown.example", "gone.example", "reports.example.org"} {
		x.add(counted(domain, yesterday, reporting.Ordinary, 1, "mailto:a@"+domain))
	}
	x.add(counted("two.example", yesterday, reporting.OfReport, 1, "mailto:a@two.example"))
	got := map[string]string{}
	err := x.Plan(t.Context(), yesterday, func(p *Planned) bool {
		text := string(p.Why) + p.Problem
		for _, a := range p.Addresses {
			text += " " + a.Address + "=" + string(a.State)
		}
		got[p.Subject.Policy.Domain] = strings.TrimSpace(text)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"example.com": "dmarc@example.com=new", "absent.example": "a@collector.example=refused b@absent.example=new",
		"unknown.example": "a@collector.example=deferred", "gone.example": "the domain has no DMARC record any more", "reports.example.org": "own", "two.example": "ride-along",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(x.sent) > 0 || len(x.states()) > 0 {
		t.Errorf("%d messages, deliveries %v", len(x.sent), x.states())
	}
}
