package policy

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// maxSubjectTag bounds the octets of a tag in the Subject.
const maxSubjectTag = 40

// forwardFields are fields that forwarders write.
var forwardFields = []string{"X-Forwarded-To", "X-Forwarded-For", "X-Forwarded-Encrypted", "Resent-From", "Resent-To", "Resent-Sender"}

// readMarks returns the marks of forwarders in a header and a reverse-path.
func readMarks(h message.Header, mailFrom string) result.Marks {
	var m result.Marks
	for _, f := range h {
		switch {
		case f.Is("Received"):
			m.Received++
		case f.Is("Subject"):
			m.SubjectTag = subjectTag(f.Value())
		case m.Forward == "" && slices.ContainsFunc(forwardFields, f.Is):
			m.Forward = f.Name
		}
	}
	if m.Forward == "" {
		// A sender that the Sender Rewriting Scheme rewrote begins with SRS0 or SRS1.
		if local, _ := message.SplitPath(mailFrom); len(local) > 4 && strings.EqualFold(local[:3], "SRS") && (local[3] == '0' || local[3] == '1') && strings.ContainsRune("=+-", rune(local[4])) {
			m.Forward = result.ForwardSRS
		}
	}
	return m
}

// subjectTag returns the word in brackets that a Subject begins with, perhaps behind
// "Re:"; "" for none.
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
