package policy

import (
	"strings"

	"github.com/postvet/postvet/policy/result"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxSubjectTag bounds what is kept of foreign text.
const maxSubjectTag = 40

// forwardFields are left by those who send a message on to another address.
var forwardFields = []string{"X-Forwarded-To", "X-Forwarded-For", "X-Forwarded-Encrypted", "Resent-From", "Resent-To", "Resent-Sender"}

// readMarks looks for the marks in a header.
func readMarks(h message.Header, mailFrom string) result.Marks {
	var m result.Marks
	for _, f := range h {
		switch {
		case f.Is("Received"):
			m.Received++
		case f.Is("Subject"):
			m.SubjectTag = subjectTag(f.Value())
		case m.Forward == "" && isOneOf(f, forwardFields):
			m.Forward = f.Name
		}
	}
	if m.Forward == "" {
		// Senders rewritten by the Sender Rewriting Scheme keep its mark.
		if local, _ := message.SplitPath(mailFrom); len(local) > 4 && strings.EqualFold(local[:3], "SRS") && (local[3] == '0' || local[3] == '1') && strings.ContainsRune("=+-", rune(local[4])) {
			m.Forward = "SRS"
		}
	}
	return m
}

func isOneOf(f message.Field, names []string) bool {
	for _, n := range names {
		if f.Is(n) {
			return true
		}
	}
	return false
}

// subjectTag returns the word in brackets that a Subject begins with, also behind
// "Re:".
func subjectTag(value string) string {
	value = strings.TrimLeft(value, " \t\r\n")
	if len(value) > 3 && strings.EqualFold(value[:3], "Re:") {
		value = strings.TrimLeft(value[3:], " \t\r\n")
	}
	if value == "" || value[0] != '[' {
		return ""
	}
	end := strings.IndexByte(value, ']')
	if end < 2 || end > maxSubjectTag {
		return ""
	}
	return foreign.Line(value[:end+1], maxSubjectTag+1)
}
