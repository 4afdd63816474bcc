package trial

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// columns is the width of a report on recorded messages.
const columns = 80

// writeHistory writes a report on recorded messages: what changes, the sums, and what is
// not known.
func (r *Report) writeHistory(b *strings.Builder) {
	paragraph(b, fmt.Sprintf("By %s, compared with %s.", r.History.By, r.History.With))
	b.WriteString("\n")
	if r.Messages > 0 {
		r.changes(b)
		r.sums(b)
	} else {
		r.end(b)
	}
	if !r.History.Complete {
		paragraph(b, fmt.Sprintf("Interrupted: mail of %s and of older files is missing.", r.History.Reached))
	}
}

// changes writes the kinds of differences, with examples.
func (r *Report) changes(b *strings.Builder) {
	if len(r.Changes) == 0 {
		return
	}
	fmt.Fprintf(b, "%-*s  %s\n", changeWidth, "CHANGE", "MESSAGES")
	for _, c := range r.Changes {
		fmt.Fprintf(b, "%-*s  %8d\n", changeWidth, c.Words(), c.Messages)
		if r.History != nil && len(c.Examples) > 0 {
			fmt.Fprintf(b, "  such as %s\n", strings.Join(c.Examples, ", "))
		}
	}
	b.WriteString("\n")
}

const changeWidth = 56

// Words returns the kind of a difference, such as "reject -> accept".
func (c *Change) Words() string {
	before, after := foreign.Terminal(c.Before, 40), foreign.Terminal(c.After, 40)
	if before == after {
		return before + " -> " + after + ", " + otherwise(c.After)
	}
	return before + " -> " + after
}

// otherwise says what differs about messages that get the same action.
func otherwise(does string) string {
	switch action, _, _ := strings.Cut(does, " "); result.Action(action) {
	case result.Reject, result.TempFail:
		return "other reply"
	case result.Redirect:
		return "other address"
	}
	return "other header fields"
}

// names writes the most frequent names of a kind.
func (r *Report) names(b *strings.Builder, head string, all []Share) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "%-*s  %s\n", changeWidth, head, " CHANGED")
	for _, s := range all {
		more := ""
		if s.AtMost > s.Messages {
			more = fmt.Sprintf(" to %d", s.AtMost)
		}
		fmt.Fprintf(b, "%-*s  %8d%s\n", changeWidth, ending(s.Name, changeWidth), s.Messages, more)
	}
	b.WriteString("\n")
}

// ending returns a harmless text of at most n columns. Of a long one the end stays, which
// says most of a domain.
func ending(s string, n int) string {
	runes := []rune(foreign.Terminal(s, foreign.Whole))
	if len(runes) <= n {
		return string(runes)
	}
	return "~" + string(runes[len(runes)-n+1:])
}

// paragraph writes a text within the columns.
func paragraph(b *strings.Builder, text string) {
	for _, line := range layout.Lines(foreign.Terminal(text, foreign.Whole), columns, 0) {
		b.WriteString(line + "\n")
	}
}

// notes writes what is not known, and what was not compared.
func (h *History) notes(b *strings.Builder) {
	list := h.Notes()
	for i, text := range list {
		if i == 0 {
			b.WriteString("What is not known:\n")
		}
		for k, line := range layout.Lines(foreign.Terminal(text, foreign.Whole), columns-2, 0) {
			b.WriteString(map[bool]string{true: "- ", false: "  "}[k == 0] + line + "\n")
		}
	}
	if len(list) > 0 {
		b.WriteString("\n")
	}
}

// Notes returns what is not known, and what was not compared, a sentence for each.
func (h *History) Notes() []string {
	list := h.doubtNotes()
	note := func(n int, format string, args ...any) {
		if n > 0 {
			list = append(list, layout.Count(n, "message")+" "+fmt.Sprintf(format, args...))
		}
	}
	note(h.Early, "refused before the transfer (at RCPT): what rules that let the client go on would have made of the message is unknown.")
	note(h.Exempt, "exempt, and so not checked. Exempt mail is in the journal only with journal.exempt = \"keep\".")
	note(h.Faults, "with an internal error: if another verdict comes out, it is unknown.")
	note(h.Cut, "not kept whole, being too large or with texts that are not kept as they are, such as control characters: unknown.")
	note(h.NoConfiguration, "whose configuration of then is not kept: settings that decide what is found are taken to have been the same.")
	if h.Undecoded > 0 {
		list = append(list, fmt.Sprintf("%s could not be decoded, and no count has them; see \"postvet journal verify\".", layout.Count(h.Undecoded, "row")))
	}
	if len(h.Edits) > 0 {
		list = append(list, "Header fields that rules add or remove are not compared ("+some(h.Edits)+").")
	}
	return list
}

// doubtNotes returns the sentences about rules and settings.
func (h *History) doubtNotes() (list []string) {
	for _, d := range h.Doubts {
		switch facts := strings.Join(d.Facts, ", "); {
		case d.Rule != "":
			text := fmt.Sprintf("Rule %s asks about %s; %s do not have that, and are left out of its count", d.Rule, facts, layout.Count(d.Messages, "message"))
			switch d.Unknown {
			case d.Messages:
				text += ": what it would do with them is unknown."
			case 0:
				text += ": they would be treated alike if it matched or not."
			default:
				text += fmt.Sprintf(": what it would do with %d of them is unknown.", d.Unknown)
			}
			list = append(list, text)
		case d.Facts != nil:
			list = append(list, fmt.Sprintf("%s asks about %s; %s do not have that: %d unknown.", d.Key, facts, layout.Count(d.Messages, "message"), d.Unknown))
		default:
			list = append(list, fmt.Sprintf("%s cannot be tried on recorded mail; it was another one for %s, which are judged by what was found then: %d unknown.", d.Key, layout.Count(d.Messages, "message"), d.Unknown))
		}
	}
	return list
}

// some returns the first names of a list.
func some(names []string) string {
	const most = 5
	if n := len(names); n > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", n-most)
	}
	return strings.Join(names, ", ")
}
