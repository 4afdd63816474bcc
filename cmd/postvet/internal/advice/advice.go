// Package advice says what to publish in the DNS in place of what is wrong there, as a
// record that can be copied into a zone file.
package advice

import (
	"context"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Adviser says where a record can be published.
type Adviser struct {
	// Lookups tells what stands at a name.
	Lookups *lookups.Lookups
	Context context.Context
	// Organization is the Organizational Domain of the inspected one. The reader of
	// the report owns the names below it.
	Organization string
}

// ProposeTXT returns the fix that is one TXT record, the zero value for no record.
func (a *Adviser) ProposeTXT(name, text string) finding.Fix {
	switch {
	case text == "":
		return finding.Fix{}
	case len(text) > MaxProposal:
		return finding.Advise("the record that would be right is too long to be shown")
	}
	return a.Propose(name, QuotedTXT(text))
}

// Propose returns the fix that is one record. Nothing can stand beside a CNAME (RFC
// 1034 section 3.6.2), so that the record belongs to the name it leads to.
func (a *Adviser) Propose(name, record string) finding.Fix {
	alias := a.alias(name)
	if covered := a.wildcard(name); covered != "" && alias == "" {
		return finding.Advise(Publish(name, record) + besides(covered))
	}
	switch {
	case alias == "":
		return Propose(name, record)
	case message.Below(alias, a.Organization):
		return Propose(alias, record).Then(" (" + name + " is a CNAME that leads there)")
	}
	return finding.Advise(name + " is a CNAME: have the owner of " + alias + " " + Publish(alias, record) + ", or replace the CNAME by that record")
}

// alias returns where a CNAME at the name leads, "" if there is none.
func (a *Adviser) alias(name string) string {
	return a.Lookups.Lookup(a.Context, name, dnscache.TXT).Canonical
}

// MissingTarget returns the end of the CNAME chain at a name that leads nowhere; ""
// if it does not.
func MissingTarget(a *dnscache.Answer) string {
	if a.Outcome == dnscache.NXDomain {
		return a.Canonical
	}
	return ""
}

// TakeOver returns a sentence about the harm that a CNAME to a missing name can do.
func TakeOver(name, target, harm string) string {
	return name + " is an alias (CNAME) of " + target + ", which does not exist: whoever gets hold of that name " + harm + " (take-over risk)"
}
