package dmarc_test

import (
	"context"
	"fmt"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
)

// texts is a resolver with only TXT records.
type texts map[string]string

func (d texts) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	txt, ok := d[name]
	switch {
	case !ok:
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	case t != dnscache.TXT:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}}
}

func Example() {
	ctx := context.Background()
	dns := texts{"_dmarc.example.org": "v=DMARC1; p=reject; sp=quarantine"}
	evaluate := func(author string, spf dmarc.Identifier, dkim ...dmarc.Identifier) {
		// While the body of the message arrives:
		a := dmarc.LookupAuthor(ctx, dns, author, dmarc.Options{})
		// At the end of the message:
		r := a.Evaluate(spf, dkim, func(domain string) dmarc.Organization {
			return dmarc.LookupOrganization(ctx, dns, domain, dmarc.Options{})
		})
		fmt.Printf("%s: %s, disposition %s (%s)\n", r.AuthorDomain, r.Status, r.Disposition, r.Reason)
	}
	bounce := dmarc.Identifier{Domain: "bounce.example.org", Status: "pass"}
	other := dmarc.Identifier{Domain: "provider.example", Status: "pass"}
	evaluate("example.org", bounce, other)
	evaluate("news.example.org", other, other)
	evaluate("example.net", bounce)
	// Output:
	// example.org: pass, disposition none (SPF passed for bounce.example.org)
	// news.example.org: fail, disposition quarantine (SPF passed for provider.example, which is not aligned with news.example.org; the DKIM signature of provider.example passed, which is not aligned with news.example.org)
	// example.net: none, disposition none (no DMARC record)
}
