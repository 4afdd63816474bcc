package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

func template(tb testing.TB, s string) policy.Template {
	tb.Helper()
	t, err := policy.ParseTemplate(s)
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

// brief is a verdict without our own field.
func brief(v policy.Verdict) string {
	v.Insert = withoutResults(v.Insert)
	return show(v)
}

func withoutResults(fs []message.Field) []message.Field {
	var out []message.Field
	for _, f := range fs {
		if !f.Is(policy.ResultsField) {
			out = append(out, f)
		}
	}
	return out
}

func TestCustomRules(t *testing.T) {
	t.Parallel()
	fail := []*condition.Test{test(t, "dmarc", "fail")}
	with := func(change func(*policy.Results)) *policy.Results {
		res := spoof(dmarc.PolicyReject)
		res.Recipients = []string{"user@test.example"}
		res.Header = fields("X-Old: 1", "From: x@bank.example", "x-old: 2")
		change(res)
		return res
	}
	plain := with(func(*policy.Results) {})
	for _, tt := range []struct {
		name  string
		rules policy.Rules
		res   *policy.Results
		want  string
	}{
		{
			"accept overrides reject, with evidence",
			policy.Rules{Custom: []policy.CustomRule{{Name: "let-in", Comment: "a known sender", Tests: fail, Action: policy.Accept, Reason: policy.ReasonTrustedForwarder}}},
			plain, "action accept\nrule let-in\noverride rule let-in (a known sender)\n",
		},
		{
			"reject with placeholders",
			policy.Rules{Custom: []policy.CustomRule{{Name: "no", Tests: fail, Action: policy.Reject, Code: "554 5.7.9", Text: template(t, "{author} via {client} for {mail_from}: {reason} [{rule}] {x y}")}}},
			plain, "action reject\nrule no\ncode 554 5.7.9\ntext bank.example via 192.0.2.66 for <x@evil.example>: SPF passed, but for evil.example; no DKIM signature [no] {x y}\n",
		},
		{
			"the first that decides",
			policy.Rules{Custom: []policy.CustomRule{
				{Name: "other", Tests: []*condition.Test{test(t, "dmarc", "pass")}, Action: policy.Reject},
				{Name: "later", If: compile(t, `from == "bank.example"`), Action: policy.TempFail},
				{Name: "never-asked", Action: policy.Accept},
			}},
			plain, "action tempfail\nrule later\ncode 451 4.7.1\ntext Message not accepted now by local policy, please try again later (rule later)\noverride rule later\n",
		},
		{
			"edits add up, then DMARC decides",
			policy.Rules{Custom: []policy.CustomRule{
				{Name: "a", Add: []policy.Addition{{Name: "X-A", Value: template(t, "{author}")}}},
				{Name: "b", Remove: []string{"X-Old"}},
			}},
			with(func(r *policy.Results) { r.DMARC.Disposition = dmarc.PolicyNone }),
			"action accept\nrule dmarc-none\nremove x-claimed 1\nremove X-Old 1\nremove X-Old 2\ninsert X-A: bank.example\n",
		},
		{
			"no edits of a message that is refused",
			policy.Rules{Custom: []policy.CustomRule{{Name: "a", Add: []policy.Addition{{Name: "X-A", Value: template(t, "1")}}}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"quarantine held",
			policy.Rules{Quarantine: policy.QuarantineTag, Custom: []policy.CustomRule{{Name: "q", Action: policy.Quarantine, Quarantine: policy.QuarantineHold}}},
			plain, "action quarantine\nrule q\ntext Held by local policy (rule q)\noverride rule q\n",
		},
		{
			"quarantine tagged",
			policy.Rules{Custom: []policy.CustomRule{{Name: "q", Action: policy.Quarantine, Quarantine: policy.QuarantineTag, Text: template(t, "odd")}}},
			plain, "action accept\nintended quarantine\nrule q\ntext odd\noverride rule q\noverride rule q (tag)\ninsert X-Postvet-Quarantine: odd\n",
		},
		{
			"quarantine where the MTA cannot hold",
			policy.Rules{NoHold: true, Custom: []policy.CustomRule{{Name: "q", Action: policy.Quarantine, Quarantine: policy.QuarantineHold, Text: template(t, "odd")}}},
			plain, "action accept\nintended quarantine\nrule q\ntext odd\noverride rule q\noverride MTA (tag)\ninsert X-Postvet-Quarantine: odd\n",
		},
		{
			"redirect",
			policy.Rules{Custom: []policy.CustomRule{{Name: "r", Action: policy.Redirect, RedirectTo: "abuse@test.example"}}},
			plain, "action redirect\nrule r\noverride rule r\n",
		},
		{
			"discard",
			policy.Rules{Custom: []policy.CustomRule{{Name: "d", Action: policy.Discard, Remove: []string{"X-Old"}}}},
			plain, "action discard\nrule d\noverride rule d\n",
		},
		{
			"a rule that is only noted",
			policy.Rules{Custom: []policy.CustomRule{{Name: "try", Action: policy.Discard, Monitor: true}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"monitor accepts what a rule redirects",
			policy.Rules{Mode: policy.Monitor, Custom: []policy.CustomRule{{Name: "r", Action: policy.Redirect, RedirectTo: "abuse@test.example"}}},
			plain, "action accept\nintended redirect\nrule r\noverride rule r\noverride mode (monitor)\n",
		},
		{
			"an expression that fails does not match",
			policy.Rules{Custom: []policy.CustomRule{{Name: "x", If: compile(t, `rcpts[3] == "y"`), Action: policy.Accept}}},
			plain, "action reject\nrule dmarc-reject\ncode 550 5.7.26\ntext DMARC: bank.example asks to refuse mail that does not prove to be its own; SPF passed, but for evil.example; no DKIM signature. If you may send for bank.example, its administrators must list your server in SPF or sign with DKIM\n",
		},
		{
			"what is exempt is not shown to rules",
			policy.Rules{Custom: []policy.CustomRule{{Name: "all", Action: policy.Discard}}},
			with(func(r *policy.Results) { r.Exempt = policy.ExemptAuthenticated }), "action accept\nrule exempt\ntext authenticated\n",
		},
		{
			"faults of ours come first",
			policy.Rules{Custom: []policy.CustomRule{{Name: "all", Action: policy.Accept}}},
			with(func(r *policy.Results) { r.Faults = []string{"x"} }),
			"action tempfail\nrule fault\ncode 451 4.3.0\ntext The sender's authentication could not be checked because of an internal error; please try again later\n",
		},
		{
			"what cannot be removed does not pass",
			policy.Rules{Custom: []policy.CustomRule{{Name: "all", Action: policy.Accept}}},
			with(func(r *policy.Results) { r.ClaimsIncomplete = true }),
			"action tempfail\nrule unreadable\ncode 451 4.3.0\ntext The message holds more fields in the name of this server than can be removed\n",
		},
		{
			"what is forged in our name is removed all the same",
			policy.Rules{Custom: []policy.CustomRule{{Name: "all", Action: policy.Accept}}},
			with(func(r *policy.Results) { r.Claims = []policy.FieldRef{{Name: policy.ResultsField, Occurrence: 2}} }),
			"action accept\nrule all\noverride rule all\nremove Authentication-Results 2\n",
		},
		{
			"rules see messages without an author domain",
			policy.Rules{Custom: []policy.CustomRule{{Name: "amb", If: compile(t, `ambiguous`), Action: policy.Reject, Text: template(t, "{author}: {reason}")}}},
			with(func(r *policy.Results) { r.Author = message.Author{Problem: "two From fields"} }),
			"action reject\nrule amb\ncode 550 5.7.1\ntext unknown: the author is ambiguous: two From fields\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "edits add up, then DMARC decides" {
				tt.res.Claims = []policy.FieldRef{{Name: "x-claimed", Occurrence: 1}}
			}
			if d := cmp.Diff(tt.want, brief(tt.rules.Decide(tt.res))); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// DNS trouble is no evidence for a rule, unless the rule says so.
func TestCustomRulesAndTrouble(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyReject)
	res.DMARC.Status, res.DMARC.Disposition = dmarc.TempError, ""
	res.DKIM = []dkim.Result{{Domain: "bank.example", Status: dkim.TempError}, {Domain: "a.example", Status: dkim.Fail}}
	res.IPRev.Status = "temperror"
	for _, tt := range []struct {
		name string
		rule policy.CustomRule
		want string
	}{
		{"not pass is not fail", policy.CustomRule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: policy.Reject}, "tempfail 451 4.4.3"},
		{"nor in an expression", policy.CustomRule{If: compile(t, `dmarc != "pass"`), Action: policy.Reject}, "tempfail 451 4.4.3"},
		{"a missing name", policy.CustomRule{If: compile(t, `ptr == ""`), Action: policy.Reject, Code: "554 5.7.1"}, "tempfail 451 4.4.3"},
		{"a signer that is not there", policy.CustomRule{If: compile(t, `from == "bank.example" and not ("bank.example" in signers)`), Action: policy.Discard}, "tempfail 451 4.4.3"},
		{"no policy found", policy.CustomRule{If: compile(t, `dmarc_record == ""`), Action: policy.Reject}, "tempfail 451 4.4.3"},
		{"other evidence", policy.CustomRule{Tests: []*condition.Test{test(t, "from", "bank.example"), test(t, "spf", "pass")}, Action: policy.Reject}, "reject 550 5.7.1"},
		{"named", policy.CustomRule{Tests: []*condition.Test{test(t, "dmarc", "fail", "temperror")}, Action: policy.Reject}, "reject 550 5.7.1"},
		{"named in an expression", policy.CustomRule{If: compile(t, `dmarc in ["fail", "temperror"]`), Action: policy.Reject}, "reject 550 5.7.1"},
		{"excluded by name", policy.CustomRule{Tests: []*condition.Test{test(t, "from", "bank.example")}, If: compile(t, `dkim != "pass" and arc != "temperror"`), Action: policy.Reject}, "reject 550 5.7.1"},
		{"what can be taken back", policy.CustomRule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: policy.Quarantine, Quarantine: policy.QuarantineHold}, "quarantine "},
		{"acceptance", policy.CustomRule{Tests: []*condition.Test{test(t, "dmarc", "!pass")}, Action: policy.Accept}, "accept "},
	} {
		tt.rule.Name = "x"
		v := policy.Rules{Custom: []policy.CustomRule{tt.rule}}.Decide(res)
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
		v := policy.Rules{Custom: []policy.CustomRule{{Name: "x", If: compile(t, source), Action: policy.Reject}}}.Decide(signed)
		if got := string(v.Action) + " " + v.Code; got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	// Nor is it evidence that a relay does not tell its client.
	hidden := spoof(dmarc.PolicyReject)
	hidden.Client = policy.ClientResult{Relay: "192.0.2.5", Hidden: "no Received field"}
	for inside, want := range map[bool]string{false: "tempfail 451 4.3.5", true: "reject 550 5.7.1"} {
		hidden.Client.Inside = inside
		v := policy.Rules{Custom: []policy.CustomRule{{Name: "x", If: compile(t, `not within(client, "192.0.2.0/24")`), Action: policy.Reject}}}.Decide(hidden)
		if got := string(v.Action) + " " + v.Code; got != want {
			t.Errorf("inside %v: %s, want %s", inside, got, want)
		}
	}
	res.ExemptUndecided = true
	v := policy.Rules{Custom: []policy.CustomRule{{Name: "x", Action: policy.Discard}}}.Decide(res)
	if v.Action != policy.TempFail {
		t.Errorf("discarded although the client may be exempt: %s", v.Action)
	}
}

// The verdict names every rule that matched, and those that failed.
func TestCustomRulesAreNamed(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyReject)
	claims := []policy.FieldRef{{Name: "A", Occurrence: 1}}
	res.Claims = claims[:1:1]
	v := policy.Rules{Custom: []policy.CustomRule{
		{Name: "noted", Action: policy.Discard, Monitor: true},
		{Name: "failing", If: compile(t, `rcpts[3] == "y"`), Action: policy.Accept},
		{Name: "edit", Remove: []string{"X"}},
		{Name: "redirect", Action: policy.Redirect, RedirectTo: "a@b.example"},
	}}.Decide(res)
	want := []policy.RuleMatch{{Rule: "noted", Action: policy.Discard, Monitor: true}, {Rule: "edit"}, {Rule: "redirect", Action: policy.Redirect}}
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
	for _, action := range []policy.Action{policy.Reject, policy.Accept} {
		v := policy.Rules{Custom: []policy.CustomRule{{Name: "x", Action: action, Text: template(t, every), Add: []policy.Addition{{Name: "X-A", Value: template(t, every)}}}}}.Decide(res)
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

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "{author}", "a {author} b {client}", "{", "}", "{}", "{ author }", "{A}", "}{", "{{rule}}"} {
		if got := template(t, s).String(); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"{autor}", "a {x} {rule}"} {
		if _, err := policy.ParseTemplate(s); err == nil || !strings.Contains(err.Error(), "is no placeholder; there are {author}") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A field is taken out once, however many rules ask for it.
func TestRemovedOnce(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyNone)
	res.Header = fields("X-Old: 1", "x-old: 2")
	v := policy.Rules{Custom: []policy.CustomRule{
		{Name: "a", Remove: []string{"X-Old"}}, {Name: "b", Remove: []string{"x-OLD", "X-Old"}}, {Name: "c", Action: policy.Accept},
	}}.Decide(res)
	if len(v.Remove) != 2 {
		t.Errorf("%v", v.Remove)
	}
}

// What would keep a message from its recipients waits for the name by which its
// client may be exempt.
func TestRulesWaitForExemptNames(t *testing.T) {
	t.Parallel()
	res := spoof(dmarc.PolicyNone)
	res.ExemptUndecided = true
	for action, want := range map[policy.Action]policy.Action{
		policy.Reject: policy.TempFail, policy.Discard: policy.TempFail, policy.Redirect: policy.TempFail,
		policy.Quarantine: policy.Quarantine, policy.Accept: policy.Accept,
	} {
		v := policy.Rules{Custom: []policy.CustomRule{{Name: "x", Action: action, RedirectTo: "a@b.example"}}}.Decide(res)
		if v.Action != want || want == policy.TempFail && (v.Code != "451 4.4.3" || v.RedirectTo != "") {
			t.Errorf("%s: %+v", action, v)
		}
	}
}

func TestDiffers(t *testing.T) {
	t.Parallel()
	base := policy.Verdict{Action: policy.Reject, Intended: policy.Reject, Code: "550 5.7.1", Rule: "a", Text: "x"}
	for name, change := range map[string]func(*policy.Verdict){
		"action":   func(v *policy.Verdict) { v.Action = policy.Accept },
		"intended": func(v *policy.Verdict) { v.Intended = policy.Quarantine },
		"code":     func(v *policy.Verdict) { v.Code = "554 5.7.1" },
		"redirect": func(v *policy.Verdict) { v.RedirectTo = "a@b.example" },
		"added":    func(v *policy.Verdict) { v.Insert = fields("X-A: 1") },
		"removed":  func(v *policy.Verdict) { v.Remove = []policy.FieldRef{{Name: "A", Occurrence: 1}} },
	} {
		v := base
		change(&v)
		if !v.Differs(base) {
			t.Errorf("%s makes no difference", name)
		}
	}
	v := base
	v.Rule, v.Text, v.Insert = "b", "y", fields("Authentication-Results: x")
	if v.Differs(base) {
		t.Error("names, texts and our results make a difference")
	}
}
