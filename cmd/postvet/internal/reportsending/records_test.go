package reportsending

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// TestTwoRecordsOfADay has a domain change its record within a day, and where it wants
// reports. There is a report for each record, which has the messages judged under it. Both
// go to where the domain wants them now.
func TestTwoRecordsOfADay(t *testing.T) {
	t.Parallel()
	x := newSite(t, "", nil)
	message := func(p, ip, rua string, n int64) {
		c := counted("example.com", yesterday, reporting.Ordinary, n, "mailto:"+rua)
		c.Policy.P = p
		c.Record.Source = netip.MustParseAddr(ip)
		if p == "none" {
			c.Record.Disposition = report.DispositionNone
		}
		x.add(c)
	}
	message("none", "192.0.2.1", "old@example.com", 5)
	message("reject", "192.0.2.1", "dmarc@example.com", 7) // the same source
	message("none", "192.0.2.2", "old@example.com", 11)    // the cache of another node
	message("reject", "192.0.2.3", "dmarc@example.com", 13)
	x.run(midnight.Add(30 * time.Minute))

	got := map[string]map[string]int64{} // messages by policy and source
	ids, messageIDs := map[string]bool{}, map[string]bool{}
	for _, m := range x.sent {
		if m.To != "dmarc@example.com" {
			t.Errorf("a report to %s", m.To)
		}
		data := documentOf(t, m.Data)
		_, err := report.Read(data, func(h *report.Head, r *report.Record) error {
			if got[h.Policy.P] == nil {
				got[h.Policy.P] = map[string]int64{}
			}
			got[h.Policy.P][r.Source.String()] += r.Count
			ids[h.ReportID] = true
			if !h.Begin.Equal(yesterday.Begin()) || h.Policy.Domain != "example.com" || r.HeaderFrom != "example.com" {
				t.Errorf("%+v %+v", h, r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if v, err := report.Check(documentOf(t, m.Data)); err != nil || !v.Valid() {
			t.Errorf("%v %+v", err, v.Problems)
		}
		_, id, _ := bytes.Cut(m.Data, []byte("\r\nMessage-ID: "))
		id, _, _ = bytes.Cut(id, []byte("\r\n"))
		messageIDs[string(id)] = true
	}
	want := map[string]map[string]int64{"none": {"192.0.2.1": 5, "192.0.2.2": 11}, "reject": {"192.0.2.1": 7, "192.0.2.3": 13}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if len(x.sent) != 2 || len(ids) != 2 || len(messageIDs) != 2 {
		t.Errorf("%d messages with %d reports: %v %v", len(x.sent), len(ids), ids, messageIDs)
	}
	x.want(map[string]string{"old@example.com": "withdrawn", "dmarc@example.com": "queued"})
}
