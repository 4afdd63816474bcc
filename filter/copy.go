package filter

import (
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/message"
)

// Copy is a copy of a message that is made while the message arrives: first its header,
// with every field as it came, then an empty line and its body.
type Copy interface {
	// Write takes the next octets, which are overwritten after the call. It must return
	// at once. What it returns is ignored.
	Write(p []byte) (int, error)
	// Drop ends a copy that nobody takes over: the message got no verdict, or
	// Options.OnMessage panicked, perhaps after it took the copy over.
	Drop()
}

// beginCopy begins a copy of the message if one of its recipients asks for that.
func (s *session) beginCopy(m *mail, to milter.Recipient) {
	if s.srv.opt.Copy == nil || m.copy != nil {
		return
	}
	s.guardCopy(m, func() { m.copy = s.srv.opt.Copy(to.Path) })
}

// guardCopy calls f. A panic in it costs the copy, and the message nothing.
func (s *session) guardCopy(m *mail, f func()) {
	if !s.srv.guard("copy", s.conn.QueueID(), s.client, f) {
		s.dropCopy(m)
	}
}

// copyField copies a field.
func (s *session) copyField(m *mail, f milter.Field) {
	if m.copy == nil {
		return
	}
	s.guardCopy(m, func() { _, _ = m.copy.Write([]byte(message.NewField(f.Name, f.Value).Raw)) })
}

// endOfHeader is the line between header and body.
var endOfHeader = []byte("\r\n")

// copyBody copies octets of the body, or the empty line before it.
func (s *session) copyBody(m *mail, p []byte) {
	if m.copy != nil {
		s.guardCopy(m, func() { _, _ = m.copy.Write(p) })
	}
}

// dropCopy ends a copy, if there is one.
func (s *session) dropCopy(m *mail) {
	if c := m.copy; c != nil {
		m.copy = nil
		s.srv.guard("copy", s.conn.QueueID(), s.client, c.Drop)
	}
}

// dropCopies ends the copies that a panic outside of guard has left.
func (s *session) dropCopies() {
	if m := s.mail; m != nil {
		s.dropCopy(m)
	}
	if d := s.decision; d != nil && d.Copy != nil {
		s.decision = nil
		s.srv.guard("copy", d.QueueID, d.Client, d.Copy.Drop)
	}
}
