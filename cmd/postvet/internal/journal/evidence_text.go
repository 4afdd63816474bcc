package journal

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
)

// tellEvidence sets the sentences about the records of a story.
func (s *Story) tellEvidence() {
	for i := range s.Evidence {
		e := &s.Evidence[i]
		e.Says = append([]string{e.saysThen()}, e.saysNow()...)
		if then, _ := spfOf(s.Row.Results, e.Place); e.Standard == rows.SPF && e.Now != nil && e.Now.SPF != "" && e.Now.SPF != then.Status {
			text := "the client would get spf=" + string(e.Now.SPF) + " today"
			if e.Then != "" && explain.RecordChange(e.Then, e.Now.Text) == "" {
				text += ", since a name that the record refers to has changed"
			}
			e.Says = append(e.Says, text)
		}
	}
}

// what names a record.
func (e *Evidence) what() string {
	name := foreign.Line(e.Name, 200)
	switch e.Standard {
	case rows.SPF:
		return "SPF record of " + name
	case rows.DMARC:
		return "DMARC record at " + name
	default:
		return "DKIM key at " + name
	}
}

func (e *Evidence) saysThen() string {
	switch {
	case e.None:
		return "there was no " + e.what()
	case e.Failed:
		return "the " + e.what() + " could not be looked up then"
	case e.Then == "":
		return "the " + e.what() + " of that time is not kept"
	case e.Doubtful:
		return "their " + e.what() + " then, or another one, as it changed back and forth: " + e.cited(e.Then)
	}
	return "their " + e.what() + " then: " + e.cited(e.Then)
}

// saysNow returns what differs today; nil if the DNS was not asked.
func (e *Evidence) saysNow() []string {
	now := e.Now
	switch {
	case now == nil:
		return nil
	case now.Failure != "":
		return []string{"what it says today is not known: " + foreign.Line(now.Failure, 200)}
	case now.Text == "" && now.Problem != "":
		return []string{"today " + foreign.Line(now.Problem, 200)}
	case now.Text == "" && e.None:
		return []string{"nor is there one today"}
	case now.Text == "" && e.Standard == rows.DKIM:
		return []string{"since then the key is gone"}
	case now.Text == "":
		return []string{"since then it is gone"}
	case e.None:
		return []string{"since then they published one" + e.elsewhere() + ": " + e.cited(now.Text)}
	case e.elsewhere() != "":
		return []string{"today another one governs" + e.elsewhere() + ": " + e.cited(now.Text)}
	case e.Then == "":
		return []string{"today: " + e.cited(now.Text)}
	}
	if change := explain.RecordChange(e.Then, now.Text); change != "" {
		return []string{"since then they " + change}
	}
	return []string{"it is the same today"}
}

// elsewhere returns the name of the record that governs today, if it is another one.
func (e *Evidence) elsewhere() string {
	if e.Now.Name == "" || e.Now.Name == e.Name {
		return ""
	}
	return " at " + foreign.Line(e.Now.Name, 200)
}

// maxKeyText bounds the text of a key in a sentence. Nobody reads a key.
const maxKeyText = 60

// cited returns a record for a sentence.
func (e *Evidence) cited(text string) string {
	if e.Standard != rows.DKIM {
		return foreign.Line(text, 500)
	}
	head, key, found := strings.Cut(text, "p=")
	if found && len(key) > maxKeyText {
		key = key[:24] + "..."
	}
	if found {
		head += "p="
	}
	return foreign.Line(head+key, 300)
}
