package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func template(tb testing.TB, s string) explain.Template {
	tb.Helper()
	t, err := explain.ParseTemplate(s)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func fields(lines ...string) message.Header {
	var h message.Header
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		h = append(h, message.NewField(name, value))
	}
	return h
}

// show writes a verdict as the goldens have it.
func show(v result.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "action %s\n", v.Action)
	if v.Intended != v.Action {
		fmt.Fprintf(&b, "intended %s\n", v.Intended)
	}
	fmt.Fprintf(&b, "rule %s\n", v.Rule)
	if v.Code != "" {
		fmt.Fprintf(&b, "code %s\n", v.Code)
	}
	if v.Text != "" {
		fmt.Fprintf(&b, "text %s\n", v.Text)
	}
	for _, o := range v.Overrides {
		fmt.Fprintf(&b, "override %s\n", o)
	}
	for _, o := range v.Refused {
		fmt.Fprintf(&b, "refused %s\n", o)
	}
	for _, r := range v.Remove {
		fmt.Fprintf(&b, "remove %s %d\n", r.Name, r.Occurrence)
	}
	for _, f := range v.Insert {
		b.WriteString("insert " + strings.ReplaceAll(f.Raw, "\r\n", "\n"))
	}
	return b.String()
}

// brief is a verdict without our own field.
func brief(v result.Verdict) string {
	v.Insert = withoutResults(v.Insert)
	return show(v)
}

func withoutResults(fs []message.Field) []message.Field {
	var out []message.Field
	for _, f := range fs {
		if !f.Is(result.ResultsField) {
			out = append(out, f)
		}
	}
	return out
}

func TestCustomRules(t *testing.T) {
	t.Parallel()
	fail := []*condition.Test{test(t, "dmarc", "fail")}
	with := func(change func(*result.Results)) *result.Results {
		res := spoof(dmarc.PolicyReject)
		res.Recipients = []string{"user@test.example"}
		res.Header = fields("X-Old: 1", "From: x@bank.example", "x-old: 2")
		change(res)
		return res
	}
	plain := with(func(*result.Results) {})
	for _, tt := range []struct {
		name  string
		rules rules.Rules
		res   *result.Results
		want  string
	}{
		{
			"accept overrides reject, with evidence",
			rules.Rules{Custom: []rules.Rule{{Name: "let-in", Comment: "a known sender", Tests: fail, Action: result.Accept, Reason: result.ReasonTrustedForwarder}}},
			plain, "action accept\nrule let-in\noverride rule let-in (a known sender)\n",
		},
		{
			"reject with placeholders",
			rules.Rules{Custom: []rules.Rule{{Name: "no", Tests: fail, Action: result.Reject, Code: "554 5.7.9", Text: template(t, "{author} via {client} for {mail_from}: {reason} [{rule}] {x y}")}}},
			plain, "action reject\nrule no\ncode 554 5.7.9\ntext bank.example via 192.0.2.66 for <x@evil.example>: SPF passed, but for evil.example; no DKIM signature [no] {x y}\n",
		},
		{
			"the first that decides",
			rules.Rules{Custom: []rules.Rule{
				{Name: "other", Tests: []*condition.Test{test(t, "dmarc", "pass")}, Action: result.Reject},
				{Name: "later", If: compile(t, `from == "bank.example"`), Action: result.TempFail},
				{Name: "never-asked", Action: result.Accept},
			}},
			plain, "action tempfail\nrule later\ncode 451 4.7.1\ntext Message not accepted now by local policy, please try again later (rule later)\noverride rule later\n",
		},
		{
			"edits add up, then DMARC decides",
			rules.Rules{Custom: []rules.Rule{
				{Name: "a", Add: []rules.Addition{{Name: "X-A", Value: template(t, "{author}")}}},
				{Name: "b", Remove: []string{"X-Old"}},
			}},
			with(func(r *result.Results) { r.DMARC.Disposition = dmarc.PolicyNone }),
			"action accept\nrule dmarc-none\nremove x-claimed 1\nremove X-Old 1\nremove X-Old 2\ninsert X-A: bank.example\n",
		},
		{
			"no edits of a message that is refused",
			rules.Rules{Custom: []rules.Rule{{Name: "a", Add: []rules.Addition{{Name: "X-A", Value: template(t, "1")}}}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"quarantine held",
			rules.Rules{Quarantine: rules.QuarantineTag, Custom: []rules.Rule{{Name: "q", Action: result.Quarantine, Quarantine: rules.QuarantineHold}}},
			plain, "action quarantine\nrule q\ntext Held by local policy (rule q)\noverride rule q\n",
		},
		{
			"quarantine tagged",
			rules.Rules{Custom: []rules.Rule{{Name: "q", Action: result.Quarantine, Quarantine: rules.QuarantineTag, Text: template(t, "odd")}}},
			plain, "action accept\nintended quarantine\nrule q\ntext odd\noverride rule q\noverride rule q (tag)\ninsert X-Postvet-Quarantine: odd\n",
		},
		{
			"quarantine where the MTA cannot hold",
			rules.Rules{NoHold: true, Custom: []rules.Rule{{Name: "q", Action: result.Quarantine, Quarantine: rules.QuarantineHold, Text: template(t, "odd")}}},
			plain, "action accept\nintended quarantine\nrule q\ntext odd\noverride rule q\noverride MTA (tag)\ninsert X-Postvet-Quarantine: odd\n",
		},
		{
			"redirect",
			rules.Rules{Custom: []rules.Rule{{Name: "r", Action: result.Redirect, RedirectTo: "abuse@test.example"}}},
			plain, "action redirect\nrule r\noverride rule r\n",
		},
		{
			"discard",
			rules.Rules{Custom: []rules.Rule{{Name: "d", Action: result.Discard, Remove: []string{"X-Old"}}}},
			plain, "action discard\nrule d\noverride rule d\n",
		},
		{
			"a rule that is only noted",
			rules.Rules{Custom: []rules.Rule{{Name: "try", Action: result.Discard, Monitor: true}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"monitor accepts what a rule redirects",
			rules.Rules{Mode: rules.Monitor, Custom: []rules.Rule{{Name: "r", Action: result.Redirect, RedirectTo: "abuse@test.example"}}},
			plain, "action accept\nintended redirect\nrule r\noverride rule r\noverride mode (monitor)\n",
		},
		{
			"an expression that fails does not match",
			rules.Rules{Custom: []rules.Rule{{Name: "x", If: compile(t, `rcpts[3] == "y"`), Action: result.Accept}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"what is exempt is not shown to rules",
			rules.Rules{Custom: []rules.Rule{{Name: "all", Action: result.Discard}}},
			with(func(r *result.Results) { r.Exempt = result.ExemptAuthenticated }), "action accept\nrule exempt\ntext authenticated\n",
		},
		{
			"our own faults come first",
			rules.Rules{Custom: []rules.Rule{{Name: "all", Action: result.Accept}}},
			with(func(r *result.Results) { r.Faults = []string{"x"} }),
			"action tempfail\nrule fault\ncode 451 4.3.0\ntext The sender's authentication could not be checked because of an internal error; please try again later\n",
		},
		{
			"what cannot be removed does not pass",
			rules.Rules{Custom: []rules.Rule{{Name: "all", Action: result.Accept}}},
			with(func(r *result.Results) { r.ClaimsIncomplete = true }),
			"action tempfail\nrule unreadable\ncode 451 4.3.0\ntext The message holds more fields in the name of this server than can be removed\n",
		},
		{
			"what is forged in our name is removed all the same",
			rules.Rules{Custom: []rules.Rule{{Name: "all", Action: result.Accept}}},
			with(func(r *result.Results) { r.Claims = []result.FieldRef{{Name: result.ResultsField, Occurrence: 2}} }),
			"action accept\nrule all\noverride rule all\nremove Authentication-Results 2\n",
		},
		{
			"rules see messages without an author domain",
			rules.Rules{Custom: []rules.Rule{{Name: "amb", If: compile(t, `ambiguous`), Action: result.Reject, Text: template(t, "{author}: {reason}")}}},
			with(func(r *result.Results) { r.Author = message.Author{Problem: "two From fields"} }),
			"action reject\nrule amb\ncode 550 5.7.1\ntext unknown: the author is ambiguous: two From fields\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "edits add up, then DMARC decides" {
				tt.res.Claims = []result.FieldRef{{Name: "x-claimed", Occurrence: 1}}
			}
			if d := cmp.Diff(tt.want, brief(tt.rules.Decide(tt.res))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// A DNS failure is no evidence for a rule, unless the rule says so.
func TestCustomRulesAndTrouble(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyReject)
	res.DMARC.Status, res.DMARC.Disposition = dmarc.TempError, ""
	res.DKIM = []dkim.Result{{Domain: "bank.example", Status: dkim.TempError}, {Domain: "a.example", Status: dkim.Fail}}
	res.IPRev.Status = "temperror"
	for _, tt := range []struct {
		name string
		rule rules.Rule
		want string
	}{
		{"not pass is not fail", rules.Rule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: result.Reject}, "tempfail 451 4.4.3"},
		{"nor in an expression", rules.Rule{If: compile(t, `dmarc != "pass"`), Action: result.Reject}, "tempfail 451 4.4.3"},
		{"a missing name", rules.Rule{If: compile(t, `ptr == ""`), Action: result.Reject, Code: "554 5.7.1"}, "tempfail 451 4.4.3"},
		{"a signer that is not there", rules.Rule{If: compile(t, `from == "bank.example" and not ("bank.example" in signers)`), Action: result.Discard}, "tempfail 451 4.4.3"},
		{"no policy found", rules.Rule{If: compile(t, `dmarc_record == ""`), Action: result.Reject}, "tempfail 451 4.4.3"},
		{"other evidence", rules.Rule{Tests: []*condition.Test{test(t, "from", "bank.example"), test(t, "spf", "pass")}, Action: result.Reject}, "reject 550 5.7.1"},
		{"named", rules.Rule{Tests: []*condition.Test{test(t, "dmarc", "fail", "temperror")}, Action: result.Reject}, "reject 550 5.7.1"},
		{"named in an expression", rules.Rule{If: compile(t, `dmarc in ["fail", "temperror"]`), Action: result.Reject}, "reject 550 5.7.1"},
		{"excluded by name", rules.Rule{Tests: []*condition.Test{test(t, "from", "bank.example")}, If: compile(t, `dkim != "pass" and arc != "temperror"`), Action: result.Reject}, "reject 550 5.7.1"},
		{"what can be taken back", rules.Rule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: result.Quarantine, Quarantine: rules.QuarantineHold}, "quarantine "},
		{"acceptance", rules.Rule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: result.Accept}, "accept "},
	} {
		tt.rule.Name = "x"
		v := rules.Rules{Custom: []rules.Rule{tt.rule}}.Decide(res)
		if got := string(v.Action) + " " + v.Code; got != tt.want || v.Rule != "x" {
			t.Errorf("%s: %s by %s, want %s", tt.name, got, v.Rule, tt.want)
		}
	}
	// A signature that passes does not tell that SPF would not.
	signed := spoof(dmarc.PolicyReject)
	signed.DMARC.Status, signed.DMARC.Disposition, signed.DMARC.DKIMAligned = dmarc.Pass, "", true
	for i := range signed.SPF {
		signed.SPF[i].Status = "temperror"
	}
	for source, want := range map[string]string{`not spf_aligned`: "tempfail 451 4.4.3", `dkim_aligned`: "reject 550 5.7.1"} {
		v := rules.Rules{Custom: []rules.Rule{{Name: "x", If: compile(t, source), Action: result.Reject}}}.Decide(signed)
		if got := string(v.Action) + " " + v.Code; got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	// Nor is it evidence that a relay does not tell its client.
	hidden := spoof(dmarc.PolicyReject)
	hidden.Client = result.ClientResult{Relay: "192.0.2.5", Hidden: "no Received field"}
	for inside, want := range map[bool]string{false: "tempfail 451 4.3.5", true: "reject 550 5.7.1"} {
		hidden.Client.Inside = inside
		v := rules.Rules{Custom: []rules.Rule{{Name: "x", If: compile(t, `not within(client, "192.0.2.0/24")`), Action: result.Reject}}}.Decide(hidden)
		if got := string(v.Action) + " " + v.Code; got != want {
			t.Errorf("inside %v: %s, want %s", inside, got, want)
		}
	}
	res.ExemptUndecided = true
	v := rules.Rules{Custom: []rules.Rule{{Name: "x", Action: result.Discard}}}.Decide(res)
	if v.Action != result.TempFail {
		t.Errorf("discarded although the client may be exempt: %s", v.Action)
	}
}

// The verdict names every rule that matched, and those that failed.
func TestCustomRulesAreNamed(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyReject)
	claims := []result.FieldRef{{Name: "A", Occurrence: 1}}
	res.Claims = claims[:1:1]
	v := rules.Rules{Custom: []rules.Rule{
		{Name: "noted", Action: result.Discard, Monitor: true},
		{Name: "failing", If: compile(t, `rcpts[3] == "y"`), Action: result.Accept},
		{Name: "edit", Remove: []string{"X"}},
		{Name: "redirect", Action: result.Redirect, RedirectTo: "a@b.example"},
	}}.Decide(res)
	want := []result.RuleMatch{{Rule: "noted", Action: result.Discard, Monitor: true}, {Rule: "edit"}, {Rule: "redirect", Action: result.Redirect}}
	if d := cmp.Diff(want, v.Matched); d != "" {
		t.Error(d)
	}
	if len(v.Faults) != 1 || !strings.HasPrefix(v.Faults[0], "rule failing was passed over: index out of range") {
		t.Errorf("%q", v.Faults)
	}
	if v.RedirectTo != "a@b.example" {
		t.Errorf("redirect to %q", v.RedirectTo)
	}
}

// Whatever a message holds, what a rule says about it is one line of printable
// ASCII.
func TestCustomTextIsBounded(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("é\r\n550 5.0.0 x%\x00\"", 100)
	res := spoof(dmarc.PolicyReject)
	res.Client.IP, res.Client.Helo, res.MailFrom, res.Author.Domain, res.DMARC.Reason = hostile, hostile, hostile, hostile, hostile
	every := "{author} {client} {helo} {mail_from} {reason} {rule}"
	for _, action := range []result.Action{result.Reject, result.Accept} {
		v := rules.Rules{Custom: []rules.Rule{{Name: "x", Action: action, Text: template(t, every), Add: []rules.Addition{{Name: "X-A", Value: template(t, every)}}}}}.Decide(res)
		texts := []string{v.Text}
		for _, f := range withoutResults(v.Insert) {
			texts = append(texts, strings.TrimSuffix(f.Raw, "\r\n"))
			if len(f.Raw) > 998 {
				t.Errorf("a field of %d octets", len(f.Raw))
			}
		}
		for _, text := range texts {
			for i := range len(text) {
				if text[i] < ' ' || text[i] > '~' {
					t.Fatalf("octet %#x in %q", text[i], text)
				}
			}
		}
		if len(v.Text) > 450 {
			t.Errorf("text of %d octets", len(v.Text))
		}
	}
}

// A field is taken out once, however many rules ask for it.
func TestRemovedOnce(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyNone)
	res.Header = fields("X-Old: 1", "x-old: 2")
	v := rules.Rules{Custom: []rules.Rule{
		{Name: "a", Remove: []string{"X-Old"}}, {Name: "b", Remove: []string{"x-OLD", "X-Old"}}, {Name: "c", Action: result.Accept},
	}}.Decide(res)
	if len(v.Remove) != 2 {
		t.Errorf("%v", v.Remove)
	}
}

// A message that its recipients would not get waits for the name by which its
// client may be exempt.
func TestRulesWaitForExemptNames(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyNone)
	res.ExemptUndecided = true
	for action, want := range map[result.Action]result.Action{
		result.Reject: result.TempFail, result.Discard: result.TempFail, result.Redirect: result.TempFail,
		result.Quarantine: result.Quarantine, result.Accept: result.Accept,
	} {
		v := rules.Rules{Custom: []rules.Rule{{Name: "x", Action: action, RedirectTo: "a@b.example"}}}.Decide(res)
		if v.Action != want || want == result.TempFail && (v.Code != "451 4.4.3" || v.RedirectTo != "") {
			t.Errorf("%s: %+v", action, v)
		}
	}
}
