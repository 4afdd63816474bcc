package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/rules"
)

func newPolicyExplain() *cobra.Command {
	var (
		s           configFlags
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
  postvet policy explain --keys     what a rule can ask without an expression
  postvet policy explain --facts    what an expression can name`,
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

// explainPolicy prints the steps of a decision in order.
func explainPolicy(w io.Writer, c *config.Config) error {
	var b strings.Builder
	b.WriteString("The first line that fits decides. What DMARC decides may change below, line by line.\n\n")
	n := 0
	for _, p := range explainedParts(c) {
		fmt.Fprintf(&b, "%s\n", p.title)
		for _, l := range p.lines {
			n++
			fmt.Fprintf(&b, "%3d. %s\n", n, foreign.TerminalLines(l.name))
			for line := range strings.Lines(l.when) {
				fmt.Fprintf(&b, "       %s\n", foreign.TerminalLines(strings.TrimSuffix(line, "\n")))
			}
			fmt.Fprintf(&b, "       -> %s\n", foreign.TerminalLines(l.then))
		}
		b.WriteString("\n")
	}
	b.WriteString(modeText(c) + "\n")
	if shadow := c.Shadow(); shadow != nil {
		b.WriteString("A shadow policy decides nothing and is logged where it differs; it has " + layout.Count(len(shadow.RuleList()), "rule") + " of your own.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
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
