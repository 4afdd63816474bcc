package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/spf"
)

// The words of Event.Check. A trace tells them in this order.
const (
	checkMessage  = "message"
	checkIPRev    = "iprev"
	checkHelo     = "spf helo"
	checkMailFrom = "spf mailfrom"
	checkDKIM     = "dkim"
	checkARC      = "arc"
	checkDMARC    = "dmarc"
	checkMX       = "mx"
	checkPolicy   = "policy"
)

func checkOf(i spf.Identity) string {
	if i == spf.HELO {
		return checkHelo
	}
	return checkMailFrom
}

// Section is the part of a trace that tells of one check: its look-ups in the
// order in which they ended, then what came of them.
type Section struct {
	// Title says what was asked.
	Title  string
	Events []Event
}

// sections are the titles of a trace's parts, in order.
var sections = []struct{ check, title string }{
	{checkMessage, "Who sends what"},
	{checkIPRev, "Reverse DNS: does the client's name lead back to its address?"},
	{checkHelo, "SPF of HELO: may the client use the name it gave?"},
	{checkMailFrom, "SPF of MAIL FROM: may the client send for the domain of the envelope?"},
	{checkDKIM, "DKIM: who signed the message, and is it as it was signed?"},
	{checkARC, "ARC: what did those see through whose hands it went?"},
	{checkDMARC, "DMARC: does any of this speak for the author's domain, and what does that ask for?"},
	{checkMX, "Mail exchangers: do the sender's domains accept mail?"},
	{checkPolicy, "What is done"},
}

// Sections puts a trace, whose checks ran side by side, into the order of a
// story. Checks of which there is nothing to tell are left out.
func Sections(trace []Event) []Section {
	var list []Section
	for _, s := range sections {
		part := Section{Title: s.title}
		for _, e := range trace {
			if e.Check == s.check {
				part.Events = append(part.Events, e)
			}
		}
		slices.SortStableFunc(part.Events, func(a, b Event) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.AtMS, b.AtMS))
		})
		if len(part.Events) > 0 {
			list = append(list, part)
		}
	}
	return list
}

func rank(e Event) int {
	if e.What == "dns" {
		return 0
	}
	return 1
}

// describeLookup tells one look-up: the question, the answer, and where that
// came from or how long it took.
func describeLookup(name string, t dnscache.Type, a *dnscache.Answer, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", t, printable(name, 255))
	if a.Outcome != dnscache.Found {
		b.WriteString(outcome(a.Outcome, t))
	}
	var values []string
	for _, s := range a.TXT {
		values = append(values, `"`+printable(s, 200)+`"`)
	}
	for _, ip := range a.Addrs {
		values = append(values, ip.String())
	}
	for _, m := range a.MX {
		values = append(values, fmt.Sprintf("%d %s", m.Preference, printable(m.Host, 255)))
	}
	for _, n := range a.Names {
		values = append(values, printable(n, 255))
	}
	const most = 8
	if n := len(values); n > most {
		values = append(values[:most], fmt.Sprintf("and %d more", n-most))
	}
	b.WriteString(strings.Join(values, ", "))
	if a.Canonical != "" {
		b.WriteString(" at " + printable(a.Canonical, 255))
	}
	if a.Err != nil && a.Outcome.Temporary() {
		b.WriteString(" (" + printable(a.Err.Error(), 200) + ")")
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

// outcome says in words what a look-up without a record ended in.
func outcome(o dnscache.Outcome, t dnscache.Type) string {
	switch o {
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
	return o.String()
}
