// Package policytext says in words what a configuration does with mail.
package policytext

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/rules"
)

// Part is a part of the steps of a decision, in their order.
type Part struct {
	Title string `json:"title"`
	Lines []Line `json:"lines"`
}

// Line says when a step applies, and what it leads to. When may have several lines.
type Line struct {
	Name string `json:"name"`
	When string `json:"when"`
	Then string `json:"then"`
}

// Write writes the steps of a decision in order.
func Write(w io.Writer, c *config.Config) error {
	var b strings.Builder
	b.WriteString("The first line that fits decides. What DMARC decides may change below, line by line.\n\n")
	n := 0
	for _, p := range Parts(c) {
		fmt.Fprintf(&b, "%s\n", p.Title)
		for _, l := range p.Lines {
			n++
			fmt.Fprintf(&b, "%3d. %s\n", n, foreign.TerminalLines(l.Name))
			for line := range strings.Lines(l.When) {
				fmt.Fprintf(&b, "       %s\n", foreign.TerminalLines(strings.TrimSuffix(line, "\n")))
			}
			fmt.Fprintf(&b, "       -> %s\n", foreign.TerminalLines(l.Then))
		}
		b.WriteString("\n")
	}
	b.WriteString(Mode(c) + "\n")
	if shadow := c.Shadow(); shadow != nil {
		b.WriteString("A shadow policy decides nothing and is logged where it differs; it has " + layout.Count(len(shadow.RuleList()), "rule") + " of your own.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Mode says whether that is carried out, and for what mail not.
func Mode(c *config.Config) string {
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
