package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// senderNames are names for the identities of sender domains.
var senderNames = map[string]string{result.SenderMailFrom: "MAIL FROM", result.SenderAuthor: "the author"}

// trace collects the events of one message.
type trace struct{ events []result.Event }

func (t *trace) add(what, check, format string, args ...any) {
	t.events = append(t.events, result.Event{What: what, Check: check, Text: foreign.Line(fmt.Sprintf(format, args...), 700)})
}

// Trace returns the findings about a message as events for a person to read.
func Trace(res *result.Results) []result.Event {
	t := &trace{}
	t.message(res)
	if res.IPRev.Status != "" {
		t.iprev(res)
	}
	if res.Exempt != "" {
		return t.events
	}
	for _, r := range res.SPF {
		t.spf(res, r)
	}
	t.dkim(res)
	t.arc(res.ARC)
	t.dmarc(res)
	for _, d := range res.SenderDomains {
		t.add("mx", result.CheckMX, "%s, the domain of %s: %s", d.Domain, senderNames[d.Identity], withReason(string(d.Status), d.Reason))
	}
	t.judgement(res)
	return t.events
}

// TraceEarly is Trace for what is known before the message is sent.
func TraceEarly(res *result.Results) []result.Event {
	t := &trace{}
	t.message(res)
	t.iprev(res)
	for _, r := range res.SPF {
		t.spf(res, r)
	}
	return t.events
}

func (t *trace) message(res *result.Results) {
	say := func(format string, args ...any) { t.add("message", result.CheckMessage, format, args...) }
	ip := res.Client.IP
	if ip == "" {
		ip = "of unknown address"
	}
	if c := res.Client; c.Relay != "" {
		say("the trusted relay %s, which calls itself %s, brings the message; its Received fields are believed through %s", c.Relay, cmp.Or(c.RelayHelo, "nothing"), count(c.Hops, "trusted hop"))
		if c.Hidden != "" {
			say("%s", HiddenClient(c.Hidden))
		}
	}
	from := "gives the sender <" + res.MailFrom + ">"
	if res.MailFromUnknown {
		from = "no sender was given"
	}
	say("the client %s calls itself %s (HELO) and %s (MAIL FROM)", ip, cmp.Or(res.Client.Helo, "nothing"), from)
	switch {
	case res.Exempt != "":
	case res.MailFromUnknown:
		say("without a sender it is taken for a bounce: SPF has the HELO name alone to go by")
	case res.MailFrom == "":
		say("this is the null sender of a bounce: SPF has the HELO name alone to go by")
	}
	switch {
	case res.Exempt != "":
		say("nothing is checked: %s", res.Exempt)
	case res.Oversize != "":
		say("the message is not evaluated: %s", res.Oversize)
	case res.Author.Domain != "" && len(res.Author.Mailboxes) > 0:
		m := res.Author.Mailboxes[0]
		say("the reader sees %s@%s as author (From): the Author Domain is %s", m.Local, m.Domain, res.Author.Domain)
	case res.Author.Problem != "":
		say("%s", AuthorProblem(res.Author))
	}
	if len(res.Author.Oddities) > 0 {
		say("%s", AuthorOddities(res.Author))
	}
	for _, f := range res.Faults {
		say("Postvet itself failed: %s", f)
	}
	if n := len(res.Claims); n > 0 {
		say("%s written in our name by the sender will be removed", count(n, "field"))
	}
}

func (t *trace) iprev(res *result.Results) {
	r := res.IPRev
	text := string(r.Status)
	switch r.Status {
	case iprev.Pass:
		text += ": " + r.Reason
	case iprev.TempError:
		text += ": could not be checked, " + r.Reason
	default:
		text += ": " + r.Reason + "; this alone fails nobody"
	}
	t.add("iprev", result.CheckIPRev, "%s", text)
}

func (t *trace) spf(res *result.Results, r spf.Result) {
	check := result.CheckOf(r.Identity)
	text := string(r.Status)
	if r.Mechanism != "" && r.Mechanism != "default" {
		text += ", decided by " + r.Mechanism
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	if r.Domain == "" || len(r.Steps) == 0 { // the journal keeps no steps
		t.add("spf", check, "%s", text)
		return
	}
	t.add("spf", check, "may %s send for %s?", res.Client.IP, r.Domain)
	for _, s := range r.Steps {
		t.add("spf", check, "%s%s", strings.Repeat("  ", s.Depth+1), s.Text)
	}
	if r.Lookups > 0 && r.Status != spf.PermError {
		text += fmt.Sprintf(" (%d of 10 DNS lookups)", r.Lookups)
	}
	t.add("spf", check, "%s", text)
	if r.Explanation != "" {
		t.add("spf", check, "the domain explains: %s", r.Explanation)
	}
}
