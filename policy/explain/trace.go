package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// senderNames tell a person whose domain it is.
var senderNames = map[string]string{result.SenderMailFrom: "MAIL FROM", result.SenderAuthor: "the author"}

// tale collects what is told of one message.
type tale struct{ events []result.Event }

func (t *tale) tell(what, check, format string, args ...any) {
	t.events = append(t.events, result.Event{What: what, Check: check, Text: foreign.Line(fmt.Sprintf(format, args...), 700)})
}

// story tells what was found, for the trace.
func Trace(res *result.Results) []result.Event {
	t := &tale{}
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
		t.tell("mx", result.CheckMX, "%s, the domain of %s: %s", d.Domain, senderNames[d.Identity], Sentence(string(d.Status), d.Reason))
	}
	return t.events
}

func (t *tale) message(res *result.Results) {
	say := func(format string, args ...any) { t.tell("message", result.CheckMessage, format, args...) }
	ip := res.Client.IP
	if ip == "" {
		ip = "of unknown address"
	}
	if c := res.Client; c.Relay != "" {
		say("the trusted relay %s brings it, which calls itself %s; its Received fields are believed through %s", c.Relay, cmp.Or(c.RelayHelo, "nothing"), count(c.Hops, "trusted hop"))
		if c.Hidden != "" {
			say("%s", HiddenClient(c.Hidden))
		}
	}
	say("the client %s calls itself %s (HELO) and gives the sender <%s> (MAIL FROM)", ip, cmp.Or(res.Client.Helo, "nothing"), res.MailFrom)
	if res.MailFrom == "" && res.Exempt == "" {
		say("that is the null sender of a bounce: SPF has the HELO name alone to go by")
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
	for _, f := range res.Faults {
		say("Postvet itself failed: %s", f)
	}
	if n := len(res.Claims); n > 0 {
		say("%s written in our name by the sender will be removed", count(n, "field"))
	}
}

func (t *tale) iprev(res *result.Results) {
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
	t.tell("iprev", result.CheckIPRev, "%s", text)
}

func (t *tale) spf(res *result.Results, r spf.Result) {
	check := result.CheckOf(r.Identity)
	if r.Domain == "" || len(r.Steps) == 0 {
		t.tell("spf", check, "%s: %s", r.Status, r.Reason)
		return
	}
	t.tell("spf", check, "may %s send for %s?", res.Client.IP, r.Domain)
	for _, s := range r.Steps {
		t.tell("spf", check, "%s%s", strings.Repeat("  ", s.Depth+1), s.Text)
	}
	text := string(r.Status)
	if r.Mechanism != "" && r.Mechanism != "default" {
		text += ", decided by " + r.Mechanism
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	if r.Lookups > 0 && r.Status != spf.PermError {
		text += fmt.Sprintf(" (%d of 10 DNS look-ups)", r.Lookups)
	}
	t.tell("spf", check, "%s", text)
	if r.Explanation != "" {
		t.tell("spf", check, "the domain explains: %s", r.Explanation)
	}
}

func (t *tale) dkim(res *result.Results) {
	say := func(format string, args ...any) { t.tell("dkim", result.CheckDKIM, format, args...) }
	if len(res.DKIM) == 0 && res.Oversize == "" {
		say("none: the message is not signed")
	}
	for i, r := range res.DKIM {
		head := fmt.Sprintf("signature %d of %d, by %s", i+1, len(res.DKIM), cmp.Or(r.Domain, "nothing"))
		if r.Selector != "" {
			head += ", selector " + r.Selector
		}
		if r.Algorithm != "" {
			head += ", " + r.Algorithm
		}
		if r.KeyBits > 0 {
			head += fmt.Sprintf(", key of %d bits", r.KeyBits)
		}
		say("%s", head)
		for _, line := range signatureLines(res, r) {
			say("  %s", line)
		}
	}
}

// signatureLines tell what became of one signature.
func signatureLines(res *result.Results, r dkim.Result) []string {
	var lines []string
	if r.Status == dkim.Pass {
		lines = append(lines, "pass: signed header fields and body are as "+r.Domain+" signed them")
	} else {
		lines = append(lines, string(r.Status)+": "+r.Reason)
	}
	if more := failureWords[r.Failure]; more != "" {
		lines = append(lines, more)
	}
	lines = append(lines, r.Diagnosis...)
	if status, reason := res.Counts(r); status != r.Status {
		lines = append(lines, "counts as "+string(status)+": "+reason+", and anybody may have added it")
	}
	if r.Testing {
		lines = append(lines, "the key is marked as being tested (t=y); that changes nothing for us")
	}
	return lines
}

// failureWords say what a kind of failure means to an administrator, where the
// reason does not say it all.
var failureWords = map[dkim.Failure]string{
	dkim.FailureKeyMissing:  "the DNS states that there is no such key: it was never published, was taken away too early, or the selector is made up",
	dkim.FailureKeyRevoked:  "the owner withdrew the key (its p= is empty): what is signed with it no longer counts",
	dkim.FailureKeyBroken:   "the owner must repair the record; until then nothing signed with it counts",
	dkim.FailureKeyShort:    "such a key can be broken, so its signatures prove nothing (RFC 8301); the signer must move to a longer one",
	dkim.FailureAlgorithm:   "signatures that can be forged or that nobody can read prove nothing (RFC 8301); the signer must use rsa-sha256 or ed25519-sha256",
	dkim.FailureExpired:     "the message was under way for too long, or somebody sends an old one again",
	dkim.FailureNotYetValid: "a clock is wrong, the signer's or ours",
	dkim.FailureBodyShort:   "a part of the signed body is missing",
	dkim.FailureDNS:         "whether the signature is valid is unknown; this is no evidence against the message",
}

func (t *tale) arc(r arc.Result) {
	say := func(format string, args ...any) { t.tell("arc", result.CheckARC, format, args...) }
	if r.Status == arc.None {
		say("none: nobody who handed the message on left a record of it")
		return
	}
	for _, s := range r.Sets {
		say("set %d, sealed by %s, which saw: %s", s.Instance, cmp.Or(s.Sealer, "nothing"), strings.TrimPrefix(s.Results, fmt.Sprintf("i=%d; ", s.Instance)))
		say("  %s; %s", seal("the seal", s.Seal), seal("the message signature", s.Message))
	}
	switch {
	case r.Status != arc.Pass:
		say("%s: %s; what the sets say does not count", r.Status, r.Reason)
	case r.OldestPass > 0:
		say("pass: the chain is unbroken; the message is unchanged since set %d and was changed before", r.OldestPass)
	default:
		say("pass: the chain is unbroken, and the message is unchanged since its first set")
	}
	if r.Status == arc.Pass {
		say("that is worth as much as its sealers are trusted: anybody can make a chain")
	}
}

func seal(what, problem string) string {
	if problem == "" {
		return what + " is valid"
	}
	return what + ": " + problem
}

func (t *tale) dmarc(res *result.Results) {
	say := func(format string, args ...any) { t.tell("dmarc", result.CheckDMARC, format, args...) }
	d := res.DMARC
	if w := d.Walk; w != nil {
		for i, s := range w.Steps {
			say("step %d, %s: %s", i+1, s.Name, s.Why)
		}
		if w.OrganizationalDomain != "" {
			say("the organizational domain of %s is %s", w.Domain, w.OrganizationalDomain)
		}
		if w.Record != nil {
			say("the record that governs, at _dmarc.%s: %s", w.RecordDomain, w.Record.Text)
			for _, p := range w.Record.Problems {
				say("  its owner should repair: %s", p)
			}
		}
	}
	if text := policyOrigin(d); text != "" {
		say("%s", text)
	}
	for _, a := range d.Identifiers {
		say("%s, %s", identifier(a), alignmentWords(a))
	}
	say("%s", strings.TrimSuffix(string(d.Status)+": "+d.Reason, ": "))
	if d.Suspected != "" {
		say("what could be seen above the trouble asks for %s", d.Suspected)
	}
}

func identifier(a dmarc.Aligned) string {
	if a.Method == "spf" {
		return fmt.Sprintf("SPF %s for %s", a.Status, cmp.Or(a.Domain, "nothing"))
	}
	return fmt.Sprintf("DKIM %s for %s", a.Status, cmp.Or(a.Domain, "nothing"))
}

func alignmentWords(a dmarc.Aligned) string {
	switch {
	case a.Alignment == "yes" && a.Status == "pass":
		return "aligned: " + a.Why
	case a.Alignment == "yes":
		return "would be aligned if it had passed: " + a.Why
	case a.Alignment == "no":
		return "not aligned: " + a.Why
	}
	return "alignment not known: " + a.Why
}

// policyOrigin tells what the record asks for, by which of its tags, and what
// t=y makes of it; "" without a record.
func policyOrigin(d dmarc.Result) string {
	if d.Policy == "" {
		return ""
	}
	text := fmt.Sprintf("the record asks for %q", string(d.Policy))
	switch d.PolicyTag {
	case "p":
		text += " (p=)"
		if d.RecordDomain != d.AuthorDomain {
			text += ", which goes for its subdomains too"
		}
	case "sp":
		text += ", as " + d.AuthorDomain + " is a subdomain (sp=)"
	case "np":
		text += ", as " + d.AuthorDomain + " does not exist (np=)"
	}
	if d.Testing {
		text += "; the owner is still testing (t=y), which makes it one step milder than published"
	}
	return text
}

// TraceVerdict tells how a decision came about, as the last part of the trace
// of the message. It is a pure function.
func TraceVerdict(res *result.Results, v *result.Verdict) []result.Event {
	t := &tale{}
	say := func(format string, args ...any) { t.tell("policy", result.CheckPolicy, format, args...) }
	say("the rule %q decides: %s", v.Rule, v.Intended)
	for _, w := range v.Why {
		say("  %s", w)
	}
	for _, m := range v.Matched {
		if m.Action == "" && !m.Monitor {
			say("the rule %q matches and edits the header", m.Rule)
		}
	}
	for _, h := range v.Hints {
		say("hint %s: %s", h.Word, h.Text)
	}
	if v.Code != "" {
		say("the client is told: %s %s", v.Code, v.Text)
	}
	var at float64
	for _, e := range res.Trace {
		at = max(at, e.AtMS)
	}
	for i := range t.events {
		t.events[i].AtMS = at
	}
	return t.events
}

func done(a result.Action) string {
	switch a {
	case result.Accept:
		return "accepted"
	case result.Quarantine:
		return "held"
	case result.Reject:
		return "rejected"
	case result.TempFail:
		return "deferred"
	case result.Redirect:
		return "redirected"
	case result.Discard:
		return "discarded"
	}
	return string(a)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
