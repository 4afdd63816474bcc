package mailbox

import (
	"net/mail"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// readDelivery reads what a delivery left on top of the header: Return-Path (RFC 5321
// section 4.4), and the fields of the recipient that Postfix writes. The topmost
// Received field was written by our own MTA, if no other host is between the two;
// fields below it were written earlier, by others.
func (e *Envelope) readDelivery(header message.Header, received bool) {
	from := false
	for _, f := range header {
		switch {
		case f.Is("Received"):
			if received {
				e.readReceived(f)
			}
			return
		case f.Is("Return-Path") && !from:
			from = true
			e.Sender.Path = withoutBrackets(strings.TrimSpace(f.Value()))
		case (f.Is("Delivered-To") || f.Is("X-Original-To")) && len(e.Recipients) == 0:
			e.Recipients = []string{withoutBrackets(strings.TrimSpace(f.Value()))}
		}
	}
}

// readReceived takes client and time from a Received field.
func (e *Envelope) readReceived(f message.Field) {
	r := message.ParseReceived(f)
	if r.Problem != "" || !r.IP.IsValid() {
		return
	}
	e.Client.IP, e.Helo = r.IP, r.Helo
	value := f.Value()
	if at, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndexByte(value, ';')+1:])); err == nil {
		e.Time = at
	}
}
