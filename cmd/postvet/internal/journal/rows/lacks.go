package rows

import (
	"strings"

	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/rules"
)

// Lacks returns the facts about a row's message that its store did not keep, as rules ask
// about them.
func (r *Row) Lacks() (l rules.Lacks) {
	res := r.Results
	whole := res.MailFrom != ""
	if strings.HasPrefix(res.MailFrom, NoLocalPart) {
		l, whole = l|rules.LacksMailFrom, false
	}
	for _, to := range res.Recipients {
		if strings.HasPrefix(to, NoLocalPart) {
			l, whole = l|rules.LacksRcpts, false
			break
		}
		whole = true
	}
	if r.CutRecipients || r.Recipients > len(res.Recipients) && l&rules.LacksRcpts == 0 && !res.RecipientsIncomplete {
		l |= rules.LacksRcptDomains | rules.LacksRcpts
	}
	if res.User == SomeUser {
		l |= rules.LacksUser
	}
	if !whole {
		l |= rules.LacksIdentity
	}
	if judgement.Concerns(res) && judgement.Open(res.Evidence) {
		l |= rules.LacksEvidence
	}
	return l
}
