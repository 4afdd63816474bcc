package inspect

import (
	"context"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// mending is the findings about one record that one new record puts right.
type mending struct{ indexes []int }

// add adds a finding that the new record puts right.
func (m *mending) add(list *finding.List, severity finding.Severity, text string) {
	m.indexes = append(m.indexes, len(*list))
	*list = append(*list, finding.Finding{Severity: severity, Text: text})
}

// settle sets the fix of these findings, which is the same for all of them.
func (m *mending) settle(list finding.List, fix string) {
	for _, i := range m.indexes {
		list[i].Fix = fix
	}
}

// adviser says where a record can be published.
type adviser struct {
	*lookups
	ctx context.Context
	// organization is the Organizational Domain of the inspected one. The reader of
	// the report owns the names below it.
	organization string
}

// publishTXT returns the fix that is one TXT record, "" for no record.
func (a *adviser) publishTXT(name, text string) string {
	switch {
	case text == "":
		return ""
	case len(text) > maxProposal:
		return "the record that would be right is too long to be shown"
	}
	return a.publish(name, quotedTXT(text))
}

// publish returns the fix that is one record. Nothing can stand beside a CNAME (RFC
// 1034 section 3.6.2), so that the record belongs to the name it leads to.
func (a *adviser) publish(name, record string) string {
	alias := a.alias(name)
	switch {
	case alias == "":
		return publish(name, record)
	case message.Below(alias, a.organization):
		return publish(alias, record) + " (" + name + " is a CNAME that leads there)"
	}
	return name + " is a CNAME: have the owner of " + alias + " " + publish(alias, record) + ", or replace the CNAME by that record"
}

// alias returns where a CNAME at the name leads, "" if there is none.
func (a *adviser) alias(name string) string {
	return a.Lookup(a.ctx, name, dnscache.TXT).Canonical
}

// missingTarget returns the end of the CNAME chain at a name that leads nowhere; ""
// if it does not.
func missingTarget(a *dnscache.Answer) string {
	if a.Outcome == dnscache.NXDomain {
		return a.Canonical
	}
	return ""
}

// takeOver returns a sentence about the harm that a CNAME to a missing name can do.
func takeOver(name, target, harm string) string {
	return name + " is an alias (CNAME) of " + target + ", which does not exist: whoever gets hold of that name " + harm + " (take-over risk)"
}
