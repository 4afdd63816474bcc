package inspect

import (
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/policy/dmarc"
)

// settleFix proposes one record for all that is wrong with the domain's. rua is the URI
// for reports of a record that names none. Mending a record never raises its policy: what
// would do so is a fix of its own, which has a condition.
func (m *DMARC) settleFix(a *advice.Adviser, rua string) {
	if len(m.texts) == 0 {
		return
	}
	text := strings.Join(m.texts, "; ")
	p := repair.DMARC(text, rua)
	propose := func(record string) finding.Fix {
		fix := a.ProposeTXT(m.at, record)
		switch {
		case sameTags(record, text) && rua == "":
			return finding.Advise("add rua= with an address of a domain that takes mail")
		case fix.Text == "":
			return finding.Advise("publish one record at " + m.at + " with one policy: " + p.Unreadable)
		}
		return fix
	}
	fix := propose(p.Text)
	if heldBack(m.text) {
		const when = ", but only when all mail may be treated so: receivers that go by RFC 7489 still heed "
		raise := finding.Advise("remove pct=" + m.percent + " as well" + when + "it")
		if len(m.indexes) == 0 {
			raise = fix.Words().Then(when + "pct=" + m.percent)
		}
		m.raises.settle(m.Findings, raise)
		fix = propose(withPercent(p.Text, m.percent))
	}
	fix.Changes = append(fix.Changes, m.remove...)
	m.settle(m.Findings, fix)
}

// heldBack reports whether receivers that go by RFC 7489, and know pct= but not t=, apply the
// enforced policy of a record to a part of the mail: without pct= it is raised for them.
func heldBack(text string) bool {
	rec, err := dmarc.ParseRecord(text)
	n, wrong := strconv.ParseUint(percentOf(text), 10, 8)
	return err == nil && wrong == nil && rec.P != dmarc.PolicyNone && 0 < n && n < 100
}

// percentOf returns the value of pct= in a record, "" for none.
func percentOf(record string) string {
	_, percent, _ := strings.Cut(tagOf(record, "pct"), "=")
	return strings.TrimSpace(percent)
}

// withPercent returns a record with pct=, before the addresses for reports; "" for none.
func withPercent(record, percent string) string {
	if record == "" {
		return ""
	}
	policy, reports, found := strings.Cut(record, "; ru")
	policy = withoutTag(policy, "pct") + "; pct=" + percent
	if found {
		policy += "; ru" + reports
	}
	return policy
}

// sameTags reports whether two records have the same tags in the same order.
func sameTags(a, b string) bool { return withoutTag(a, "") == withoutTag(b, "") }
