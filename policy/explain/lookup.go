package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Lookup returns a description of a lookup: the question, the answer, and the time it
// took unless it came from the cache.
func Lookup(name string, t dnscache.Type, a *dnscache.Answer, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", t, foreign.Line(name, 255))
	if a.Outcome != dnscache.Found {
		b.WriteString(outcome(a, t))
	}
	var values []string
	for _, s := range a.TXT {
		values = append(values, `"`+foreign.Line(s, 200)+`"`)
	}
	for _, ip := range a.Addrs {
		values = append(values, ip.String())
	}
	for _, m := range a.MX {
		values = append(values, fmt.Sprintf("%d %s", m.Preference, foreign.Line(m.Host, 255)))
	}
	for _, n := range a.Names {
		values = append(values, foreign.Line(n, 255))
	}
	const most = 8
	if n := len(values); n > most {
		values = append(values[:most], fmt.Sprintf("and %d more", n-most))
	}
	b.WriteString(strings.Join(values, ", "))
	if a.Canonical != "" {
		b.WriteString(" at " + foreign.Line(a.Canonical, 255))
	}
	if a.Err != nil && a.Outcome.Temporary() {
		b.WriteString(" (" + foreign.Line(a.Err.Error(), 200) + ")")
	}
	switch {
	case a.Stale:
		b.WriteString(" (outdated, from the cache: the servers do not answer)")
	case a.Cached:
		b.WriteString(" (from the cache)")
	default:
		fmt.Fprintf(&b, " (%.1f ms)", float64(took.Microseconds())/1000)
	}
	return b.String()
}

// outcome returns a description of a lookup that found no record.
func outcome(a *dnscache.Answer, t dnscache.Type) string {
	if a.Bogus() {
		return "failed, the records do not pass DNSSEC validation and may be forged"
	}
	switch a.Outcome {
	case dnscache.NXDomain:
		return "no such name"
	case dnscache.NoData:
		return "the name has no " + t.String() + " record"
	case dnscache.ServFail:
		return "failed, the domain's servers do not work (SERVFAIL)"
	case dnscache.Refused:
		return "failed, the resolver refuses to answer"
	case dnscache.Timeout:
		return "failed, no answer in time"
	}
	return a.Outcome.String()
}
