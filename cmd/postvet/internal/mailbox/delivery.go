package mailbox

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/message"
)

// readDelivery reads what a delivery left above the Received fields: Return-Path (RFC
// 5321 section 4.4), and the fields of the recipient that Postfix and Exim write.
// Fields below them were written earlier, by others.
func (e *Envelope) readDelivery(header message.Header) {
	for _, f := range header {
		switch {
		case f.Is("Received"):
			return
		case f.Is("Return-Path") && e.Sender.Unknown:
			e.setPath(f.Value())
		case (f.Is("Delivered-To") || f.Is("X-Original-To") || f.Is("Envelope-To")) && len(e.Recipients) == 0:
			e.Recipients = []string{withoutBrackets(strings.TrimSpace(f.Value()))}
		}
	}
}

// maxHops bounds how many Received fields are read. Postfix ends a loop after 50,
// Sendmail after 25.
const maxHops = 50

// noName is the user of a client that had logged in, if its host does not say as whom.
const noName = "(not named)"

// readHops takes client, login and time from the last hop into this host, and returns
// the header without the Received fields of this host.
func (m *Message) readHops(e *Envelope, header message.Header) message.Header {
	hop, rest, problem := lastHop(header)
	if problem != "" {
		m.Notes = append(m.Notes, problem)
		return header
	}
	e.Client.IP, e.Helo, e.Time = hop.IP, hop.Helo, hop.time
	if hop.Authenticated {
		if e.Sender.User = hop.User; hop.User == "" {
			e.Sender.User = noName
		}
	}
	return rest
}

// hop is a Received field with its time.
type hop struct {
	message.Received
	time time.Time
}

// lastHop returns the last hop into this host, and the header without the Received
// fields that this host wrote. problem says why the hop is not known; the header is
// then as it was.
//
// This host wrote the topmost field. If that names a client on loopback, which is a
// content filter, this host wrote the next field too. So it did below the field of an
// agent that delivers by LMTP from a local socket and names no address. A client on
// loopback with no field below is the sender's program itself.
func lastHop(header message.Header) (last hop, rest message.Header, problem string) {
	own := 0
	for _, f := range header {
		if !f.Is("Received") {
			continue
		}
		if own++; own > maxHops {
			return last, header, fmt.Sprintf("more than %d Received fields of this host", maxHops)
		}
		r := message.ParseReceived(f)
		switch {
		case r.Relayed, !r.IP.IsValid() && !r.Local && isLMTP(f):
			continue
		case r.Problem != "":
			return hop{}, header, fmt.Sprintf("field %d of Received names no client: %s", own, r.Problem)
		case r.Local && !last.IP.IsValid():
			return hop{}, header, fmt.Sprintf("field %d of Received names no client: the message was submitted on that host", own)
		case !r.Local:
			last = hop{r, timeOf(f)}
		default:
			own-- // what handed it to the filter on loopback
		}
		if !r.IP.IsLoopback() {
			break
		}
	}
	if !last.IP.IsValid() {
		return hop{}, header, ""
	}
	return last, withoutReceived(header, own), ""
}

// isLMTP reports whether a field is that of an agent that delivers by LMTP (RFC 2033).
func isLMTP(f message.Field) bool { return strings.Contains(message.ReceivedProtocol(f), "LMTP") }

// timeOf returns the time of a Received field; zero if it has none.
func timeOf(f message.Field) time.Time {
	value := f.Value()
	at, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndexByte(value, ';')+1:]))
	if err != nil {
		return time.Time{}
	}
	return at
}

// withoutReceived returns a header without its n topmost Received fields.
func withoutReceived(header message.Header, n int) message.Header {
	return slices.DeleteFunc(slices.Clone(header), func(f message.Field) bool {
		if n == 0 || !f.Is("Received") {
			return false
		}
		n--
		return true
	})
}
