package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/condition"
)

func newPolicyExplain() *cobra.Command {
	var (
		s           settings
		facts, keys bool
	)
	cmd := &cobra.Command{
		Use:   "explain [RULES]",
		Short: "print in words what is done with a message, in order",
		Long: `Explain prints the rules in the order in which they are asked: what Postvet
itself sees to, the rules of your own, and what results and configuration lead
to. With a file of RULES it shows these instead of those of the configuration.`,
		Example: `  postvet policy explain --config /etc/postvet/postvet.toml
  postvet policy explain next.toml
  postvet policy explain --keys         what a rule can ask without an expression
  postvet policy explain --facts        what an expression can name`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch w := cmd.OutOrStdout(); {
			case facts:
				return output(writeFacts(w))
			case keys:
				return output(writeRuleKeys(w))
			}
			c, err := s.load()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if c, err = overlay(c, args[0]); err != nil {
					return err
				}
			}
			return output(explainPolicy(cmd.OutOrStdout(), c))
		},
	}
	cmd.Flags().BoolVar(&facts, "facts", false, "print what expressions can name")
	cmd.Flags().BoolVar(&keys, "keys", false, "print the keys of a rule")
	s.addFile(cmd)
	return cmd
}

// step is a line of the explanation.
type step struct{ name, when, then string }

// explainPolicy prints the steps of a decision in order.
func explainPolicy(w io.Writer, c *config.Config) error {
	var b strings.Builder
	n := 0
	part := func(title string, steps []step) {
		if len(steps) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s\n", title)
		for _, s := range steps {
			n++
			fmt.Fprintf(&b, "%3d. %s\n", n, foreign.TerminalLines(s.name))
			for line := range strings.Lines(s.when) {
				fmt.Fprintf(&b, "       %s\n", foreign.TerminalLines(strings.TrimSuffix(line, "\n")))
			}
			fmt.Fprintf(&b, "       -> %s\n", foreign.TerminalLines(s.then))
		}
		b.WriteString("\n")
	}
	b.WriteString("The first line that fits decides.\n\n")
	part("What must come first", firstSteps(c))
	part("Rules of your own", ownSteps(c))
	part("The author, and what the domain asks for", lastSteps(c))
	title := "What may change that, one after the other"
	if len(c.AuthorOverrides) > 1 {
		title += "; of author-override the first that fits"
	}
	part(title, trustSteps(c))
	b.WriteString(modeText(c) + "\n")
	if shadow := c.Shadow(); shadow != nil {
		b.WriteString("A shadow policy decides nothing and is logged where it differs; it has " + layout.Count(len(shadow.RuleList()), "rule") + " of your own.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func firstSteps(c *config.Config) []step {
	fault := "451 4.3.0"
	if c.Policy.OnFault == rules.FaultAccept {
		fault = "passed over (on_fault = \"accept\")"
	}
	return []step{
		{result.RuleUnreadable, "more fields in our name than can be removed", "451 4.3.0, in monitor mode too"},
		{result.RuleExempt, "a client of [exempt]: trusted address or name, logged in, or local", "accepted unchecked; no rule of your own is asked"},
		{result.RuleFault, "Postvet itself failed on the message", fault},
		{result.RuleOversize, "a header or body over the limits", "552 5.3.4"},
	}
}

func lastSteps(c *config.Config) []step {
	ambiguous := map[rules.AmbiguousAuthor]string{rules.AmbiguousReject: "550 5.7.1", rules.AmbiguousHold: "held", rules.AmbiguousAccept: "passed over (on_ambiguous_author = \"accept\")"}
	temperror := "accepted, marked; 451 4.4.3 if the domain is known to ask for quarantine or reject"
	if c.Policy.OnTempError == rules.TempErrorDefer {
		temperror = "451 4.4.3"
	}
	return []step{
		{result.RuleNoAuthor, "a bounce whose From names no domain", "accepted, marked"},
		{result.RuleAmbiguousAuthor, "not exactly one author domain", ambiguous[c.Policy.OnAmbiguousAuthor]},
		{result.RuleTempError, "DNS trouble left DMARC open", temperror},
		{result.RuleDMARCPass, "DMARC pass", "accepted, marked"},
		{result.RuleDMARCReject, "DMARC fail, and the domain asks for reject", "550 5.7.26"},
		{result.RuleDMARCQuarantine, "DMARC fail, and the domain asks for quarantine", held(c, "550 5.7.26")},
		{result.RuleDMARCNone, "DMARC fail, and the domain asks for nothing", "accepted, marked"},
		{result.RuleNoPolicy, "no DMARC policy", "accepted, marked"},
	}
}

// held is what becomes of a message that is to be held, code where that is
// refused.
func held(c *config.Config, code string) string {
	switch c.Policy.Quarantine {
	case rules.QuarantineTag:
		return "delivered with " + result.QuarantineField
	case rules.QuarantineReject:
		return code
	}
	return "held"
}

func modeText(c *config.Config) string {
	text := modeOfAll(c)
	for _, x := range []struct {
		what, mode string
		list       []string
	}{
		{"listeners", "monitor", c.Policy.MonitorListeners},
		{"recipients", "monitor", c.Policy.MonitorRecipients.Entries},
		{"author domains", "monitor", c.Policy.MonitorDomains.Entries},
		{"author domains", "enforce", c.Policy.EnforceDomains.Entries},
	} {
		if len(x.list) > 0 {
			text += fmt.Sprintf("\nBut %s for the %s %s.", x.mode, x.what, foreign.TerminalLines(strings.Join(x.list, ", ")))
		}
	}
	return text
}

func modeOfAll(c *config.Config) string {
	if c.Mode == rules.Monitor {
		return "mode = \"monitor\": all of this is logged, and everything is accepted."
	}
	return "mode = \"enforce\": this is carried out."
}

func ownSteps(c *config.Config) []step {
	var steps []step
	places := c.RulePlaces()
	for i, r := range c.RuleList() {
		steps = append(steps, step{name: r.Name + "  (" + places[i] + ")", when: ruleWhen(r), then: ruleThen(r)})
	}
	return steps
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
	return strings.Join(lines, "\n")
}

// ruleThen says what a rule does.
func ruleThen(r rules.Rule) string {
	var does []string
	for _, a := range r.Add {
		does = append(does, "add "+a.Name+": "+a.Value.String())
	}
	if len(r.Remove) > 0 {
		does = append(does, "remove "+strings.Join(r.Remove, ", "))
	}
	text := given(" %q", r.Text.String())
	switch r.Action {
	case result.Accept:
		does = append(does, "accept")
	case result.Reject:
		does = append(does, orNone(r.Code, rules.DefaultRejectCode)+text)
	case result.TempFail:
		does = append(does, orNone(r.Code, rules.DefaultTempFailCode)+text)
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

func writeFacts(w io.Writer) error {
	var b strings.Builder
	b.WriteString("An expression can name:\n\n")
	for _, f := range condition.Documentation() {
		fmt.Fprintf(&b, "%s  (%s)\n", f.Name, f.Kind)
		wrap(&b, "    ", f.Text)
		if len(f.Words) > 0 {
			var words []string
			for _, word := range f.Words {
				words = append(words, fmt.Sprintf("%q", word))
			}
			wrap(&b, "    ", "One of "+strings.Join(words, ", ")+".")
		}
	}
	b.WriteString("\nIt can call any, all, none, one, count, len and lower, and:\n\n")
	for _, f := range condition.Functions() {
		fmt.Fprintf(&b, "%s\n", f.Form)
		wrap(&b, "    ", f.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRuleKeys(w io.Writer) error {
	var b strings.Builder
	b.WriteString("A rule is a table [[rule]]. It matches if all these hold that it has; a list\nholds if one of its entries does, and none of those that begin with \"!\":\n\n")
	for _, k := range condition.Keys() {
		form := "list"
		if k.Bool() {
			form = "true or false"
		}
		fmt.Fprintf(&b, "  %-14s %-14s %s\n", k.Name, form, k.Text)
	}
	b.WriteString("\nand its expression, if it has one. Its other keys:\n\n")
	for _, k := range config.RuleKeys() {
		fmt.Fprintf(&b, "  %-14s %s\n", k.Name, k.Text)
	}
	b.WriteString("\nEntries of addresses and domains may be files, \"file:/path\". Where a rule that\nrejects or discards asks for what DNS trouble hides, the message is deferred,\nunless the rule names the word temperror.\n")
	b.WriteString("\nTexts and added fields may hold " + explain.PlaceholderNames() + ".\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap writes a paragraph of at most 78 columns.
func wrap(b *strings.Builder, indent, text string) {
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(indent + word)
			column = len(indent) + len(word)
		case column+1+len(word) > 78:
			b.WriteString("\n" + indent + word)
			column = len(indent) + len(word)
		default:
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
	}
	b.WriteString("\n")
}
