package held

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/markdown"
	"github.com/postvet/postvet/policy/foreign"
)

// maxShown bounds the characters of a text of a message.
const maxShown = 200

// Title returns what a group is, in one line.
func (g *Group) Title() string {
	of := "(no author domain)"
	if g.Author != "" {
		of = g.Author
	}
	if g.Node != "" {
		of += " on " + g.Node
	}
	oldest := g.Messages[len(g.Messages)-1]
	return foreign.Terminal(fmt.Sprintf("%s: %s held, the oldest for %s", of, layout.Count(len(g.Messages), "message"), oldest.Age()), maxShown)
}

// Age returns how long ago the message was held, in its largest unit.
func (m *Message) Age() string {
	switch d := time.Duration(m.AgeSeconds) * time.Second; {
	case d >= 48*time.Hour:
		return layout.Count(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return layout.Count(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return layout.Count(int(d/time.Minute), "minute")
	default:
		return layout.Count(int(d/time.Second), "second")
	}
}

// recipients returns who was to get the message.
func (m *Message) recipients() string {
	if len(m.To) == 0 {
		return layout.Count(m.Recipients, "recipient")
	}
	if more := m.Recipients - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", m.To[0], more)
	}
	return m.To[0]
}

// queue returns the queue id for a person.
func (m *Message) queue() string {
	if m.Queue == "" {
		return "(no queue id)"
	}
	return foreign.Terminal(m.Queue, 64)
}

// WriteText writes groups for a screen or a mail of a width.
func WriteText(w io.Writer, groups []Group, width int) error {
	var b strings.Builder
	for i := range groups {
		g := &groups[i]
		b.WriteString(g.Title() + "\n")
		for j := range g.Messages {
			g.Messages[j].write(&b, width)
		}
		if len(g.Messages) > 1 {
			b.WriteString("  All of them:\n")
			writeCommands(&b, g.Commands)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (m *Message) write(b *strings.Builder, width int) {
	fmt.Fprintf(b, "  %s  %s  %s ago  ref %s\n", m.queue(), m.At.Local().Format("2006-01-02 15:04"), m.Age(), m.Ref)
	say := func(what, text string) {
		const indent = 10
		for i, line := range layout.Lines(foreign.Terminal(text, foreign.Whole), width-indent, 0) {
			if i > 0 {
				what = ""
			}
			fmt.Fprintf(b, "    %-5s %s\n", what, line)
		}
	}
	say("from", foreign.Cut(m.From, maxShown)+" to "+foreign.Cut(m.recipients(), maxShown))
	rule := m.Rule
	if m.Judgement != "" {
		rule += ", " + m.Judgement
	}
	say("rule", rule)
	say("why", strings.Join(m.Why, " "))
	writeCommands(b, m.Commands)
}

func writeCommands(b *strings.Builder, c Commands) {
	if len(c.Release) == 0 {
		b.WriteString("    The queue id is not known, or not one of Postfix or Sendmail: no command.\n")
		return
	}
	b.WriteString("    release:\n")
	for _, line := range c.Release {
		b.WriteString("      " + line + "\n")
	}
	b.WriteString("    delete:\n")
	for _, line := range c.Delete {
		b.WriteString("      " + line + "\n")
	}
}

// WriteMarkdown writes groups for a ticket.
func WriteMarkdown(w io.Writer, groups []Group) error {
	d := markdown.New(w)
	d.Heading(1, "Held mail")
	for i := range groups {
		g := &groups[i]
		d.Heading(2, g.Title())
		var table [][]string
		for j := range g.Messages {
			m := &g.Messages[j]
			table = append(table, []string{
				m.queue(), m.At.UTC().Format("2006-01-02 15:04"), m.Age(), foreign.Cut(m.From, maxShown), foreign.Cut(m.recipients(), maxShown), m.Rule,
				strings.Join(m.Why, " "), m.Ref.String(),
			})
		}
		d.Table([]string{"queue id", "since (UTC)", "age", "from", "to", "rule", "why", "reference"}, table)
		d.Paragraph("Release:")
		d.Code(g.Release)
		d.Paragraph("Delete:")
		d.Code(g.Delete)
	}
	return d.Flush()
}
