package watch

import (
	"bytes"
	"crypto/rand"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// Message returns a mail to a person, with lines that end in CRLF. from and to are valid
// addresses.
func Message(from, to, subject, text string, at time.Time) []byte {
	var b bytes.Buffer
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	_, domain, _ := strings.Cut(from, "@")
	field("From", "Postvet <"+from+">")
	field("To", "<"+to+">")
	field("Subject", foreign.Line(subject, 200))
	field("Message-ID", "<"+strings.ToLower(rand.Text())+"@"+domain+">")
	field("Date", at.UTC().Format(time.RFC1123Z))
	field("Auto-Submitted", "auto-generated") // RFC 3834: nobody is to answer
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(strings.ReplaceAll(foreign.TerminalLines(text), "\n", "\r\n"))) // a Buffer never fails
	_ = q.Close()
	return b.Bytes()
}
