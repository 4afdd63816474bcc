// Package resulttext puts the results of a message into lines for a person, and into the
// object that scripts read.
package resulttext

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Line is a line about a message: what it is about, the result or the action, "" for none,
// and details. Strangers wrote most of its texts. A line without a name goes on with what the
// line before is about.
type Line struct {
	Name    string   `json:"name"`
	Result  string   `json:"result"`
	Details []string `json:"details"`
}

// Lines returns what is known of a message. The opinions are those of another verifier, and
// the notes stand first.
func Lines(r *result.Report, opinions []dkim.Opinion, notes []string) []Line {
	l := &lines{}
	for _, n := range notes {
		l.line("note", "", n)
	}
	client := cmp.Or(r.Client.IP, "address not given")
	if r.Client.PTR != "" {
		client += " (" + r.Client.PTR + ")"
	}
	if r.Client.Hidden != "" {
		l.line("client", "", "not known: "+r.Client.Hidden)
	} else {
		l.line("client", "", client, "HELO "+cmp.Or(r.Client.Helo, "not given"))
	}
	if r.Client.Relay != "" {
		l.line("relay", "", r.Client.Relay, "HELO "+cmp.Or(r.Client.RelayHelo, "not given"), fmt.Sprintf("%d trusted", r.Client.Hops))
	}
	sender := cmp.Or(r.MailFrom, "<>")
	if r.MailFromUnknown {
		sender = "not given"
	}
	l.line("sender", "", "MAIL FROM "+sender, given("as user %s", r.User))
	if author := cmp.Or(r.Author.Domain, r.Author.Problem); author != "" {
		l.line("author", "", author)
	}
	if r.Exempt != "" {
		l.line("exempt", "", r.Exempt)
	} else {
		l.methods(r)
		l.opinions(opinions)
	}
	for _, f := range r.Faults {
		l.line("fault", "", f)
	}
	l.signing(r.Signing)
	l.sealing(r.Sealing)
	l.verdict(&r.Verdict)
	if s := r.Shadow; s != nil {
		l.line("shadow", string(s.Action), strings.TrimSpace(s.Code+" "+s.Text), "rule "+s.Rule, given("to %s", s.RedirectTo),
			map[bool]string{false: "the same in effect"}[s.Differs(r.Verdict)])
	}
	l.line("dns", "", fmt.Sprintf("%d lookups, %d without an answer, %.1f ms", r.DNS.Lookups, r.DNS.Failed, r.DNS.WaitMS))
	if len(r.Claims) > 0 {
		l.line("removed", "", layout.Count(len(r.Claims), "field")+" in our name")
	}
	return *l
}

// lines are lines that grow.
type lines []Line

// line adds a line with the details that are not empty.
func (l *lines) line(name, result string, details ...string) {
	some := []string{}
	for _, d := range details {
		if d != "" {
			some = append(some, d)
		}
	}
	*l = append(*l, Line{name, result, some})
}

// methods adds the results of the methods.
func (l *lines) methods(r *result.Report) {
	l.line("iprev", string(r.IPRev.Status), r.IPRev.Name, r.IPRev.Reason)
	for _, s := range r.SPF {
		if heloNotGiven(r.Results, s) {
			l.line("spf", string(s.Status), "HELO not given")
			continue
		}
		l.line("spf", string(s.Status), describeSPF(s)...)
	}
	for _, d := range r.DKIM {
		d.Status, d.Reason = r.Counts(d)
		l.line("dkim", string(d.Status), describeDKIM(d)...)
	}
	if len(r.DKIM) == 0 {
		l.line("dkim", "none", noSignature(r))
	}
	l.line("arc", string(r.ARC.Status), describeARC(r.ARC)...)
	l.line("dmarc", string(r.DMARC.Status), describeDMARC(r)...)
	for _, d := range r.SenderDomains {
		l.line("mx", string(d.Status), d.Identity+" "+d.Domain, d.Reason)
	}
}

// signing adds whether the message would be signed, and with what it would be changed.
func (l *lines) signing(s *result.Signing) {
	if s == nil {
		return
	}
	if s.Reason != "" {
		l.line("sign", "", "not signed: "+string(s.Reason), s.Detail, given("mail of our users by %s", s.Origin))
		return
	}
	if d := s.DryRun; d != nil {
		l.line("sign", "", "not signed, as this is a dry run: we would sign as "+s.Domain+" by selector "+s.Selector, d.Outcome, d.Detail, given("mail of our users by %s", s.Origin))
		return
	}
	var names []string
	for _, f := range s.Fields {
		if parsed, err := dkim.ParseSignature(f); err == nil {
			names = parsed.SignedFields
		}
	}
	l.line("sign", "", "signed as "+s.Domain+" by selector "+s.Selector+given(", and as %s", strings.Join(s.Also, ", ")), given("mail of our users by %s", s.Origin), given("fields %s", strings.Join(names, ":")), given("without an Ed25519 signature: %s", s.Without))
	for _, f := range s.Append {
		l.line("add", "", strings.TrimSuffix(f.Raw, "\r\n"))
	}
	for _, c := range s.Change {
		l.line("fold", "", fmt.Sprintf("%s %d, whose lines are too long for mail servers", c.Name, c.Occurrence))
	}
	for _, r := range s.Remove {
		l.line("remove", "", fmt.Sprintf("%s %d, a signature of our own that does not verify any more", r.Name, r.Occurrence))
	}
}

// sealing adds whether the message would be sealed.
func (l *lines) sealing(s *result.Sealing) {
	switch {
	case s == nil:
	case s.Reason != "":
		l.line("seal", "", "not sealed: "+string(s.Reason), s.Detail)
	default:
		source := "the results of this check"
		if s.HandedOn {
			source = "the results in the message's own fields"
		}
		l.line("seal", "", fmt.Sprintf("sealed as %s by selector %s", s.Domain, s.Selector), fmt.Sprintf("set %d, cv=%s", s.Instance, s.Chain), "with "+source)
	}
}

// verdict adds the action, its reasons, and the likely causes of a failure.
func (l *lines) verdict(v *result.Verdict) {
	l.line("verdict", string(v.Action), strings.TrimSpace(v.Code+" "+v.Text), "rule "+v.Rule,
		given("overridden by %s", v.OverridesText()), given("not overridden by %s", v.RefusedText()),
		given("to %s", v.RedirectTo))
	for _, f := range v.Faults {
		l.line("fault", "", f)
	}
	for _, m := range v.Matched {
		if m.Rule != v.Rule {
			l.line("matched", "", "rule "+m.Rule, Match(m))
		}
	}
	name := "why"
	for _, s := range v.Why {
		l.line(name, "", s)
		name = ""
	}
	name = "hint"
	for _, h := range v.Hints {
		l.line(name, "", h.Text+" ("+string(h.Word)+")")
		name = ""
	}
}

// opinions adds the second opinion on each signature.
func (l *lines) opinions(list []dkim.Opinion) {
	for _, o := range list {
		agrees := "agrees with ours"
		if !o.Agrees {
			agrees = "differs from ours"
		}
		l.line("second", string(o.Result), "go-msgauth", cmp.Or(o.Domain, "no domain"), agrees, o.Reason)
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

// Match says what a custom rule did that matched and did not decide.
func Match(m result.RuleMatch) string {
	switch {
	case m.Monitor && m.Action != "":
		return "noted only; it would " + string(m.Action)
	case m.Monitor:
		return "noted only"
	}
	return "edits the header"
}

func noSignature(r *result.Report) string {
	if WithoutMessage(r) {
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

// given returns a text with what is in it, "" without that.
func given(format, s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(format, s)
}

// WithoutMessage reports whether a report is about a client alone.
func WithoutMessage(r *result.Report) bool { return r.Verdict.Rule == trial.RuleNoMessage }
