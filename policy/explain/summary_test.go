package explain_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// TestSummaryQuarantine: "quarantine" is a word of the standard, which the sentence does without.
func TestSummaryQuarantine(t *testing.T) {
	t.Parallel()
	res := &result.Results{Author: message.Author{Domain: "example.org"}, DMARC: dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyQuarantine}}
	want := "Held: nobody proves that this mail comes from example.org, which asks to treat such mail as suspicious."
	if got := explain.Summary(res, &result.Verdict{Action: result.Quarantine, Rule: result.RuleDMARCQuarantine}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	res := &result.Results{
		Author: message.Author{Domain: "example.org"}, MailFrom: "x@bounce.example",
		SPF:   []spf.Result{{Identity: spf.MailFrom, Domain: "bounce.example", Status: spf.Fail}},
		DMARC: dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyReject},
	}
	for _, tt := range []struct {
		v            result.Verdict
		want, reason string
	}{
		{
			result.Verdict{Action: result.Reject, Rule: result.RuleDMARCReject, Hints: []result.Hint{{Word: result.HintList}}},
			"Refused: nobody proves that this mail comes from example.org, which asks to refuse such mail.", "no proof of its author; a mailing list changed it",
		},
		{
			result.Verdict{Action: result.Accept, Intended: result.Reject, Monitored: true, Rule: result.RuleSPFFail},
			"Accepted, although it would be refused if mail were not only monitored: bounce.example does not list the server that sent this mail.", "from a server that its sender does not list",
		},
		{
			result.Verdict{Action: result.TempFail, Rule: result.RuleTempError},
			"Deferred: the DNS of example.org does not answer, so this mail cannot be checked at present.", "DNS failure",
		},
		{
			result.Verdict{Action: result.Accept, Rule: result.RuleDMARCQuarantine, Overrides: []result.Override{{Reason: result.ReasonLocalPolicy, By: "policy.quarantine", Text: result.TagText}}},
			"Accepted, and marked as suspicious: nobody proves that this mail comes from example.org, which asks to refuse such mail.", "no proof of its author",
		},
		{
			result.Verdict{Action: result.Discard, Rule: "no\x1b[31m-weak"},
			"Dropped: the rule no?[31m-weak of this server decided.", "rule no?[31m-weak",
		},
	} {
		if got := explain.Summary(res, &tt.v); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.v.Rule, got, tt.want)
		}
		if got := explain.Reason(res, &tt.v); got != tt.reason {
			t.Errorf("%s: %q, want %q", tt.v.Rule, got, tt.reason)
		}
	}
}

// TestSummaryOfEachRule: no built-in rule is told by its name alone.
func TestSummaryOfEachRule(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../result/rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(x ast.Node) bool {
		lit, ok := x.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		rule, _ := strconv.Unquote(lit.Value)
		n++
		res := &result.Results{Author: message.Author{Domain: "example.org"}, DMARC: dmarc.Result{Status: dmarc.Fail}}
		v := &result.Verdict{Action: result.Reject, Rule: rule}
		if s := explain.Summary(res, v); strings.Contains(s, "the rule "+rule) || len(s) < len("Refused: ")+10 {
			t.Errorf("%s: %q", rule, s)
		}
		if s := explain.Reason(res, v); s == "" || strings.HasPrefix(s, "rule ") {
			t.Errorf("%s: %q", rule, s)
		}
		return true
	})
	if n < 25 {
		t.Errorf("only %d rules were found", n)
	}
}
