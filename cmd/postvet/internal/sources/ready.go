package sources

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/dmarc/report"
)

// Summary is what the records say about a domain.
type Summary struct {
	Domain string `json:"domain"`
	// Policy is that of the newest report.
	Policy    report.Policy `json:"policy"`
	First     time.Time     `json:"first,omitzero"`
	Last      time.Time     `json:"last,omitzero"`
	Days      int           `json:"days"`
	Reports   int           `json:"reports"`
	Reporters int           `json:"reporters"`

	Messages int64           `json:"messages"`
	Passed   int64           `json:"passed"`
	Causes   map[Cause]int64 `json:"causes"`
	// Rest are messages of sources beyond the limit.
	Rest int64 `json:"rest"`
	// Unproven are the reports that were left out, since nobody vouches for them, or they
	// cannot be true. The caller that leaves them out sets it.
	Unproven int `json:"unproven_reports"`

	Sources    []*Source `json:"sources"`
	Quarantine Readiness `json:"quarantine"`
	Reject     Readiness `json:"reject"`
}

// Readiness says whether a domain can ask for a policy.
type Readiness struct {
	Policy string `json:"policy"`
	// Already is true if the domain asks for it, or for more.
	Already bool `json:"already"`
	Ready   bool `json:"ready"`
	// Mine are the messages that are probably the domain's own, and Lost those of them
	// that fail.
	Mine int64 `json:"mine"`
	Lost int64 `json:"lost"`
	// Forwarded are the messages that fail because they were forwarded.
	Forwarded int64 `json:"forwarded"`
	// Obstacles are what stands in the way, the greatest first.
	Obstacles []string `json:"obstacles"`
}

// Next returns the policy to ask for next; nil if there is none.
func (s *Summary) Next() *Readiness {
	switch {
	case s.Reject.Already:
		return nil
	case s.Quarantine.Already || s.Reject.Ready:
		return &s.Reject
	}
	return &s.Quarantine
}

// What a domain needs before it asks for a policy: so many days of reports, and so few of
// its own messages that fail, in a thousand.
const (
	daysForQuarantine = 14
	daysForReject     = 28
	lostForQuarantine = 10
	lostForReject     = 2
)

// Summary returns what the records say. ignored are sources that are none of the
// domain's, by their names.
func (a *Analysis) Summary(ignored []string) *Summary {
	s := &Summary{
		Domain: a.domain, Policy: a.policy, Days: len(a.days), Reports: a.reports, Reporters: len(a.reporters),
		Causes: map[Cause]int64{}, Rest: a.rest, Messages: a.rest, Sources: []*Source{},
	}
	s.First, s.Last = bounds(a.days)
	for _, g := range a.sources {
		src := g.finish(s)
		src.Ignored = slices.Contains(ignored, src.Name)
		src.Kind = src.kind()
		src.Fixes = src.fixes(a.domain)
		s.Messages += src.Messages
		s.Passed += src.Passed()
		for c, n := range src.Causes {
			s.Causes[c] += n
		}
		s.Sources = append(s.Sources, src)
	}
	slices.SortFunc(s.Sources, func(x, y *Source) int {
		return cmp.Or(compareBool(y.New, x.New), cmp.Compare(y.Failed(), x.Failed()), cmp.Compare(y.Messages, x.Messages), cmp.Compare(x.Name, y.Name))
	})
	s.Quarantine = s.readiness("quarantine", daysForQuarantine, lostForQuarantine)
	s.Reject = s.readiness("reject", daysForReject, lostForReject)
	return s
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// bounds returns the first and the last day of a set.
func bounds(days map[int64]bool) (first, last time.Time) {
	if len(days) == 0 {
		return first, last
	}
	all := slices.Sorted(maps.Keys(days))
	return time.Unix(all[0]*secondsOfDay, 0).UTC(), time.Unix(all[len(all)-1]*secondsOfDay, 0).UTC()
}

// finish returns a source with its lists.
func (g *gathered) finish(of *Summary) *Source {
	s := &g.Source
	s.First, s.Last = bounds(g.days)
	s.Days, s.Reporters = len(g.days), len(g.reporters)
	s.New = of.Last.Sub(of.First) >= 14*24*time.Hour && of.Last.Sub(s.First) < 7*24*time.Hour
	s.AddressCount = len(g.addresses)
	s.Addresses = []string{}
	for _, ip := range most(g.addresses, netip.Addr.Compare) {
		if ip.IsValid() {
			s.Addresses = append(s.Addresses, ip.String())
		}
	}
	s.Signers, s.Envelopes = most(g.signers, strings.Compare), most(g.envelopes, strings.Compare)
	return s
}

// most returns the keys with the greatest numbers, at most 5.
func most[K comparable](m map[K]int64, compare func(a, b K) int) []K {
	all := slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))
	slices.SortFunc(all, func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), compare(a, b)) })
	return all[:min(len(all), 5)]
}

// strictness orders policies.
var strictness = map[string]int{"quarantine": 1, "reject": 2}

// readiness says whether the domain can ask for a policy.
func (s *Summary) readiness(policy string, days int, lost int64) Readiness {
	r := Readiness{Policy: policy, Obstacles: []string{}}
	r.Already = strictness[s.Policy.P] >= strictness[policy] && s.Policy.Testing != "y" && (s.Policy.Percent == "" || s.Policy.Percent == "100")
	type failing struct {
		source *Source
		n      int64
	}
	var all []failing
	for _, src := range s.Sources {
		n := int64(0)
		for _, c := range Causes() {
			mine := src.mine(c)
			r.Mine += mine
			if c != Passed && c != Relayed {
				n += mine
			}
		}
		if n > 0 {
			all = append(all, failing{src, n})
			r.Lost += n
		}
		r.Forwarded += src.Causes[Forwarded]
	}
	slices.SortStableFunc(all, func(a, b failing) int { return cmp.Compare(b.n, a.n) })
	if s.Messages == 0 {
		r.Obstacles = append(r.Obstacles, "there is no report about "+s.Domain)
		return r
	}
	if s.Days < days {
		r.Obstacles = append(r.Obstacles, fmt.Sprintf("days with reports: %d; %d are needed, so that rare mail is seen too", s.Days, days))
	}
	if r.Mine == 0 {
		r.Obstacles = append(r.Obstacles, "no message passed: nothing shows that your own mail would")
	}
	if r.Lost*1000 > r.Mine*lost {
		r.Obstacles = append(r.Obstacles, fmt.Sprintf("%d of %d messages that are probably yours fail (%s); at most %s should", r.Lost, r.Mine, percentAbove(r.Lost, r.Mine, lost), percent(lost, 1000)))
		for i, f := range all {
			if i == 5 {
				r.Obstacles = append(r.Obstacles, fmt.Sprintf("and those of %d further sources", len(all)-i))
				break
			}
			r.Obstacles = append(r.Obstacles, fmt.Sprintf("%d of %s", f.n, f.source.Name))
		}
	}
	r.Ready = len(r.Obstacles) == 0
	return r
}

// percentAbove returns a share that is above so many in a thousand, with as many digits as
// show it.
func percentAbove(n, of, thousandths int64) string {
	text := ""
	for digits := 1; digits < 10; digits++ {
		text = fmt.Sprintf("%.*f%%", digits, float64(n)*100/float64(of))
		if text != fmt.Sprintf("%.*f%%", digits, float64(thousandths)/10) {
			break
		}
	}
	return text
}

// percent returns a share.
func percent(n, of int64) string {
	if of == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", float64(n)*100/float64(of))
}
