package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// writeReport prints a report for a person. Strangers wrote most of its texts, so
// each of them is made harmless for the terminal.
func writeReport(w io.Writer, r *result.Report, opinions []dkim.Opinion, notes []string, trace bool, s layout.Screen) error {
	p := page{Screen: s}
	for _, n := range notes {
		p.line("note", "", n)
	}
	client := cmp.Or(r.Client.IP, "address not given")
	if r.Client.PTR != "" {
		client += " (" + r.Client.PTR + ")"
	}
	if r.Client.Hidden != "" {
		p.line("client", "", "not known: "+r.Client.Hidden)
	} else {
		p.line("client", "", client, "HELO "+cmp.Or(r.Client.Helo, "not given"))
	}
	if r.Client.Relay != "" {
		p.line("relay", "", r.Client.Relay, "HELO "+cmp.Or(r.Client.RelayHelo, "not given"), fmt.Sprintf("%d trusted", r.Client.Hops))
	}
	sender := cmp.Or(r.MailFrom, "<>")
	if r.MailFromUnknown {
		sender = "not given"
	}
	p.line("sender", "", "MAIL FROM "+sender, given("as user %s", r.User))
	if author := cmp.Or(r.Author.Domain, r.Author.Problem); author != "" {
		p.line("author", "", author)
	}
	if r.Exempt != "" {
		p.line("exempt", "", r.Exempt)
	} else {
		p.methods(r)
		p.opinions(opinions)
	}
	for _, f := range r.Faults {
		p.line("fault", "", f)
	}
	p.signing(r.Signing)
	p.sealing(r.Sealing)
	p.verdict(&r.Verdict)
	if s := r.Shadow; s != nil {
		p.line("shadow", string(s.Action), strings.TrimSpace(s.Code+" "+s.Text), "rule "+s.Rule, given("to %s", s.RedirectTo),
			map[bool]string{false: "the same in effect"}[s.Differs(r.Verdict)])
	}
	p.line("dns", "", fmt.Sprintf("%d lookups, %d without an answer, %.1f ms", r.DNS.Lookups, r.DNS.Failed, r.DNS.WaitMS))
	if len(r.Claims) > 0 {
		p.line("removed", "", layout.Count(len(r.Claims), "field")+" in our name")
	}
	if r.AuthenticationResults != "" {
		p.WriteString("\nAuthentication-Results: " + foreign.TerminalLines(strings.ReplaceAll(r.AuthenticationResults, "\r\n", "\n")) + "\n")
	}
	if trace {
		p.trace(r.Trace)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// page is text in columns.
type page struct {
	strings.Builder
	layout.Screen
}

// resultStyle are the colours of results and actions; others have none.
var resultStyle = map[string]layout.Style{
	"pass": layout.Green, "accept": layout.Green,
	"fail": layout.Red, "reject": layout.Red, "discard": layout.Red,
	"softfail": layout.Yellow, "policy": layout.Yellow, "temperror": layout.Yellow, "permerror": layout.Yellow, "neutral": layout.Yellow,
	"quarantine": layout.Yellow, "tempfail": layout.Yellow, "redirect": layout.Yellow,
}

// The columns of a page: the name of a method, then its result.
const (
	nameColumn   = 9
	resultColumn = 11
)

// line writes a method, its result, and the details that are not empty.
func (p *page) line(name, result string, details ...string) {
	var some []string
	for _, d := range details {
		if d != "" {
			some = append(some, foreign.Terminal(d, foreign.Whole))
		}
	}
	head := p.Paint(layout.Bold, name) + layout.Pad(name, nameColumn)
	indent := nameColumn
	if result != "" {
		result = foreign.Terminal(result, foreign.Whole)
		head += p.Paint(resultStyle[result], result) + layout.Pad(result, resultColumn)
		indent += resultColumn
	}
	p.WriteString(strings.TrimRight(head+p.Wrap(strings.Join(some, "; "), indent, indent), " ") + "\n")
}

// methods writes the results of the methods.
func (p *page) methods(r *result.Report) {
	p.line("iprev", string(r.IPRev.Status), r.IPRev.Name, r.IPRev.Reason)
	for _, s := range r.SPF {
		if heloNotGiven(r.Results, s) {
			p.line("spf", string(s.Status), "HELO not given")
			continue
		}
		p.line("spf", string(s.Status), describeSPF(s)...)
	}
	for _, d := range r.DKIM {
		d.Status, d.Reason = r.Counts(d)
		p.line("dkim", string(d.Status), describeDKIM(d)...)
	}
	if len(r.DKIM) == 0 {
		p.line("dkim", "none", noSignature(r))
	}
	p.line("arc", string(r.ARC.Status), describeARC(r.ARC)...)
	p.line("dmarc", string(r.DMARC.Status), describeDMARC(r)...)
	for _, d := range r.SenderDomains {
		p.line("mx", string(d.Status), d.Identity+" "+d.Domain, d.Reason)
	}
}

// signing writes whether the message would be signed, and with what it would be changed.
func (p *page) signing(s *result.Signing) {
	if s == nil {
		return
	}
	if s.Reason != "" {
		p.line("sign", "", "not signed: "+string(s.Reason), s.Detail, given("mail of our users by %s", s.Origin))
		return
	}
	if d := s.DryRun; d != nil {
		p.line("sign", "", "not signed, as this is a dry run: we would sign as "+s.Domain+" by selector "+s.Selector, d.Outcome, d.Detail, given("mail of our users by %s", s.Origin))
		return
	}
	var names []string
	for _, f := range s.Fields {
		if parsed, err := dkim.ParseSignature(f); err == nil {
			names = parsed.SignedFields
		}
	}
	p.line("sign", "", "signed as "+s.Domain+" by selector "+s.Selector+given(", and as %s", strings.Join(s.Also, ", ")), given("mail of our users by %s", s.Origin), given("fields %s", strings.Join(names, ":")), given("without an Ed25519 signature: %s", s.Without))
	for _, f := range s.Append {
		p.line("add", "", strings.TrimSuffix(f.Raw, "\r\n"))
	}
	for _, c := range s.Change {
		p.line("fold", "", fmt.Sprintf("%s %d, whose lines are too long for mail servers", c.Name, c.Occurrence))
	}
	for _, r := range s.Remove {
		p.line("remove", "", fmt.Sprintf("%s %d, a signature of our own that does not verify any more", r.Name, r.Occurrence))
	}
}

// sealing writes whether the message would be sealed.
func (p *page) sealing(s *result.Sealing) {
	switch {
	case s == nil:
	case s.Reason != "":
		p.line("seal", "", "not sealed: "+string(s.Reason), s.Detail)
	default:
		source := "the results of this check"
		if s.HandedOn {
			source = "the results in the message's own fields"
		}
		p.line("seal", "", fmt.Sprintf("sealed as %s by selector %s", s.Domain, s.Selector), fmt.Sprintf("set %d, cv=%s", s.Instance, s.Chain), "with "+source)
	}
}

// verdict writes the action, its reasons, and the likely causes of a failure.
func (p *page) verdict(v *result.Verdict) {
	p.line("verdict", string(v.Action), strings.TrimSpace(v.Code+" "+v.Text), "rule "+v.Rule,
		given("overridden by %s", v.OverridesText()), given("not overridden by %s", v.RefusedText()),
		given("to %s", v.RedirectTo))
	for _, f := range v.Faults {
		p.line("fault", "", f)
	}
	for _, m := range v.Matched {
		if m.Rule != v.Rule {
			p.line("matched", "", "rule "+m.Rule, describeMatch(m))
		}
	}
	name := "why"
	for _, s := range v.Why {
		p.line(name, "", s)
		name = ""
	}
	name = "hint"
	for _, h := range v.Hints {
		p.line(name, "", h.Text+" ("+string(h.Word)+")")
		name = ""
	}
}

// trace writes a trace, check by check. A lookup has the time of its end in front, and
// its duration in the text.
func (p *page) trace(events []result.Event) {
	const timeColumn = 21
	for _, s := range explain.Sections(events) {
		p.WriteString("\n" + p.Paint(layout.Bold, s.Title) + "\n")
		for _, e := range s.Events {
			text := foreign.Terminal(e.Text, foreign.Whole)
			deeper := len(text) - len(strings.TrimLeft(text, " "))
			head := strings.Repeat(" ", timeColumn)
			if e.What == "dns" {
				head = p.Paint(layout.Faint, fmt.Sprintf("%9.1f ms", e.AtMS)) + "  dns    "
			}
			p.WriteString(head + p.Wrap(text, timeColumn, timeColumn+deeper+2) + "\n")
		}
	}
}

// opinions writes the second opinion on each signature.
func (p *page) opinions(list []dkim.Opinion) {
	for _, o := range list {
		agrees := "agrees with ours"
		if !o.Agrees {
			agrees = "differs from ours"
		}
		p.line("second", string(o.Result), "go-msgauth", cmp.Or(o.Domain, "no domain"), agrees, o.Reason)
	}
}

func describeSPF(s spf.Result) []string {
	return []string{
		strings.TrimSpace(string(s.Identity) + " " + s.Domain),
		given("by %s", s.Mechanism), s.Reason,
		given("the domain says: %s", s.Explanation),
	}
}

func describeDKIM(d dkim.Result) []string {
	bits := ""
	if d.KeyBits > 0 {
		bits = fmt.Sprintf("key of %d bits", d.KeyBits)
	}
	testing := ""
	if d.Testing {
		testing = "the domain is testing"
	}
	return []string{cmp.Or(d.Domain, "no domain"), given("selector %s", d.Selector), d.Algorithm, bits, testing, d.Reason}
}

// describeMatch returns what a custom rule did that matched and did not decide.
func describeMatch(m result.RuleMatch) string {
	switch {
	case m.Monitor && m.Action != "":
		return "noted only; it would " + string(m.Action)
	case m.Monitor:
		return "noted only"
	}
	return "edits the header"
}

func noSignature(r *result.Report) string {
	if r.Verdict.Rule == trial.RuleNoMessage {
		return trial.NoMessage
	}
	return "no signature"
}

func describeARC(a arc.Result) []string {
	var sealers []string
	for _, s := range a.Sealers {
		sealers = append(sealers, fmt.Sprintf("%d %s", s.Instance, s.Domain))
	}
	return []string{given("sealed by %s", strings.Join(sealers, ", ")), a.Reason}
}

func describeDMARC(r *result.Report) []string {
	d := r.DMARC
	var aligned []string
	if d.SPFAligned {
		aligned = append(aligned, "SPF")
	}
	if d.DKIMAligned {
		aligned = append(aligned, "DKIM")
	}
	record := ""
	if d.RecordDomain != "" {
		record = fmt.Sprintf("record at _dmarc.%s asks for %s", d.RecordDomain, cmp.Or(string(d.Policy), "nothing"))
	}
	return []string{d.AuthorDomain, record, given("aligned %s", strings.Join(aligned, " and ")), d.Reason}
}
