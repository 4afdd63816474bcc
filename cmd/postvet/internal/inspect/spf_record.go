package inspect

import "strings"

// withAll returns the record with the given all at its end and no other.
func withAll(record, all string) string {
	var keep []string
	for _, f := range strings.Fields(record) {
		if strings.ToLower(strings.TrimLeft(f, "+-?~")) != "all" {
			keep = append(keep, f)
		}
	}
	return strings.Join(append(keep, all), " ")
}

// settleFix proposes one record for all that is wrong with the domain's. mx reports
// that the domain has mail exchangers, which mostly send as well.
func (s *SPF) settleFix(a *adviser, mx bool) {
	text := s.proposed
	listed := "when all that send are listed"
	if text != "" && s.end != "" {
		if text = withAll(text, s.end); s.open && text == "v=spf1 "+s.end {
			// Nothing but the all lets somebody send: without it nobody could.
			if text = ""; mx {
				text = "v=spf1 mx " + s.end
			}
		}
	}
	fix := a.publishTXT(s.domain, text)
	switch {
	case fix == "" && s.open:
		fix = "list the hosts that send by ip4:, ip6:, a:, mx or include:, and end the record in ~all"
	case fix == "":
		fix = "publish one record that can be read: " + s.unreadable
	case s.open:
		fix += " with the other hosts that send; later -all"
	case s.end != "":
		fix += ", and " + listed + " -all"
	}
	s.settle(s.Findings, fix)
}
