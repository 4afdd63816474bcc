package explain

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// ForgeryFound returns what speaks for a forgery as the end of a sentence; "" for nothing.
// A refusal has the first piece of evidence alone, for the room in a reply.
func ForgeryFound(res *result.Results) string {
	for i := range res.Evidence {
		if e := &res.Evidence[i]; e.Side == result.Forgery && e.State == result.Present {
			return "; " + foreign.Line(e.Text, 150)
		}
	}
	return ""
}

// sideNames say what a side is evidence of.
var sideNames = map[result.Side]string{result.Forgery: "a forgery", result.Indirect: "indirect mail"}

// routes say whether the Received fields lead to the client, as far as DNS was asked.
var routes = map[result.Presence]string{
	result.Present: "the Received fields may lead to the client: DNS does not show the hosts that wrote them elsewhere",
	result.Absent:  "the Received fields do not lead to the client: the hosts that wrote them are in other networks",
}

// judgement adds the evidence, and what follows from it.
func (t *trace) judgement(res *result.Results) {
	if len(res.Evidence) == 0 {
		return
	}
	say := func(format string, args ...any) { t.add("judgement", result.CheckJudgement, format, args...) }
	if res.Route != "" {
		say("%s", routes[res.Route])
	}
	for _, h := range res.Hops {
		what := "earlier hop"
		if h.IP.String() == res.Client.IP {
			what = "client"
		}
		say("may the %s %s send for %s? SPF %s", what, h.IP, h.Domain, h.Status)
		if h.Named == result.Absent {
			say("the earlier hop calls itself %s, whose addresses are elsewhere", h.Helo)
		}
	}
	var without, hidden []string
	for _, e := range res.Evidence {
		switch e.State {
		case result.Present:
			say("evidence of %s, %s: %s", sideNames[e.Side], e.Name, e.Text)
		case result.Absent:
			without = append(without, e.Name)
		default:
			hidden = append(hidden, e.Name)
		}
	}
	for _, l := range []struct {
		what  string
		names []string
	}{{"not found", without}, {"not known", hidden}} {
		if len(l.names) > 0 {
			say("%s: %s", l.what, strings.Join(l.names, ", "))
		}
	}
	if judgement.Weigh(res.Evidence) == judgement.Refuse {
		say("with policy.on_reject = \"judge\": refuse, since nothing speaks for indirect mail")
		return
	}
	say("with policy.on_reject = \"judge\": hold, since %s", whyHeld(res.Evidence))
}

// whyHeld returns why evidence does not lead to a refusal.
func whyHeld(all []result.Evidence) string {
	switch {
	case judgement.Indirect(all):
		return "it may be indirect mail"
	case len(judgement.Present(all, result.Forgery)) == 0:
		return "nothing but the failure speaks against it"
	}
	return "not all is known that may speak for indirect mail"
}

// judgement adds the sentences about evidence to a verdict that rests on it.
func (w *reasons) judgement(res *result.Results, v *result.Verdict) {
	if v.Judgement == "" {
		return
	}
	for _, side := range []result.Side{result.Forgery, result.Indirect} {
		var b strings.Builder
		for i := range res.Evidence {
			e := &res.Evidence[i]
			if e.Side != side || e.State != result.Present || b.Len() > maxSentence { // what is longer is cut
				continue
			}
			if b.Len() == 0 {
				b.Grow(maxSentence)
				b.WriteString("Evidence of " + sideNames[side] + " (" + judgement.Names(res.Evidence, side) + "): ")
			} else {
				b.WriteString("; ")
			}
			b.WriteString(e.Text)
		}
		if b.Len() > 0 {
			w.add(b.String())
		}
	}
	if v.Judgement == judgement.Refuse {
		w.say("Nothing speaks for indirect mail, so the message is refused as a forgery")
		return
	}
	w.say("So it is held and not refused, since %s", whyHeld(res.Evidence))
}
