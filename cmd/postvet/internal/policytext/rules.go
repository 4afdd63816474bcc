package policytext

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// ownRuleLines are the rules of the administrator's own.
func ownRuleLines(c *config.Config) []Line {
	var lines []Line
	places, ends := c.RulePlaces(), c.RuleEnds()
	for i, r := range c.RuleList() {
		then := ruleThen(r)
		if ends[i] != "" {
			then += "; until " + ends[i]
		}
		lines = append(lines, Line{Name: r.Name + "  (" + places[i] + ")", When: ruleWhen(r), Then: then})
	}
	return lines
}

// ruleWhen says when a rule matches, one condition a line.
func ruleWhen(r rules.Rule) string {
	var lines []string
	if r.Comment != "" {
		lines = append(lines, "# "+r.Comment)
	}
	word := "if "
	for _, t := range r.Tests {
		lines = append(lines, word+t.String())
		word = "and "
	}
	if r.If != nil {
		for line := range strings.Lines(strings.TrimSpace(r.If.String())) {
			lines = append(lines, word+strings.TrimSpace(line))
			word = "    "
		}
	}
	if len(r.Tests) == 0 && r.If == nil {
		lines = append(lines, "every message")
	}
	if r.Outbound {
		lines = append(lines, "only mail of your users")
	}
	return strings.Join(lines, "\n")
}

// ruleThen returns the actions of a rule in words.
func ruleThen(r rules.Rule) string {
	var does []string
	for _, a := range r.Add {
		does = append(does, "add "+a.Name+": "+a.Value.String())
	}
	if len(r.Remove) > 0 {
		does = append(does, "remove "+strings.Join(r.Remove, ", "))
	}
	switch r.Sign {
	case "":
	case rules.SignNone:
		does = append(does, "do not sign")
	default:
		does = append(does, "sign by key "+r.Sign)
	}
	text := textOf(r)
	switch r.Action {
	case result.Accept:
		does = append(does, "accept")
	case result.Reject:
		does = append(does, cmp.Or(r.Code, rules.DefaultRejectCode)+text)
	case result.TempFail:
		does = append(does, cmp.Or(r.Code, rules.DefaultTempFailCode)+text)
	case result.Quarantine:
		how := map[rules.Quarantine]string{rules.QuarantineHold: "hold", rules.QuarantineTag: "deliver with " + result.QuarantineField}[r.Quarantine]
		does = append(does, how+text)
	case result.Redirect:
		does = append(does, "deliver to "+r.RedirectTo+" instead of its recipients")
	case result.Discard:
		does = append(does, "discard; the client believes it delivered")
	default:
		does = append(does, "then ask the next")
	}
	s := strings.Join(does, "; ")
	if r.Monitor {
		s = "noted only, then ask the next; it would: " + s
	}
	return s
}

// textOf returns the text of a rule in quotes, "" without one.
func textOf(r rules.Rule) string {
	if text := r.Text.String(); text != "" {
		return fmt.Sprintf(" %q", text)
	}
	return ""
}
