package dmarc

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestExplain checks the explanation of the policy and of each identifier, and
// that explaining changes nothing else.
func TestExplain(t *testing.T) {
	t.Parallel()
	zone := func(records string) string {
		return records + "bank.example. A 192.0.2.1\nwww.bank.example. A 192.0.2.1\n"
	}
	const relaxed = "_dmarc.bank.example. TXT \"v=DMARC1; p=reject; sp=quarantine; np=none\"\n"
	for _, tt := range []struct {
		name, zone, author string
		spf                Identifier
		dkim               []Identifier
		opt                Options
		tag                string
		testing            bool
		want               []Aligned
	}{
		{
			name: "the domain itself", zone: zone(relaxed), author: "bank.example", spf: Identifier{Domain: "bank.example", Status: "fail"}, tag: "p",
			want: []Aligned{{"spf", "bank.example", "fail", "yes", "it is the author's domain itself"}},
		},
		{
			name: "subdomain that exists", zone: zone(relaxed), author: "www.bank.example", spf: Identifier{Domain: "evil.example", Status: "pass"}, tag: "sp",
			want: []Aligned{{"spf", "evil.example", "pass", "no", "evil.example is not within bank.example, the author's organizational domain by the record at _dmarc.bank.example"}},
		},
		{name: "subdomain that does not", zone: zone(relaxed), author: "no.bank.example", tag: "np"},
		{name: "np falls back to p", zone: zone("_dmarc.bank.example. TXT \"v=DMARC1; p=reject\"\n"), author: "no.bank.example", tag: "p"},
		{name: "testing", zone: zone("_dmarc.bank.example. TXT \"v=DMARC1; p=reject; t=y\"\n"), author: "bank.example", tag: "p", testing: true},
		{name: "testing p=none changes nothing", zone: zone("_dmarc.bank.example. TXT \"v=DMARC1; p=none; t=y\"\n"), author: "bank.example", tag: "p"},
		{
			name: "same organization", zone: zone(relaxed), author: "www.bank.example",
			dkim: []Identifier{{Domain: "mail.bank.example", Status: "pass"}, {Domain: "bank.example", Status: "fail"}}, tag: "sp",
			want: []Aligned{
				{"dkim", "mail.bank.example", "pass", "yes", "both belong to the organizational domain bank.example by the record at _dmarc.bank.example (relaxed alignment)"},
				{"dkim", "bank.example", "fail", "unknown", "it is within bank.example; its own organizational domain was not looked up, as nothing depends on it"},
			},
		},
		{
			name: "its own organization", zone: zone(relaxed + "_dmarc.host.bank.example. TXT \"v=DMARC1; p=none; psd=n\"\n"), author: "bank.example",
			dkim: []Identifier{{Domain: "a.host.bank.example", Status: "pass"}}, tag: "p",
			want: []Aligned{{"dkim", "a.host.bank.example", "pass", "no", "its organizational domain is host.bank.example by the record at _dmarc.host.bank.example, that of bank.example is bank.example"}},
		},
		{
			name: "strict", zone: zone("_dmarc.bank.example. TXT \"v=DMARC1; p=reject; adkim=s\"\n"), author: "bank.example",
			dkim: []Identifier{{Domain: "www.bank.example", Status: "pass"}}, tag: "p",
			want: []Aligned{{"dkim", "www.bank.example", "pass", "no", "the record demands bank.example itself (strict alignment)"}},
		},
		{
			name: "public suffix list", zone: zone(relaxed), author: "www.bank.example", opt: Options{Discovery: PSL}, tag: "sp",
			spf:  Identifier{Domain: "evil.test", Status: "pass"},
			want: []Aligned{{"spf", "evil.test", "pass", "no", "evil.test is not within bank.example, the author's organizational domain by the public suffix list"}},
		},
		{name: "no record", zone: zone(""), author: "bank.example", spf: Identifier{Domain: "bank.example", Status: "pass"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, r := dnstest.Start(t, tt.zone)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			without := evaluate(ctx, r, tt.author, tt.opt, tt.spf, tt.dkim)
			tt.opt.Explain = true
			with := evaluate(ctx, r, tt.author, tt.opt, tt.spf, tt.dkim)
			if with.PolicyTag != tt.tag || with.Testing != tt.testing {
				t.Errorf("policy %s by %q, testing %v", with.Policy, with.PolicyTag, with.Testing)
			}
			if d := cmp.Diff(tt.want, with.Identifiers); d != "" {
				t.Errorf("identifiers (-want +got):\n%s", d)
			}
			if with.Walk == nil || len(with.Walk.Steps) == 0 {
				t.Errorf("walk %+v", with.Walk)
			}
			with.Walk, with.Identifiers = nil, nil
			if d := cmp.Diff(without, with); d != "" {
				t.Errorf("explaining changes the result:\n%s", d)
			}
		})
	}
}
