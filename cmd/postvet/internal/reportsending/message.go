package reportsending

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/quotedprintable"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// FileName returns the name of the document of an aggregate report (RFC 9990 section
// 3.5.2).
func FileName(r *reports.Report) string {
	return r.Submitter + "!" + r.Domain + "!" + strconv.FormatInt(r.Begin.Unix(), 10) + "!" + strconv.FormatInt(r.End.Unix(), 10) + "!" + r.ID + ".xml.gz"
}

// Compose returns the message that brings a report to an address, without a signature. Its
// octets follow from the report, the address and the settings alone.
func Compose(s *Settings, r *reports.Report, d *reports.Delivery) []byte {
	var b bytes.Buffer
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	field("From", "DMARC reports <"+s.From+">")
	field("To", "<"+d.Address+">")
	field("Subject", subjectOf(r))
	field("Message-ID", messageID(r, d.Address))
	field("Date", r.Created.UTC().Format(time.RFC1123Z))
	field("Auto-Submitted", "auto-generated") // RFC 3834: nobody is to answer
	field("MIME-Version", "1.0")
	if r.Kind == reports.Failure {
		b.Write(r.Document) // it begins with its own Content-Type
	} else {
		writeAggregate(&b, s, r)
	}
	return b.Bytes()
}

// subjectOf returns the Subject. RFC 9990 section 3.5.2 has the form for aggregate reports.
// It is on one line, however long: some readers do not unfold fields.
func subjectOf(r *reports.Report) string {
	if r.Kind == reports.Failure {
		return "DMARC failure report for " + r.Domain
	}
	return "Report Domain: " + r.Domain + " Submitter: " + r.Submitter + " Report-ID: <" + r.ID + ">"
}

// messageID returns the identifier of the message for one address. Each has its own: they
// are different messages.
func messageID(r *reports.Report, address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return "<" + r.ID + "." + hex.EncodeToString(sum[:4]) + "@" + r.Submitter + ">"
}

// writeAggregate writes the content of an aggregate report: a text for people, and the
// document.
func writeAggregate(b *bytes.Buffer, s *Settings, r *reports.Report) {
	boundary := "=_" + r.ID // in no text of quoted-printable or base64
	fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", boundary)
	fmt.Fprintf(b, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", boundary)
	q := quotedprintable.NewWriter(b)
	_, _ = q.Write([]byte(strings.ReplaceAll(introduction(s, r), "\n", "\r\n")))
	_ = q.Close()
	name := FileName(r)
	fmt.Fprintf(b, "\r\n--%s\r\nContent-Type: application/gzip;\r\n name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n", boundary, name, name)
	writeBase64(b, r.Document)
	fmt.Fprintf(b, "--%s--\r\n", boundary)
}

// introduction returns what the message tells a person.
func introduction(s *Settings, r *reports.Report) string {
	contact := s.Email
	if s.Contact != "" {
		contact += "\n         " + s.Contact
	}
	return fmt.Sprintf(`This is an aggregate report by DMARC (RFC 9990). The DMARC record of the
domain asks for it. Programs read the attached document.

Domain:  %s
From:    %s
Period:  %s to %s
Mail:    %d messages
Contact: %s
`, r.Domain, s.OrgName, r.Begin.UTC().Format(time.RFC3339), r.End.UTC().Format(time.RFC3339), r.Messages, contact)
}

// lineLength is that of lines of base64 (RFC 2045 section 6.8).
const lineLength = 76

// writeBase64 writes octets in lines.
func writeBase64(b *bytes.Buffer, data []byte) {
	const octets = lineLength / 4 * 3
	for len(data) > 0 {
		n := min(octets, len(data))
		b.WriteString(base64.StdEncoding.EncodeToString(data[:n]) + "\r\n")
		data = data[n:]
	}
}
