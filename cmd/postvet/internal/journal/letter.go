package journal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// letterWidth is the width of a letter. Records are not broken.
const letterWidth = 72

// letter is a text that is being written.
type letter struct{ strings.Builder }

func (l *letter) paragraph(text string) {
	for _, line := range layout.Paragraph(foreign.Line(text, 1000), letterWidth) {
		l.WriteString(line + "\n")
	}
	l.WriteString("\n")
}

func (l *letter) item(text string) {
	for i, line := range layout.Paragraph(foreign.Line(text, 600), letterWidth-4) {
		l.WriteString([...]string{"  - ", "    "}[min(i, 1)] + line + "\n")
	}
}

func (l *letter) fact(name, value string) {
	if value != "" {
		fmt.Fprintf(l, "  %-10s %s\n", name+":", foreign.Terminal(value, 200))
	}
}

// Letter returns a text for the sender of a message that was not simply accepted: what
// became of it, when in a zone, why, and what must change at whose place; "" for other
// messages. host is the name of this server. The text is in plain words, and has nothing
// that the sender does not know or need.
func (s *Story) Letter(host string, zone *time.Location) string {
	r := s.Row
	v, res := r.Verdict, r.Results
	opening := map[result.Action]string{
		result.Reject: "was refused", result.TempFail: "was not accepted yet; your server tries again by itself",
		result.Quarantine: "was held back, and has not reached its recipient yet",
	}[v.Action]
	if opening == "" {
		return ""
	}
	l := &letter{}
	l.paragraph("Hello,")
	l.paragraph(fmt.Sprintf("a message that was sent to the mail server %s %s.", foreign.Line(host, 120), opening))
	l.fact("When", r.Ref.Time().In(zone).Format("Mon, 2 Jan 2006 15:04:05 -0700 (MST)"))
	l.fact("Author", cmp.Or(res.Author.Domain, res.Author.Problem))
	if res.MailFrom != "" {
		l.fact("Sender", shownAddress(res.MailFrom))
	}
	l.fact("Sent by", sentBy(res))
	l.fact("Reference", r.Ref.String())
	l.WriteString("\n")
	l.paragraph("Why: " + explain.Summary(res, v))
	if v.Code != "" {
		l.paragraph("Your server was told: " + v.Code + " " + v.Text)
	}
	if res.DMARC.Status == dmarc.Fail {
		l.WriteString("What was found:\n")
		l.item(explain.SPFFound(res)) // no evidence of forgeries, as forgers read letters too
		l.item(explain.DKIMFound(res))
		l.WriteString("\n")
	}
	if len(s.SenderCan) > 0 {
		l.WriteString("What can be done:\n")
		for _, text := range s.SenderCan {
			l.item(text)
		}
		l.WriteString("\n")
	}
	s.letterRecords(l)
	if v.Action == result.Reject && res.Author.Domain != "" {
		l.paragraph("If you did not send this message, somebody wrote it in your name, and it was right to refuse it. There is nothing to do for you then.")
	}
	return strings.TrimRight(l.String(), "\n") + "\n"
}

// sentBy returns the client with its name.
func sentBy(res *result.Results) string {
	c := res.Client
	name := cmp.Or(c.PTR, c.Helo)
	switch {
	case c.IP == "":
		return name
	case name == "":
		return c.IP
	}
	return c.IP + " (" + name + ")"
}

// shownAddress returns an address as it is kept: a domain alone begins with "@".
func shownAddress(s string) string { return strings.TrimPrefix(s, "?") }
