package dmarc

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestCheckReports(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
_dmarc.example.org. TXT "v=DMARC1; p=none"
_dmarc.tenant.example.org. TXT "v=DMARC1; p=none; psd=n"
*._report._dmarc.open.example. TXT "v=DMARC1;"
example.org._report._dmarc.given.example. TXT "v=DMARC1"
example.org._report._dmarc.several.example. TXT "other"
example.org._report._dmarc.several.example. TXT "v=DMARC1; p=none"
example.org._report._dmarc.several.example. TXT "v=DMARC1; rua=mailto:x@victim.example; p"
example.org._report._dmarc.twice.example. TXT "v=DMARC1; p=none; p=none"
example.org._report._dmarc.nolist.example. TXT "v=DMARC1; we take them"
example.org._report._dmarc.two.example. TXT "v=DMARC1; rua=mailto:x@victim.example"
example.org._report._dmarc.two.example. TXT "v=DMARC1; rua=mailto:new@two.example"
example.org._report._dmarc.moved.example. TXT "v=DMARC1; rua=mailto:new@moved.example"
example.org._report._dmarc.elsewhere.example. TXT "v=DMARC1; rua=mailto:new@elsewhere.example,mailto:x@victim.example"
example.org._report._dmarc.wrong.example. TXT "v=spf1 -all"
$FAULT example.org._report._dmarc.broken.example TXT SERVFAIL
$FAULT _dmarc.broken.example.org TXT SERVFAIL
`)
	for _, tt := range []struct {
		name, host string
		want       Consent
		rua        string
	}{
		{"4 the domain itself", "example.org", ConsentImplied, ""},
		{"4 the same organization", "reports.example.org", ConsentImplied, ""},
		{"4 below the domain, another organization", "tenant.example.org", ConsentAbsent, ""},
		{"4 organization hidden", "broken.example.org", ConsentUnknown, ""},
		{"4 given", "Given.Example.", ConsentGiven, ""},
		{"4 given to everybody", "open.example", ConsentGiven, ""},
		{"4 several records", "several.example", ConsentGiven, ""},
		{"4 a tag twice is no list of tags", "twice.example", ConsentAbsent, ""},
		{"4 no list of tags", "nolist.example", ConsentAbsent, ""},
		{"4 an address elsewhere in one of several", "two.example", ConsentAbsent, ""},
		{"4 another address", "moved.example", ConsentGiven, "mailto:new@moved.example"},
		{"4 an address elsewhere voids it", "elsewhere.example", ConsentAbsent, ""},
		{"4 no record", "silent.example", ConsentAbsent, ""},
		{"4 not a DMARC record", "wrong.example", ConsentAbsent, ""},
		{"4 lookup fails", "broken.example", ConsentUnknown, ""},
		{"4 name too long", strings.Repeat("abcdefg.", 30) + "example", ConsentAbsent, ""},
		{"not a host", "a b", ConsentAbsent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := CheckReports(t.Context(), r, "example.org", "example.org", tt.host, Options{})
			if got.Consent != tt.want || strings.Join(got.RUA, ",") != tt.rua || got.Reason == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestCheckFailureReports: RFC 9991 section 5 has ruf take the place of rua.
func TestCheckFailureReports(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
_dmarc.example.org. TXT "v=DMARC1; p=none"
example.org._report._dmarc.given.example. TXT "v=DMARC1"
example.org._report._dmarc.moved.example. TXT "v=DMARC1; rua=mailto:a@victim.example; ruf=mailto:new@moved.example"
example.org._report._dmarc.elsewhere.example. TXT "v=DMARC1; rua=mailto:a@elsewhere.example; ruf=mailto:x@victim.example"
`)
	for _, tt := range []struct {
		name, host string
		want       Consent
		ruf        string
	}{
		{"5 the domain itself", "example.org", ConsentImplied, ""},
		{"5 given", "given.example", ConsentGiven, ""},
		{"5 another address, whatever rua has", "moved.example", ConsentGiven, "mailto:new@moved.example"},
		{"5 an address elsewhere voids it", "elsewhere.example", ConsentAbsent, ""},
		{"5 no record", "silent.example", ConsentAbsent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := CheckFailureReports(t.Context(), r, "example.org", "example.org", tt.host, Options{})
			if got.Consent != tt.want || strings.Join(got.RUA, ",") != tt.ruf || got.Reason == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// These cases we answer differently on purpose.
var consentDifferences = map[string]string{}

func TestConformanceExternalReports(t *testing.T) {
	t.Parallel()
	var data struct {
		Cases []struct {
			ID       string
			Domain   string `json:"policy_domain"`
			Host     string `json:"destination_host"`
			Query    *string
			TXT      []any
			Error    string
			Upstream struct {
				Authorized bool
				RUA        string `json:"override_rua"`
			}
		}
	}
	readCorpus(t, "dmarc/external-reports.json", &data)
	passed := 0
	for _, c := range data.Cases {
		zone, faults := corpusZone{}, map[string]string{}
		if c.Query != nil {
			zone[*c.Query] = map[string][]any{"TXT": c.TXT}
			if c.Error != "" {
				faults[*c.Query+"/TXT"] = c.Error
			}
		}
		_, r := dnstest.Start(t, zone.text(faults))
		org := discover(context.Background(), r, c.Domain, TreeWalk).org
		got := CheckReports(t.Context(), r, c.Domain, org, c.Host, Options{})
		agreed := got.Consent == ConsentGiven || got.Consent == ConsentImplied
		name := ""
		if c.Query != nil {
			name = *c.Query
		}
		switch {
		case consentDifferences[c.ID] != "":
		case agreed != c.Upstream.Authorized || strings.Join(got.RUA, ",") != c.Upstream.RUA || got.Name != name:
			t.Errorf("%s: %s", c.ID, cmp.Diff(c, got))
		case c.Error != "" && got.Consent != ConsentUnknown:
			t.Errorf("%s: %+v", c.ID, got)
		default:
			passed++
		}
	}
	conformance(t, "external-reports", len(data.Cases), passed, consentDifferences)
}
