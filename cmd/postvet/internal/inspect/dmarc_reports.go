package inspect

import (
	"context"
	"slices"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/policy/dmarc"
)

// maxReportHosts bounds the hosts whose consent to receive reports is looked up.
const maxReportHosts = 10

// checkReports checks that the hosts which shall receive reports consent to it (RFC
// 9990 section 4).
func (m *DMARC) checkReports(ctx context.Context, l *lookups.Lookups, w *dmarc.Walk, o dmarc.Options) {
	var hosts []string
	for _, u := range append(slices.Clone(w.Record.RUA), w.Record.RUF...) {
		if h := dmarc.URIHost(u); h != "" && !slices.Contains(hosts, h) && len(hosts) < maxReportHosts {
			hosts = append(hosts, h)
		}
	}
	found := make([]dmarc.ReportConsent, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() {
			found[i] = dmarc.CheckReports(ctx, l, m.RecordDomain, m.OrganizationalDomain, h, o)
		})
	}
	all.Wait()
	for i, c := range found {
		switch host := hosts[i]; c.Consent {
		case dmarc.ConsentGiven:
			m.Findings.OK("reports go to " + host + ", which agreed")
		case dmarc.ConsentUnknown:
			m.Findings.DNSFailure("whether " + host + " takes reports could not be looked up: " + c.Reason)
		case dmarc.ConsentAbsent:
			m.Findings.Error("reports are to go to "+host+", which does not take them: "+c.Reason,
				"have the owner of "+host+" "+advice.Publish(m.RecordDomain+"._report._dmarc."+host, advice.QuotedTXT("v=DMARC1")))
		}
	}
}
