package sources_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// head is the head of a report of a reporter about a day, counted from 2026-11-01.
func head(reporter string, day int) *report.Head {
	begin, end := report.Day(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day))
	return &report.Head{OrgName: reporter, Begin: begin, End: end, Policy: report.Policy{Domain: "example.org", P: "none"}}
}

// rec is a record: "dkim" and "spf" in aligned say what is aligned; results are words
// such as "pass example.org/s" for DKIM and "spf fail example.org".
func rec(n int64, ip, aligned string, results ...string) *report.Record {
	r := &report.Record{
		Source: netip.MustParseAddr(ip), Count: n, Disposition: report.DispositionNone, HeaderFrom: "example.org",
		DKIMAligned: strings.Contains(aligned, "dkim"), SPFAligned: strings.Contains(aligned, "spf"),
	}
	for _, text := range results {
		w := strings.Fields(text)
		if w[0] == "spf" {
			r.SPF = append(r.SPF, report.SPF{Domain: w[2], Scope: "mfrom", Result: w[1]})
			continue
		}
		domain, selector, _ := strings.Cut(w[1], "/")
		r.DKIM = append(r.DKIM, report.DKIM{Domain: domain, Selector: selector, Result: w[0]})
	}
	return r
}

// TestCauses says of each kind of record why its messages pass or fail, and which source
// they are of.
func TestCauses(t *testing.T) {
	t.Parallel()
	reason := func(r *report.Record, kind report.ReasonType, comment string) *report.Record {
		r.Reasons = []report.Reason{{Type: kind, Comment: comment}}
		return r
	}
	for _, tc := range []struct {
		name   string
		r      *report.Record
		source string
		cause  sources.Cause
	}{
		{"own server", rec(1, "192.0.2.1", "dkim spf", "pass example.org/s", "spf pass example.org"), "192.0.2.0/24", sources.Passed},
		{"own server, IPv6", rec(1, "2001:db8:1:2::3", "spf", "spf pass mail.example.org"), "2001:db8:1::/48", sources.Passed},
		{"service with our key", rec(1, "192.0.2.1", "dkim", "pass esp.example/a", "pass example.org/s", "spf pass bounces.esp.example"), "esp.example", sources.Passed},
		{"service without a signature of its own", rec(1, "192.0.2.1", "dkim", "pass example.org/s", "spf pass bounces.esp.example"), "esp.example", sources.Passed},
		{"forwarded as it was", rec(1, "192.0.2.1", "dkim", "pass example.org/s", "spf fail example.org"), "192.0.2.0/24", sources.Relayed},
		{"forwarded by one that rewrites MAIL FROM", rec(1, "192.0.2.1", "", "fail example.org/s", "spf pass fw.example"), "fw.example", sources.Forwarded},
		{"list that signs", rec(1, "192.0.2.1", "", "fail example.org/s", "pass lists.example/l", "spf pass lists.example"), "lists.example", sources.Forwarded},
		{"list, says the receiver", reason(rec(1, "192.0.2.1", "", "spf fail example.org"), report.MailingList, ""), "192.0.2.0/24", sources.Forwarded},
		{"ARC, says the receiver", reason(rec(1, "192.0.2.1", "", "spf fail example.org"), report.LocalPolicy, "arc=pass as[1].d=x"), "192.0.2.0/24", sources.Forwarded},
		{"local policy for another reason", reason(rec(1, "192.0.2.1", "", "spf fail example.org"), report.LocalPolicy, "x"), "192.0.2.0/24", sources.Unlisted},
		{"service", rec(1, "192.0.2.1", "", "pass esp.example/a", "spf pass esp.example"), "esp.example", sources.Service},
		{"service by SPF alone", rec(1, "192.0.2.1", "", "spf pass a.b.esp.co.uk"), "esp.co.uk", sources.Service},
		{"key not found", rec(1, "192.0.2.1", "", "permerror example.org/s", "spf fail example.org"), "192.0.2.0/24", sources.BrokenKey},
		{"key of a service not found", rec(1, "192.0.2.1", "", "permerror example.org/s", "spf pass esp.example"), "esp.example", sources.BrokenKey},
		{"changed", rec(1, "192.0.2.1", "", "fail example.org/s", "spf none example.org"), "192.0.2.0/24", sources.Altered},
		{"strict", rec(1, "192.0.2.1", "", "pass mail.example.org/s"), "192.0.2.0/24", sources.Strict},
		{"strict SPF", rec(1, "192.0.2.1", "", "spf pass mail.example.org"), "192.0.2.0/24", sources.Strict},
		{"passes as the domain, and fails", rec(1, "192.0.2.1", "", "pass example.org/s"), "192.0.2.0/24", sources.Disputed},
		{"passes as the domain by SPF, and fails", rec(1, "192.0.2.1", "", "spf pass example.org"), "192.0.2.0/24", sources.Disputed},
		{"signed as what is no domain", rec(1, "192.0.2.1", "", `pass =HYPERLINK("x")/s`, "spf pass evil?.example"), "192.0.2.0/24", sources.Nothing},
		{"signed as a top-level name", rec(1, "192.0.2.1", "", "pass x/s", "spf pass x"), "192.0.2.0/24", sources.Nothing},
		{"not in SPF", rec(1, "192.0.2.1", "", "spf softfail example.org"), "192.0.2.0/24", sources.Unlisted},
		{"nothing", rec(1, "192.0.2.1", ""), "192.0.2.0/24", sources.Nothing},
		{"fails as itself", rec(1, "192.0.2.1", "", "fail evil.example/x", "spf fail evil.example"), "192.0.2.0/24", sources.Nothing},
		{"no address", func() *report.Record { r := rec(1, "192.0.2.1", ""); r.Source = netip.Addr{}; return r }(), "unknown", sources.Nothing},
	} {
		a := sources.New("example.org")
		h := head("a", 0)
		a.Report(h)
		if !a.Add(h, tc.r) {
			t.Errorf("%s: not about the domain", tc.name)
			continue
		}
		s := a.Summary(nil)
		got := s.Sources[0]
		if len(s.Sources) != 1 || got.Name != tc.source || got.Causes[tc.cause] != 1 || s.Messages != 1 {
			t.Errorf("%s: %s %v, want %s %s", tc.name, got.Name, got.Causes, tc.source, tc.cause)
		}
		if got.Failed() > 0 && len(got.Fixes) == 0 {
			t.Errorf("%s: no word about what to do", tc.name)
		}
	}
}

// TestOtherDomains: records about other domains are none of this analysis.
func TestOtherDomains(t *testing.T) {
	t.Parallel()
	a := sources.New("example.org")
	for from, want := range map[string]bool{"example.org": true, "news.example.org": true, "example.com": false, "notexample.org": false, "org": false, "": false} {
		r := rec(1, "192.0.2.1", "")
		r.HeaderFrom = from
		if got := a.Add(head("a", 0), r); got != want {
			t.Errorf("%q: %v", from, got)
		}
	}
	for domain, want := range map[string]bool{"example.org": true, "a.example.org": true, "org": true, "example.com": false, "": false} {
		if got := a.Concerns(&report.Head{Policy: report.Policy{Domain: domain}}); got != want {
			t.Errorf("a report about %q: %v", domain, got)
		}
	}
}

// month is a month of a domain's mail: its own server, a service without its key, a
// forwarder, forgers, and what extra adds.
func month(days int, extra ...*report.Record) *sources.Analysis {
	a := sources.New("example.org")
	for day := range days {
		for _, reporter := range []string{"one", "two"} {
			h := head(reporter, day)
			a.Report(h)
			all := []*report.Record{
				rec(500, "192.0.2.1", "dkim spf", "pass example.org/s", "spf pass example.org"),
				rec(5, "198.51.100.7", "dkim", "pass example.org/s", "spf fail example.org"),
				rec(5, "203.0.113.1", "", "fail example.org/s", "spf pass lists.example"),
				rec(50, "203.0.113.66", "", "spf fail example.org"),
			}
			for _, r := range append(all, extra...) {
				a.Add(h, r)
			}
		}
	}
	return a
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	service := rec(20, "203.0.113.200", "", "pass esp.example/a", "spf pass esp.example")
	one := rec(1, "203.0.113.200", "", "pass esp.example/a", "spf pass esp.example")
	few := rec(2, "203.0.113.200", "", "pass esp.example/a", "spf pass esp.example")
	for _, tc := range []struct {
		name               string
		a                  *sources.Analysis
		ignored            []string
		quarantine, reject bool
		obstacle           string
	}{
		{"ready", month(28), nil, true, true, ""},
		{"14 days", month(14), nil, true, false, "days with reports: 14; 28 are needed, so that rare mail is seen too"},
		{"a week", month(7), nil, false, false, "days with reports: 7; 14 are needed"},
		{"service", month(28, service), nil, false, false, "1120 of 29400 messages that are probably yours fail (3.8%); at most 1.0% should"},
		{"service is named", month(28, service), nil, false, false, "1120 of esp.example"},
		{"service that is none of ours", month(28, service), []string{"esp.example"}, true, true, ""},
		{"hardly too many", func() *sources.Analysis {
			a := month(28, one)
			a.Add(head("one", 0), rec(2, "203.0.113.200", "", "pass esp.example/a", "spf pass esp.example"))
			return a
		}(), nil, true, false, "58 of 28338 messages that are probably yours fail (0.205%); at most 0.2% should"},
		{"small service", month(28, few), nil, true, false, "112 of 28392 messages that are probably yours fail (0.4%); at most 0.2% should"},
		{"nothing passes", func() *sources.Analysis {
			a := sources.New("example.org")
			for day := range 30 {
				a.Add(head("a", day), rec(1, "192.0.2.1", ""))
			}
			return a
		}(), nil, false, false, "no message passed"},
		{"no report", sources.New("example.org"), nil, false, false, "there is no report about example.org"},
	} {
		s := tc.a.Summary(tc.ignored)
		if s.Quarantine.Ready != tc.quarantine || s.Reject.Ready != tc.reject {
			t.Errorf("%s: quarantine %+v, reject %+v", tc.name, s.Quarantine, s.Reject)
		}
		obstacles := strings.Join(append(s.Quarantine.Obstacles, s.Reject.Obstacles...), "\n")
		if !strings.Contains(obstacles, tc.obstacle) || tc.obstacle == "" && obstacles != "" {
			t.Errorf("%s: %s, want %s", tc.name, obstacles, tc.obstacle)
		}
	}
	for policy, want := range map[report.Policy][2]bool{
		{P: "none"}: {false, false}, {P: "quarantine"}: {true, false}, {P: "reject"}: {true, true},
		{P: "reject", Testing: "y"}: {false, false}, {P: "reject", Percent: "50"}: {false, false}, {P: "reject", Percent: "100"}: {true, true},
	} {
		a := month(1)
		h := head("a", 2)
		h.Policy = policy
		a.Report(h)
		if s := a.Summary(nil); s.Quarantine.Already != want[0] || s.Reject.Already != want[1] {
			t.Errorf("%+v: already %v %v", policy, s.Quarantine.Already, s.Reject.Already)
		}
	}
}

// TestKinds: forwarders are told from forgers, and services from strangers.
func TestKinds(t *testing.T) {
	t.Parallel()
	a := month(28, rec(20, "203.0.113.200", "", "pass esp.example/a", "spf pass esp.example"), rec(3, "2001:db8::1", "", "permerror example.org/old"))
	a.Add(head("one", 3), rec(1, "203.0.113.201", "", "spf pass spam.example"))
	a.Add(head("one", 27), rec(900, "198.18.0.1", "", "spf fail example.org"))
	a.Add(head("one", 27), rec(9, "192.0.2.9", "")) // beside our server
	got := map[string]sources.Kind{}
	s := a.Summary(nil)
	for _, src := range s.Sources {
		got[src.Name] = src.Kind
		if src.New != (src.Name == "198.18.0.0/24") {
			t.Errorf("%s: new is %v", src.Name, src.New)
		}
	}
	want := map[string]sources.Kind{
		"192.0.2.0/24": sources.Partly, "198.51.100.0/24": sources.Forwarder, "lists.example": sources.Forwarder, "203.0.113.0/24": sources.Forger,
		"esp.example": sources.AService, "spam.example": sources.Stranger, "2001:db8::/48": sources.Faulty, "198.18.0.0/24": sources.Forger,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s.Sources[0].Name != "198.18.0.0/24" {
		t.Errorf("%s comes first, not the new one", s.Sources[0].Name)
	}
	for _, k := range want {
		if k.Words() == "" {
			t.Errorf("%s has no words", k)
		}
	}
}

// TestLongReport: a report of several days counts for each of them, of years for one.
func TestLongReport(t *testing.T) {
	t.Parallel()
	h := head("a", 0)
	h.End = h.Begin.AddDate(0, 0, 3) // midnight: the end of the third day
	a := sources.New("example.org")
	a.Add(h, rec(1, "192.0.2.1", ""))
	if s := a.Summary(nil); s.Days != 3 {
		t.Errorf("%d days, want 3", s.Days)
	}
	h.End = h.Begin.AddDate(5000, 0, 0)
	a.Add(h, rec(1, "192.0.2.1", ""))
	if s := a.Summary(nil); s.Days != 366 {
		t.Errorf("%d days", s.Days)
	}
	h.Begin = time.Time{}
	a.Add(h, rec(1, "192.0.2.1", ""))
	if s := a.Summary(nil); s.Days != 366 || s.Messages != 3 {
		t.Errorf("%d days, %d messages", s.Days, s.Messages)
	}
}

// TestBounds: sources without number are counted all the same.
func TestBounds(t *testing.T) {
	t.Parallel()
	a := sources.New("example.org")
	for i := range 11_000 {
		a.Add(head(fmt.Sprint(i), 0), rec(2, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}).String(), ""))
	}
	for i := range 2000 {
		a.Add(head("a", 0), rec(1, netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}).String(), "", fmt.Sprintf("pass esp.example/s%d", i)))
	}
	s := a.Summary(nil)
	if len(s.Sources) != 10_000 || s.Messages != 24_000 || s.Rest != 4000 || s.Reporters != 1000 {
		t.Errorf("%d sources, %d messages, %d rest, %d reporters", len(s.Sources), s.Messages, s.Rest, s.Reporters)
	}
}

// TestSums: whatever the records are, all messages are of a source and a cause, and what
// passed by the records passed by the sums.
func TestSums(t *testing.T) {
	t.Parallel()
	names := []string{"example.org", "a.example.org", "esp.example", "org", "", "\x00<", "co.uk"}
	results := []string{"pass", "fail", "none", "neutral", "permerror", "softfail"}
	rapid.Check(t, func(t *rapid.T) {
		a := sources.New("example.org")
		all, passed := int64(0), int64(0)
		for range rapid.IntRange(0, 30).Draw(t, "records") {
			pick := func(words []string) string { return rapid.SampledFrom(words).Draw(t, "word") }
			r := rec(rapid.Int64Range(0, 1e12).Draw(t, "count"), pick([]string{"192.0.2.1", "198.51.100.1", "2001:db8::1"}), pick([]string{"", "dkim", "spf", "dkim spf"}))
			for range rapid.IntRange(0, 2).Draw(t, "signatures") {
				r.DKIM = append(r.DKIM, report.DKIM{Domain: pick(names), Selector: "s", Result: pick(results)})
			}
			r.SPF = []report.SPF{{Domain: pick(names), Scope: pick([]string{"", "mfrom", "helo"}), Result: pick(results)}}
			h := head(pick(names), rapid.IntRange(0, 40).Draw(t, "day"))
			a.Report(h)
			if a.Add(h, r) {
				all += r.Count
				if r.Passed() {
					passed += r.Count
				}
			}
		}
		s := a.Summary([]string{"esp.example"})
		sum, causes := int64(0), int64(0)
		for _, src := range s.Sources {
			sum += src.Messages
			for _, n := range src.Causes {
				causes += n
			}
		}
		if s.Messages != all || sum != all || causes != all || s.Passed != passed || s.Quarantine.Lost > s.Quarantine.Mine {
			t.Fatalf("%d messages, %d passed: %+v", all, passed, s)
		}
	})
}
