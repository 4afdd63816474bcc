package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/dnscache"
)

// reference follows RFC 9989 section 4.10 step by step, without regard for
// cost: the walk, the Organizational Domain and the record.
func reference(zone answers, domain string) (steps []string, org, recordDomain string, decided bool) {
	type kept struct {
		domain string
		rec    *Record
	}
	var records []kept
	failure := false
	ask := func(d string) (stop bool) {
		steps = append(steps, d)
		a := zone.Lookup(nil, "_dmarc."+d, dnscache.TXT) //nolint:staticcheck // a table needs no context
		if a.Outcome.Temporary() {
			failure = true
			return true
		}
		var set []string
		for _, txt := range a.TXT {
			if strings.HasPrefix(txt, "v=DMARC1") {
				set = append(set, txt)
			}
		}
		if len(set) != 1 {
			return false
		}
		rec, err := ParseRecord(set[0])
		if err != nil {
			return false
		}
		records = append(records, kept{d, rec})
		return rec.PSD != PSDUnknown
	}
	labels := strings.Split(domain, ".")
	stop := ask(domain)
	if len(labels) >= 8 {
		labels = labels[len(labels)-7:]
	} else {
		labels = labels[1:]
	}
	for ; !stop && len(labels) > 0; labels = labels[1:] {
		stop = ask(strings.Join(labels, "."))
	}

	fewest := func() string {
		best := domain
		for i, k := range records {
			if i == 0 || strings.Count(k.domain, ".") < strings.Count(best, ".") {
				best = k.domain
			}
		}
		return best
	}
	org = ""
	for _, k := range records {
		switch {
		case org != "":
		case k.rec.PSD == PSDNo:
			org = k.domain
		case k.rec.PSD == PSDYes && k.domain != domain:
			all := strings.Split(domain, ".")
			org = strings.Join(all[len(all)-strings.Count(k.domain, ".")-2:], ".")
		}
	}
	if org == "" && !failure {
		org = fewest()
	}

	for _, want := range []func(kept) bool{
		func(k kept) bool { return k.domain == domain },
		func(k kept) bool { return org != "" && k.domain == org },
		func(k kept) bool { return org != "" && k.rec.PSD == PSDYes },
	} {
		for _, k := range records {
			if want(k) {
				return steps, org, k.domain, true
			}
		}
	}
	return steps, org, "", org != ""
}

// TestWalkAgainstReference: the walk looks up all names in parallel. Its result
// must be that of the RFC's steps for any records.
func TestWalkAgainstReference(t *testing.T) {
	t.Parallel()
	texts := []string{
		"v=DMARC1; p=none", "v=DMARC1; p=reject", "v=DMARC1; p=none; psd=n", "v=DMARC1; p=none; psd=y",
		"v=DMARC1; psd=y", "v=DMARC1; p=none; p=none", "v=spf1 -all",
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "labels")
		var labels []string
		for i := range n {
			labels = append(labels, fmt.Sprintf("l%d", i))
		}
		domain := strings.Join(labels, ".")
		zone := answers{}
		for i := range n {
			name := "_dmarc." + strings.Join(labels[i:], ".")
			switch rapid.IntRange(0, 9).Draw(t, name) {
			case 0, 1, 2, 3:
				var set []string
				for range rapid.IntRange(1, 2).Draw(t, "records") {
					set = append(set, rapid.SampledFrom(texts).Draw(t, "text"))
				}
				zone[name+"/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: set}
			case 4:
				failure := rapid.SampledFrom([]dnscache.Outcome{dnscache.ServFail, dnscache.Refused, dnscache.Timeout}).Draw(t, "failure")
				zone[name+"/TXT"] = &dnscache.Answer{Outcome: failure}
			case 5:
				zone[name+"/TXT"] = &dnscache.Answer{Outcome: dnscache.NoData}
			}
		}
		steps, org, recordDomain, decided := reference(zone, domain)
		d := discover(t.Context(), zone, domain, TreeWalk)
		got := fmt.Sprint(d.path.domains[:d.path.steps], d.org, d.recordDomain, d.decided)
		if want := fmt.Sprint(steps, org, recordDomain, decided); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		if len(steps) > maxQueries {
			t.Fatalf("%d queries", len(steps))
		}
	})
}
