package inspect

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/spf"
)

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

// without returns the record without terms, each of which is removed once.
func without(record string, terms []string) string {
	fields := strings.Fields(record)
	for _, t := range terms {
		if i := slices.Index(fields, t); i >= 0 {
			fields = slices.Delete(fields, i, i+1)
		}
	}
	return strings.Join(fields, " ")
}

// letsNobodySend reports whether nothing but an all is left of a record.
func letsNobodySend(text string) bool {
	rec, err := spf.ParseRecord(text)
	return err == nil && rec.Redirect() == nil && !slices.ContainsFunc(rec.Terms, func(t spf.Term) bool { return t.Mechanism != "" && t.Mechanism != "all" })
}

// settleFix proposes one record for all that is wrong with the domain's. receivers is the
// mechanism that names the hosts which receive, as these mostly send as well; "" if none does.
func (s *SPF) settleFix(a *advice.Adviser, receivers string) {
	text := without(s.proposed, s.drop)
	if s.wide = s.wide || lacksBounds(text); s.wide {
		text, s.open = "", true
	}
	unsure := s.open // who sends is not known
	if letsNobodySend(text) && (len(s.drop) > 0 || receivers != "" && !strings.Contains(strings.ToLower(text), "all")) {
		unsure = true // "v=spf1" alone is no statement that nobody sends
	}
	if text != "" && s.end != "" {
		text = withAll(text, s.end)
	}
	if unsure && letsNobodySend(text) {
		// Nothing but the all lets somebody send: without it nobody could.
		if s.end, text = "~all", ""; receivers != "" {
			text = "v=spf1 " + receivers + " ~all"
		}
	}
	fix := a.ProposeTXT(s.domain, text)
	switch {
	case fix.Text == "" && unsure:
		fix = finding.Advise("list the hosts that send by ip4:, ip6:, a:, mx or include:, and end the record in ~all")
	case fix.Text == "":
		fix = finding.Advise("publish one record that can be read: " + s.unreadable)
	case unsure:
		fix = fix.Then(" with the other hosts that send; later -all")
	case s.end != "":
		fix = fix.Then(", and when all that send are listed -all")
	}
	s.settle(s.Findings, fix)
}

// lacksBounds reports whether a term of a record that is to be proposed names more than
// every hundredth address by itself.
func lacksBounds(text string) bool {
	rec, err := spf.ParseRecord(text)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(rec.Terms, func(t spf.Term) bool {
		isHost := t.Mechanism == "a" || t.Mechanism == "mx"
		return t.Qualifier == "+" && (t.Network.IsValid() && t.Network.Bits() < 7 || isHost && (t.Prefix4 < 7 || t.Prefix6 < 7))
	})
}
