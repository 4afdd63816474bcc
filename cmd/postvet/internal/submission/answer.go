package submission

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// Result says what became of a submission.
type Result string

// The results.
const (
	// Accepted: the MTA has taken the message.
	Accepted Result = "accepted"
	// Temporary: it has not, and may later.
	Temporary Result = "temporary"
	// Permanent: it refuses the message, its recipient, its sender or us; see the stage.
	Permanent Result = "permanent"
	// Lost: the connection ended behind the message and before the answer. The MTA may
	// have taken it.
	Lost Result = "lost"
)

// Stage is the part of a session that an answer is about.
type Stage string

// The stages, in their order.
const (
	Connect   Stage = "connect"
	Hello     Stage = "hello" // the banner and EHLO
	StartTLS  Stage = "starttls"
	Login     Stage = "auth"
	Mail      Stage = "mail"
	Recipient Stage = "rcpt"
	Data      Stage = "data" // the command, and the message up to its end
	End       Stage = "end"
)

// Answer is what the MTA answered.
type Answer struct {
	Result Result
	Stage  Stage
	// Code is the SMTP code, 0 if there was no answer; Status the enhanced status code
	// (RFC 3463), "" if there was none.
	Code   int
	Status string
	// Text is the answer, or the error where there is none. It is foreign text on one
	// line.
	Text string
	// Err is the error; nil if the message was accepted.
	Err error
}

// OfMessage reports whether a refusal is about the message or its recipient. Any other is
// about the sender or about us, and says nothing of the recipient.
func (a Answer) OfMessage() bool {
	switch a.Stage {
	case Recipient, Data, End:
		return true
	}
	return false
}

const maxText = 300

func shown(s string) string { return foreign.Line(strings.ReplaceAll(s, "\n", " "), maxText) }

// cutStatus cuts the enhanced status code off a reply (RFC 2034).
func cutStatus(s string) (status, text string) {
	first, rest, _ := strings.Cut(s, " ")
	if IsStatus(first) {
		return first, rest
	}
	return "", s
}

// IsStatus reports whether a text is an enhanced status code (RFC 3463 section 2).
func IsStatus(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 || !strings.Contains("245", parts[0]) {
		return false
	}
	for _, p := range parts[1:] {
		if len(p) < 1 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}
