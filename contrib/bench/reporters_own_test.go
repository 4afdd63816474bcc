//go:build linux

package main

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	evaluated "github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// ownReports returns the documents that Postvet writes about the cases.
func ownReports(t *testing.T, _ string, cases []Case) []string {
	t.Helper()
	dns, err := dnscache.New(dnscache.Options{Upstreams: []string{"127.0.0.1:53"}})
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	checker := policy.NewChecker(policy.Options{Resolver: dns, AuthservID: "mx.test.example"})
	decide := rules.Rules{AuthservID: "mx.test.example"}
	policies, tallies := map[string]reporting.Policy{}, map[string]*report.Tally{}
	for i := range cases {
		c := &cases[i]
		var header message.Header
		for _, f := range c.Fields {
			header = append(header, message.NewField(f.Name, f.Value))
		}
		envelope := message.Envelope{
			Client: message.Client{IP: netip.MustParseAddr(c.Client.IP)}, Helo: c.Client.Helo,
			Sender: message.Sender{Path: c.MailFrom}, Recipients: []string{c.Rcpt},
		}
		res, verdict, err := checker.PlayVerdict(t.Context(), envelope, header, bytes.NewReader(c.Body), false,
			func(_, atEnd *evaluated.Results) evaluated.Verdict { return decide.Decide(atEnd) })
		if err != nil {
			t.Fatal(err)
		}
		row := reporting.Of(res, &verdict)
		if row.Skip != "" {
			continue
		}
		domain := row.Policy.Domain
		if tallies[domain] == nil {
			policies[domain], tallies[domain] = row.Policy, report.NewTally(10000)
		}
		tallies[domain].Add(&row.Record)
	}
	var documents []string
	begin, end := report.Day(time.Now())
	for domain, tally := range tallies {
		var b bytes.Buffer
		head := report.Head{
			OrgName: "Test", Email: "dmarc@test.example", ReportID: "5f2c0000000000000000000000000000", Begin: begin, End: end, Policy: policies[domain].Policy,
		}
		if err := report.Write(&b, &head, tally.Records()); err != nil {
			t.Fatal(err)
		}
		documents = append(documents, b.String())
	}
	return documents
}
