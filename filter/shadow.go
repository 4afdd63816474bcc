package filter

import "github.com/postvet/postvet/policy/result"

// shadow has the shadow policy decide about a message that has its verdict. A panic
// there has no effect on the message.
func (s *session) shadow(m *mail, d *Decision) {
	decide := m.handler.shadow
	if decide == nil || m.fault != "" || m.over { // the rules do not differ then
		return
	}
	if !s.conn.CanQuarantine() {
		decide = m.handler.shadowUnheld
	}
	var v result.Verdict
	if !s.srv.guard("shadow", d.QueueID, d.Client, func() { v = decide(d.Results) }) {
		return
	}
	d.Shadow = &v
	s.srv.count.shadowed.Add(1)
	if v.Differs(d.Verdict) {
		s.srv.count.shadowDiffers.Add(1)
	}
}

// shadowText returns the shadow's verdict for the log if it differs, as in "reject
// partners-only"; otherwise "".
func shadowText(d *Decision) string {
	if d.Shadow == nil || !d.Shadow.Differs(d.Verdict) {
		return ""
	}
	return string(d.Shadow.Action) + " " + d.Shadow.Rule
}
