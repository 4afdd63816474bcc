package trial

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/message"
)

// Sidecar is what is behind the name of a message in the name of its envelope.
const Sidecar = ".envelope"

// Limits of an envelope.
const (
	maxSidecar    = 256 << 10
	maxRecipients = 1000
	maxValue      = 1024
)

// envelope is how a message came.
type envelope struct {
	client     message.Client
	helo       string
	sender     message.Sender
	recipients []string
	time       time.Time // zero for now
}

// envelopeOf finds the envelope of a message: beside it, or in fields on its
// top, which it takes off. Without either it is guessed, the client only if
// received is set.
func envelopeOf(file string, header message.Header, received bool) (*envelope, message.Header, error) {
	var e envelope
	rest, found, err := e.readFields(header)
	if err != nil {
		return nil, nil, err
	}
	f, _, err := open(file + Sidecar)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !found {
			e.guess(header, received)
		}
		return &e, rest, nil
	case err != nil:
		return nil, nil, fmt.Errorf("its envelope: %w", plain(err))
	}
	defer f.Close()
	e = envelope{}
	if err := e.readSidecar(f); err != nil {
		return nil, nil, fmt.Errorf("its envelope, %w", plain(err))
	}
	return &e, rest, nil
}

// readSidecar reads "key value" lines.
func (e *envelope) readSidecar(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxSidecar+1))
	if err != nil {
		return err
	}
	if len(text) > maxSidecar { // half an envelope is another one
		return fmt.Errorf("line %d: the file has more than %d KB", 1+bytes.Count(text, []byte("\n")), maxSidecar>>10)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if err := e.set(strings.TrimSuffix(key, ":"), strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// envelopeFields are the keys of the fields X-Envelope-...
var envelopeFields = map[string]string{
	"ip": "ip", "helo": "helo", "from": "mail-from", "to": "rcpt", "user": "user", "tls": "tls", "listener": "listener", "time": "time",
}

const envelopePrefix = "X-Envelope-"

// readFields takes the X-Envelope fields off the top of a header.
func (e *envelope) readFields(header message.Header) (rest message.Header, found bool, err error) {
	for i, f := range header {
		if len(f.Name) <= len(envelopePrefix) || !strings.EqualFold(f.Name[:len(envelopePrefix)], envelopePrefix) {
			return header[i:], found, nil
		}
		key, known := envelopeFields[strings.ToLower(f.Name[len(envelopePrefix):])]
		if !known {
			return header[i:], found, nil
		}
		if err := e.set(key, strings.TrimSpace(f.Value())); err != nil {
			return nil, false, fmt.Errorf("%s: %w", f.Name, err)
		}
		found = true
	}
	return nil, found, nil
}

func (e *envelope) set(key, value string) error {
	if len(value) > maxValue {
		return fmt.Errorf("%s has %d octets; write at most %d", key, len(value), maxValue)
	}
	switch key {
	case "ip":
		ip, err := netip.ParseAddr(value)
		if err != nil {
			return fmt.Errorf("%q is no address; write one such as 192.0.2.1", value)
		}
		e.client.IP = ip.Unmap().WithZone("")
	case "helo":
		e.helo = value
	case "mail-from":
		e.sender.Path = bare(value)
	case "rcpt":
		if len(e.recipients) >= maxRecipients {
			return fmt.Errorf("there are more than %d recipients", maxRecipients)
		}
		e.recipients = append(e.recipients, bare(value))
	case "user":
		e.sender.User = value
	case "tls":
		e.sender.TLS = value
	case "listener":
		e.client.Listener = value
	case "time":
		at, err := ParseTime(value)
		if err != nil {
			return err
		}
		e.time = at
	default:
		return fmt.Errorf("%q is not known; write ip, helo, mail-from, rcpt, user, tls, listener or time", key)
	}
	return nil
}

// ParseTime reads RFC 3339, or seconds since 1970.
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

// guess takes what a delivery has left on top of the header: RFC 5321 section
// 4.4 for Return-Path; the others are Postfix's. The topmost Received field is that
// of our own MTA, if no other host of ours stands between; what stands below it was
// written earlier, by others.
func (e *envelope) guess(header message.Header, received bool) {
	from := false
	for _, f := range header {
		switch {
		case f.Is("Received"):
			if received {
				e.guessClient(f)
			}
			return
		case f.Is("Return-Path") && !from:
			from = true
			e.sender.Path = bare(strings.TrimSpace(f.Value()))
		case (f.Is("Delivered-To") || f.Is("X-Original-To")) && len(e.recipients) == 0:
			e.recipients = []string{bare(strings.TrimSpace(f.Value()))}
		}
	}
}

// guessClient takes client and time from a Received field.
func (e *envelope) guessClient(f message.Field) {
	r := message.ParseReceived(f)
	if r.Problem != "" || !r.IP.IsValid() {
		return
	}
	e.client.IP, e.helo = r.IP, r.Helo
	value := f.Value()
	if at, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndexByte(value, ';')+1:])); err == nil {
		e.time = at
	}
}

// bare takes off angle brackets.
func bare(s string) string {
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		return s[1 : len(s)-1]
	}
	return s
}
