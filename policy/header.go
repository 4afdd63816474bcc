package policy

import (
	"fmt"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// maxClaims is how many fields in our name are removed from one message. A message
// with more does not pass.
const maxClaims = 1000

// Field takes the next header field.
func (m *Message) Field(f message.Field) { m.field(f, false) }

// TruncatedField takes the beginning of a field whose value was not read to its
// end. Nobody knows what the field says, so it counts as ours if its name does, and
// the message is oversize.
func (m *Message) TruncatedField(f message.Field) { m.field(f, true) }

// HeaderRoom returns how many octets of header may still come before the message is
// oversize. A larger field need not be read whole, see [Message.TruncatedField].
// It must be handed over all the same, since forgeries are removed wherever in a
// header they stand (RFC 8601 section 5).
func (m *Message) HeaderRoom() int {
	return max(m.conn.checker.opt.MaxHeaderBytes-m.headerBytes, 0)
}

func (m *Message) field(f message.Field, truncated bool) {
	m.noteClaim(f, truncated)
	if m.oversize != "" {
		return
	}
	o := &m.conn.checker.opt
	m.headerBytes += len(f.Raw)
	switch {
	case truncated || m.headerBytes > o.MaxHeaderBytes:
		m.exceed(fmt.Sprintf("the header is larger than %d octets", o.MaxHeaderBytes))
	case m.exempt != "" && !m.ours && !m.handedOn: // its header is not needed
	case len(m.header) >= o.MaxFields:
		m.exceed(fmt.Sprintf("the header has more than %d fields", o.MaxFields))
	default:
		if m.header == nil {
			m.header = make(message.Header, 0, usualFields)
		}
		m.header = append(m.header, f)
	}
}

// exceed notes the first limit that the message exceeds. An oversize message is not
// evaluated.
func (m *Message) exceed(limit string) {
	if m.oversize == "" {
		m.oversize = limit
	}
	m.header = nil
}

// size returns the octets of header and body; of an exempt message only the body
// counts.
func (m *Message) size() int64 {
	if m.exempt != "" {
		return m.bodyBytes
	}
	return int64(m.headerBytes) + m.bodyBytes
}

// claims are the fields of a message that speak in our name.
type claims struct {
	results, tags int // fields named ResultsField and QuarantineField so far
	fields        []result.FieldRef
	incomplete    bool // there are more than these
}

// OurName returns the name under which a field speaks for this server:
// [result.ResultsField] or [result.QuarantineField]; "" for any other field.
func OurName(f message.Field) string {
	switch {
	case f.Is(result.ResultsField):
		return result.ResultsField
	case f.Is(result.QuarantineField):
		return result.QuarantineField
	}
	return ""
}

// noteClaim notes a field that speaks in our name. RFC 8601 section 5 leaves trusted
// internal clients alone, since what they hand on may be our own work.
func (m *Message) noteClaim(f message.Field, truncated bool) {
	name := OurName(f)
	if name == "" {
		return
	}
	occurrence := &m.claims.results
	if name == result.QuarantineField {
		occurrence = &m.claims.tags
	}
	*occurrence++
	if m.exempt == result.ExemptAddress || m.exempt == result.ExemptLocal || m.exempt == result.ExemptForwarded {
		return
	}
	ours := true
	if name == result.ResultsField && !truncated {
		var fault string
		ours, fault = guard(func() bool { return authres.Claims(f, m.conn.checker.opt.AuthservID) })
		m.fault("authres", fault)
		ours = ours || fault != ""
	}
	switch {
	case !ours:
	case len(m.claims.fields) >= maxClaims:
		m.claims.incomplete = true
	default:
		m.claims.fields = append(m.claims.fields, result.FieldRef{Name: name, Occurrence: *occurrence})
	}
}
