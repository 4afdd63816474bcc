package reportsending

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Action is what a notification says about a recipient (RFC 3464 section 2.3.3).
type Action string

// The actions. Others, such as delivered, count as none.
const (
	NoAction Action = ""
	Failed   Action = "failed"
	Delayed  Action = "delayed"
)

// Notification is what a delivery status notification says.
type Notification struct {
	Action Action
	// Status is the enhanced status code, such as 5.1.1; "" if there is none.
	Status string
	// Text is the diagnostic. It is foreign.
	Text string
	// Recipient is the final recipient, "" if it is not named.
	Recipient string
}

// The bounds of a notification.
const (
	maxNotification = 1 << 20
	maxStatusPart   = 64 << 10
	maxParts        = 20
	maxGroups       = 50
)

// ParseNotification reads a notification: one by RFC 3464, and those that Exim and qmail
// write. Of several recipients it returns what is worst. A message that is none has no
// Action.
func ParseNotification(data []byte) Notification {
	data = data[:min(len(data), maxNotification)]
	r := message.NewReader(bytes.NewReader(data))
	header, err := r.Header()
	if err != nil {
		return Notification{}
	}
	body, err := r.Body()
	if err != nil {
		return Notification{}
	}
	get := func(name string) string {
		for _, f := range header {
			if f.Is(name) {
				return strings.TrimSpace(strings.NewReplacer("\r\n", "", "\n", "").Replace(f.Value()))
			}
		}
		return ""
	}
	kind, parameters, _ := mime.ParseMediaType(get("Content-Type"))
	switch {
	case strings.EqualFold(kind, "multipart/report") && parameters["boundary"] != "":
		return parseParts(body, parameters["boundary"])
	case get("X-Failed-Recipients") != "":
		return withStatus(Notification{Action: Failed, Recipient: addressIn(get("X-Failed-Recipients"))}, body)
	}
	text := bufio.NewReader(body)
	if begin, _ := text.Peek(len(qmail)); string(begin) == qmail {
		return withStatus(Notification{Action: Failed}, text)
	}
	return Notification{}
}

// qmail begins the bounces of qmail.
const qmail = "Hi. This is the qmail-send program"

// parseParts reads the parts of a multipart/report until one has the status.
func parseParts(body io.Reader, boundary string) Notification {
	parts := multipart.NewReader(body, boundary)
	for range maxParts {
		p, err := parts.NextPart()
		if err != nil {
			break
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		switch strings.ToLower(kind) {
		case "message/delivery-status", "message/global-delivery-status":
			return parseStatus(io.LimitReader(p, maxStatusPart))
		}
	}
	return Notification{}
}

// parseStatus reads groups of fields: one about the message, and one for each recipient.
func parseStatus(r io.Reader) (worst Notification) {
	fields := textproto.NewReader(bufio.NewReader(r))
	for range maxGroups {
		group, err := fields.ReadMIMEHeader()
		n := Notification{
			Action: action(group.Get("Action")), Recipient: addressIn(group.Get("Final-Recipient")),
			Text: foreign.Line(strings.TrimSpace(group.Get("Diagnostic-Code")), maxText),
		}
		if s := firstStatus.FindStringSubmatch(group.Get("Status")); s != nil {
			n.Status = s[1]
		}
		switch {
		case n.Action == Failed && worst.Action != Failed, n.Action == Delayed && worst.Action == NoAction:
			worst = n
		}
		if err != nil {
			break
		}
	}
	return worst
}

// action returns the first word of a field.
func action(s string) Action {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return Action(strings.ToLower(word))
}

// addressIn returns the address of a field such as "rfc822; a@example.org".
func addressIn(s string) string {
	if _, after, ok := strings.Cut(s, ";"); ok {
		s = after
	}
	s, _, _ = strings.Cut(strings.TrimSpace(s), ",")
	return foreign.Line(strings.Trim(s, "<> "), 300)
}

var (
	firstStatus = regexp.MustCompile(`^\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})\b`)
	anyStatus   = regexp.MustCompile(`\b(5\.[0-9]{1,3}\.[0-9]{1,3})\b`)
)

// withStatus adds the first status code in a text.
func withStatus(n Notification, body io.Reader) Notification {
	text, _ := io.ReadAll(io.LimitReader(body, 16<<10))
	if s := anyStatus.FindSubmatch(text); s != nil {
		n.Status = string(s[1])
	}
	n.Text = foreign.Line(strings.Join(strings.Fields(string(text)), " "), maxText)
	return n
}
