package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

func pass(domain string) Identifier   { return Identifier{Domain: domain, Status: "pass"} }
func broken(domain string) Identifier { return Identifier{Domain: domain, Status: "temperror"} }
func failed(domain string) Identifier { return Identifier{Domain: domain, Status: "fail"} }

func TestEvaluate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		zone   string
		author string
		spf    Identifier
		dkim   []Identifier
		psl    bool
		// want is status, policy, disposition, record domain, organizational
		// domain, and the aligned methods.
		want   string
		reason string
	}{
		{
			name:   "4.4 SPF and DKIM equal to the author",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "example.org", spf: pass("example.org"), dkim: []Identifier{pass("Example.ORG.")},
			want:   "pass reject none example.org example.org spf dkim",
			reason: "SPF passed for example.org and a DKIM signature of Example.ORG. passed",
		},
		{
			name:   "4.4.1 relaxed: siblings below one organizational domain",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "news.example.org", dkim: []Identifier{pass("mail.example.org")},
			want:   "pass reject none example.org example.org dkim",
			reason: "a DKIM signature of mail.example.org passed",
		},
		{
			name:   "4.4.1 strict",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"`,
			author: "example.org", spf: pass("mail.example.org"), dkim: []Identifier{pass("mail.example.org")},
			want:   "fail reject reject example.org example.org",
			reason: "SPF passed for mail.example.org, which is not example.org itself, as the strict policy demands; the DKIM signature of mail.example.org passed, which is not example.org itself, as the strict policy demands",
		},
		{
			name:   "4.4 a name that merely ends like the author's",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "example.org", spf: pass("notexample.org"), dkim: []Identifier{pass("org"), pass("example.org.evil.example")},
			want:   "fail reject reject example.org example.org",
			reason: "SPF passed for notexample.org, which is not aligned with example.org; the DKIM signature of org, example.org.evil.example passed, which is not aligned with example.org",
		},
		{
			name:   "4.4 many foreign signatures",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=quarantine"`,
			author: "example.org", spf: failed("bounce.example.org"),
			dkim:   []Identifier{pass("a.example"), pass("b.example"), pass("c.example"), pass("d.example")},
			want:   "fail quarantine quarantine example.org example.org",
			reason: "SPF did not pass (fail for bounce.example.org); the DKIM signature of a.example, b.example, c.example and others passed, which is not aligned with example.org",
		},
		{
			name:   "4.10.2 an identifier with psd=n of its own is another organization",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n_dmarc.tenant.example.org. TXT \"v=DMARC1; p=none; psd=n\"",
			author: "example.org", spf: pass("tenant.example.org"), dkim: []Identifier{pass("mail.tenant.example.org")},
			want:   "fail reject reject example.org example.org",
			reason: "SPF passed for tenant.example.org, which is not aligned with example.org; the DKIM signature of mail.tenant.example.org passed, which is not aligned with example.org",
		},
		{
			name:   "4.10.2 psd=y at the walk's start does not move the organizational domain",
			zone:   `_dmarc.bank.example. TXT "v=DMARC1; p=reject; psd=y"`,
			author: "bank.example", spf: pass("bank.example"),
			want:   "pass reject none bank.example bank.example spf",
			reason: "SPF passed for bank.example",
		},
		{
			name:   "4.10.1 the public suffix's record for a domain without its own",
			zone:   "_dmarc.bank.example. TXT \"v=DMARC1; p=none; sp=reject; psd=y\"\nmega.bank.example. A 192.0.2.1",
			author: "mega.bank.example", spf: pass("giant.bank.example"),
			want:   "fail reject reject bank.example mega.bank.example",
			reason: "SPF passed for giant.bank.example, which is not aligned with mega.bank.example; no DKIM signature",
		},
		{
			name:   "4.10.1 a record between author and organizational domain is not used",
			zone:   "_dmarc.b.example.org. TXT \"v=DMARC1; p=reject\"\n_dmarc.example.org. TXT \"v=DMARC1; p=none\"",
			author: "a.b.example.org",
			want:   "fail none none example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "4.10.2 one label below a psd=y that the walk skipped to",
			zone:   `_dmarc.c.d.e.f.g.h.example. TXT "v=DMARC1; p=reject; psd=y"`,
			author: "a.b.c.d.e.f.g.h.example", spf: pass("b.c.d.e.f.g.h.example"),
			want:   "pass reject none c.d.e.f.g.h.example b.c.d.e.f.g.h.example spf",
			reason: "SPF passed for b.c.d.e.f.g.h.example",
		},
		{
			name:   "4.10 several records, nothing above",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n_dmarc.example.org. TXT \"v=DMARC1; p=none\"",
			author: "example.org", spf: pass("example.org"),
			want:   "none  none  example.org",
			reason: "no DMARC record in force: several at _dmarc.example.org, which makes all of them void",
		},
		{
			name:   "9.2 repeated policy",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject; p=none"`,
			author: "example.org",
			want:   "permerror  none example.org example.org",
			reason: "the DMARC record of example.org has no usable policy and no address for reports",
		},
		{
			name:   "4.8 repeated unknown tag",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject; sp=none; foo=1; foo=2"`,
			author: "example.org",
			want:   "fail reject reject example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "4.10 no record",
			author: "example.org", spf: pass("example.org"),
			want:   "none  none  example.org",
			reason: "no DMARC record",
		},
		{
			name:   "9.2 no usable policy",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=foo"`,
			author: "example.org", spf: pass("example.org"),
			want:   "permerror  none example.org example.org",
			reason: "the DMARC record of example.org has no usable policy and no address for reports",
		},
		{
			name:   "3.2.13 np for a name that does not exist",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=none; sp=quarantine; np=reject"`,
			author: "ghost.example.org",
			want:   "fail reject reject example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "3.2.13 an empty non-terminal exists",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\nx.ent.example.org. A 192.0.2.1",
			author: "ent.example.org",
			want:   "fail quarantine quarantine example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "3.2.13 np of the name itself is p",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=none; np=reject"`,
			author: "example.org",
			want:   "fail none none example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "3.2.13 existence hidden, message fails",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\n$FAULT ghost.example.org TXT SERVFAIL",
			author: "ghost.example.org",
			want:   "temperror quarantine none example.org example.org",
			reason: "a DNS failure hides whether ghost.example.org exists, on which its policy depends",
		},
		{
			name:   "3.2.13 existence hidden, message passes",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\n$FAULT ghost.example.org TXT SERVFAIL",
			author: "ghost.example.org", dkim: []Identifier{pass("example.org")},
			want:   "pass quarantine none example.org example.org dkim",
			reason: "a DKIM signature of example.org passed",
		},
		{
			name:   "3.2.13 existence does not matter",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=none; sp=reject; np=reject\"\n$FAULT ghost.example.org TXT SERVFAIL",
			author: "ghost.example.org",
			want:   "fail reject reject example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name:   "5.3.6 servfail at the author's name",
			zone:   "_dmarc.org. TXT \"v=DMARC1; p=none\"\n$FAULT _dmarc.example.org TXT SERVFAIL",
			author: "example.org", spf: pass("example.org"),
			want:   "temperror  none  ",
			reason: "the DMARC record could not be looked up: server failure for _dmarc.example.org",
		},
		{
			name:   "5.3.6 refused above a name without a record",
			zone:   "_dmarc.org. TXT \"v=DMARC1; p=none\"\n$FAULT _dmarc.example.org TXT REFUSED",
			author: "mail.example.org", spf: pass("mail.example.org"),
			want:   "temperror  none  ",
			reason: "the DMARC record could not be looked up: the resolver refuses to answer for _dmarc.example.org",
		},
		{
			name:   "5.3.6 DNS failure above the author's own record, equal identifier",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n$FAULT _dmarc.org TXT SERVFAIL",
			author: "example.org", spf: pass("example.org"),
			want:   "pass reject none example.org  spf",
			reason: "SPF passed for example.org",
		},
		{
			name:   "5.3.6 DNS failure above the author's own record, identifier below it",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n$FAULT _dmarc.org TXT SERVFAIL",
			author: "example.org", spf: pass("mail.example.org"),
			want:   "temperror reject none example.org ",
			reason: "a DNS failure hides whether a domain that passed is aligned with example.org",
		},
		{
			name:   "5.3.6 DNS failure above the author's own record, strict",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject; aspf=s\"\n$FAULT _dmarc.org TXT SERVFAIL",
			author: "example.org", spf: pass("mail.example.org"),
			want:   "fail reject reject example.org ",
			reason: "SPF passed for mail.example.org, which is not example.org itself, as the strict policy demands; no DKIM signature",
		},
		{
			name:   "5.3.6 DNS failure above the author's own record, foreign identifier",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n$FAULT _dmarc.org TXT SERVFAIL",
			author: "example.org", spf: pass("other.example"),
			want:   "fail reject reject example.org ",
			reason: "SPF passed for other.example, which is not aligned with example.org; no DKIM signature",
		},
		{
			name:   "5.3.6 DNS failure above a psd=n does not count",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject; psd=n\"\n$FAULT _dmarc.org TXT SERVFAIL",
			author: "mail.example.org", spf: pass("bounce.example.org"),
			want:   "pass reject none example.org example.org spf",
			reason: "SPF passed for bounce.example.org",
		},
		{
			name:   "5.3.6 DNS failure in the identifier's walk",
			zone:   "_dmarc.example.org. TXT \"v=DMARC1; p=reject\"\n$FAULT _dmarc.mail.example.org TXT SERVFAIL",
			author: "example.org", spf: pass("mail.example.org"),
			want:   "temperror reject none example.org example.org",
			reason: "a DNS failure hides whether a domain that passed is aligned with example.org",
		},
		{
			name:   "5.3.6 aligned SPF in temperror",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "example.org", spf: broken("mail.example.org"), dkim: []Identifier{failed("example.org")},
			want:   "temperror reject none example.org example.org",
			reason: "SPF for mail.example.org could not be checked because of a DNS failure",
		},
		{
			name:   "5.3.6 aligned DKIM in temperror",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "example.org", spf: failed("example.org"), dkim: []Identifier{pass("other.example"), broken("example.org")},
			want:   "temperror reject none example.org example.org",
			reason: "a DKIM signature of example.org could not be checked because of a DNS failure",
		},
		{
			name:   "5.3.6 foreign DKIM in temperror",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			author: "example.org", dkim: []Identifier{broken("other.example")},
			want:   "fail reject reject example.org example.org",
			reason: "no SPF result; no DKIM signature passed",
		},
		{
			name:   "4.7 t=y",
			zone:   `_dmarc.example.org. TXT "v=DMARC1; p=reject; t=y"`,
			author: "example.org",
			want:   "fail quarantine quarantine example.org example.org",
			reason: "no SPF result; no DKIM signature",
		},
		{
			name: "no single author", zone: `_dmarc.example.org. TXT "v=DMARC1; p=reject"`,
			spf: pass("example.org"), dkim: []Identifier{pass("")},
			want: "none  none  ", reason: "no single author domain",
		},
		{
			name: "author not a domain", author: "exa mple.org", spf: pass("exa mple.org"),
			want: "permerror  none  ", reason: "the author's domain is not a domain name",
		},
		{
			name: "author with an empty label", author: "example..org", spf: pass("example..org"),
			want: "permerror  none  ", reason: "the author's domain is not a domain name",
		},
		{
			name:   "author too long to have a record",
			author: strings.Repeat("abcdefgh.", 27) + "example", spf: pass("example"),
			want:   "none  none  " + strings.Repeat("abcdefgh.", 27) + "example",
			reason: "no DMARC record",
		},
		{
			name:   "RFC 7489 6.6.3 organizational domain by the list",
			zone:   "_dmarc.example.co.uk. TXT \"v=DMARC1; p=reject; sp=quarantine\"\nmail.example.co.uk. A 192.0.2.1\n_dmarc.co.uk. TXT \"v=DMARC1; p=none\"",
			author: "mail.example.co.uk", spf: pass("bounce.example.co.uk"), psl: true,
			want:   "pass quarantine none example.co.uk example.co.uk spf",
			reason: "SPF passed for bounce.example.co.uk",
		},
		{
			name:   "RFC 7489 6.6.3 several records end the search",
			zone:   "_dmarc.mail.example.co.uk. TXT \"v=DMARC1; p=none\"\n_dmarc.mail.example.co.uk. TXT \"v=DMARC1; p=quarantine\"\n_dmarc.example.co.uk. TXT \"v=DMARC1; p=reject\"",
			author: "mail.example.co.uk", psl: true,
			want:   "none  none  example.co.uk",
			reason: "no DMARC record in force: several at _dmarc.mail.example.co.uk, which makes all of them void",
		},
		{
			name:   "RFC 7489 DNS failure at the organizational domain",
			zone:   "$FAULT _dmarc.example.co.uk TXT SERVFAIL",
			author: "mail.example.co.uk", spf: pass("mail.example.co.uk"), psl: true,
			want:   "temperror  none  example.co.uk",
			reason: "the DMARC record could not be looked up: server failure for _dmarc.example.co.uk",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, r := dnstest.Start(t, tt.zone)
			o := Options{}
			if tt.psl {
				o.Discovery = PSL
			}
			res := evaluate(t.Context(), r, tt.author, o, tt.spf, tt.dkim)
			got := fmt.Sprintf("%s %s %s %s %s", res.Status, res.Policy, res.Disposition, res.RecordDomain, res.OrganizationalDomain)
			if res.SPFAligned {
				got += " spf"
			}
			if res.DKIMAligned {
				got += " dkim"
			}
			if d := cmp.Diff([]string{tt.want, tt.reason}, []string{got, res.Reason}); d != "" {
				t.Error(d)
			}
		})
	}
}
