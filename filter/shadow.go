package filter

import (
	"github.com/emersion/go-milter"
	"github.com/postvet/postvet/policy/result"
	"go.uber.org/zap"
)

// shadow asks the shadow policy about a message that has its verdict. What goes
// wrong there touches nothing else.
func (s *session) shadow(m *mail, d *Decision) {
	if m.judge.shadow == nil || m.fault != "" {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			s.srv.count.panics.Add(1)
			s.srv.log.Error("panic",
				text("queue", d.QueueID), zap.String("client", clientIP(d.Client)),
				zap.String("during", "shadow"), zapPanic(v), zap.Stack("stack"))
		}
	}()
	decide := m.judge.shadow
	if !s.wire.agreed.can(milter.OptQuarantine) {
		decide = m.judge.shadowUnheld
	}
	v := decide(d.Results)
	d.Shadow = &v
	s.srv.count.shadowed.Add(1)
	if v.Differs(d.Verdict) {
		s.srv.count.shadowDiffers.Add(1)
	}
}

// shadowText is the shadow's verdict where it differs, for the log: "reject
// partners-only"; "" where it does not.
func shadowText(d *Decision) string {
	if d.Shadow == nil || !d.Shadow.Differs(d.Verdict) {
		return ""
	}
	return string(d.Shadow.Action) + " " + d.Shadow.Rule
}

// matched are the rules of the admin's own that matched: "newsletter", or
// "partners (monitor)".
func matched(v result.Verdict) []string {
	out := make([]string, len(v.Matched))
	for i, m := range v.Matched {
		out[i] = m.Rule
		if m.Monitor {
			out[i] += " (monitor)"
		}
	}
	return out
}
