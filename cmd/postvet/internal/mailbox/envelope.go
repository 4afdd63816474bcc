package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/message"
)

// Limits of an envelope.
const (
	maxSidecar    = 256 << 10
	maxRecipients = 1000
	maxValue      = 1024
)

// Envelope is how a stored message came.
type Envelope struct {
	message.Envelope
	// Time is when it came; zero if that is not known.
	Time time.Time
}

// newEnvelope returns an envelope of which nothing is known.
func newEnvelope() Envelope {
	return Envelope{Envelope: message.Envelope{Sender: message.Sender{Unknown: true}}}
}

// TakeEnvelope returns the envelope of the message, and takes it off its header.
// Without one it returns what deliveries left on top of the header.
//
// With received it also looks for the last hop into this host among the Received
// fields: the topmost one that names a client on another host. The fields above it
// are those of our own content filters and delivery agents. All of them are taken
// off the header, for a milter does not see them.
func (m *Message) TakeEnvelope(received bool) (Envelope, error) {
	e := newEnvelope()
	rest, found, err := e.readFields(m.Header)
	if err != nil {
		return Envelope{}, err
	}
	beside, err := m.sidecar()
	switch {
	case err != nil:
		return Envelope{}, err
	case beside != nil:
		e = *beside
	case found:
	case m.wrong != nil:
		return Envelope{}, fmt.Errorf("its envelope: %w", m.wrong)
	case m.stored != nil:
		e = *m.stored
		if received {
			_, rest, _ = lastHop(rest)
		}
	default:
		e.readDelivery(m.Header)
		if received {
			rest = m.readHops(&e, rest)
		}
	}
	m.Header = rest
	return e, nil
}

// sidecar returns the envelope beside the file, nil if there is none.
func (m *Message) sidecar() (*Envelope, error) {
	if m.file == "" {
		return nil, nil
	}
	f, err := input.OpenRegular(m.file + sidecarSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("its envelope: %w", input.Cause(err))
	}
	defer f.Close()
	e := newEnvelope()
	if err := e.readSidecar(f); err != nil {
		return nil, fmt.Errorf("its envelope, %w", input.Cause(err))
	}
	return &e, nil
}

// set sets one part of the envelope.
func (e *Envelope) set(key, value string) error {
	if len(value) > maxValue {
		return fmt.Errorf("%s has %d octets; write at most %d", key, len(value), maxValue)
	}
	switch key {
	case "ip":
		ip, err := netip.ParseAddr(value)
		if err != nil {
			return fmt.Errorf("%q is no address; write one such as 192.0.2.1", value)
		}
		e.Client.IP = ip.Unmap().WithZone("")
	case "helo":
		e.Helo = value
	case "mail-from":
		e.setPath(value)
	case "rcpt":
		if len(e.Recipients) >= maxRecipients {
			return fmt.Errorf("there are more than %d recipients", maxRecipients)
		}
		e.Recipients = append(e.Recipients, withoutBrackets(value))
	case "user":
		e.Sender.User = value
	case "tls":
		e.Sender.TLS = value
	case "listener":
		e.Client.Listener = value
	case "time":
		at, err := ParseTime(value)
		if err != nil {
			return err
		}
		e.Time = at
	default:
		return fmt.Errorf("%q is not known; write ip, helo, mail-from, rcpt, user, tls, listener or time", key)
	}
	return nil
}

// ParseTime reads a time of RFC 3339, or seconds since 1970.
func ParseTime(s string) (time.Time, error) {
	const last = 253402300799 // 9999-12-31T23:59:59Z
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= last {
		return time.Unix(n, 0).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return at, fmt.Errorf("%q is no time; write one such as 2026-05-01T12:00:00Z or 1777636800", s)
	}
	return at, nil
}

// setPath sets the reverse-path.
func (e *Envelope) setPath(path string) {
	e.Sender.Path, e.Sender.Unknown = withoutBrackets(strings.TrimSpace(path)), false
}

// withoutBrackets takes off the angle brackets of a path.
func withoutBrackets(s string) string {
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		return s[1 : len(s)-1]
	}
	return s
}
