package explain

import (
	"cmp"
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// Section is the part of a trace about one check: its lookups in the order in which they
// ended, and then its findings.
type Section struct {
	// Title is the question that the check answers.
	Title  string
	Events []result.Event
}

// sections are the checks with their titles, in order.
var sections = []struct{ check, title string }{
	{result.CheckMessage, "Who sends what"},
	{result.CheckIPRev, "Reverse DNS: does the client's name lead back to its address?"},
	{result.CheckHelo, "SPF of HELO: may the client use the name it gave?"},
	{result.CheckMailFrom, "SPF of MAIL FROM: may the client send for the domain of the envelope?"},
	{result.CheckDKIM, "DKIM: who signed the message, and is it unchanged since?"},
	{result.CheckARC, "ARC: what did those see who handed the message on?"},
	{result.CheckDMARC, "DMARC: does any of this speak for the author's domain, and what does the domain ask for?"},
	{result.CheckMX, "Mail exchangers: do the sender's domains accept mail?"},
	{result.CheckJudgement, "Judgement: is it a forgery, or indirect mail?"},
	{result.CheckPolicy, "What is done"},
}

// Sections returns a trace sorted by check, since checks run concurrently. It leaves out
// checks without events.
func Sections(trace []result.Event) []Section {
	var list []Section
	for _, s := range sections {
		part := Section{Title: s.title}
		for _, e := range trace {
			if e.Check == s.check {
				part.Events = append(part.Events, e)
			}
		}
		slices.SortStableFunc(part.Events, func(a, b result.Event) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.AtMS, b.AtMS))
		})
		if len(part.Events) > 0 {
			list = append(list, part)
		}
	}
	return list
}

func rank(e result.Event) int {
	if e.What == "dns" {
		return 0
	}
	return 1
}
