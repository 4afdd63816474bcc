package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/sign"
)

// compare compares what we would do to a message with what a signer before us did. The
// message stays as it is.
func (m *Message) compare(res *result.Signing) {
	if res.Reason == sign.NotOriginating {
		return // the other signer is for our users
	}
	dry := &result.DryRun{}
	res.DryRun = dry
	theirs, found := m.otherSignature()
	switch {
	case found && len(res.Fields) > 0:
		dry.Detail = m.difference(res, theirs)
		dry.Outcome = result.DryRunAlike
		if dry.Detail != "" {
			dry.Outcome = result.DryRunDiffers
		}
	case found:
		dry.Outcome = result.DryRunTheirs
		dry.Detail = "it signed as " + nameOf(theirs)
	case len(res.Fields) > 0:
		dry.Outcome = result.DryRunOurs
	default:
		dry.Outcome = result.DryRunNeither
	}
	res.Fields, res.Append, res.Change, res.Remove = nil, nil, nil, nil
	res.KeyFault = false
}

// otherSignature returns the topmost signature by the author's domain or a parent of it,
// or by the domain that we would sign as.
func (m *Message) otherSignature() (s *dkim.Signature, found bool) {
	for _, f := range m.header {
		if !f.Is("DKIM-Signature") {
			continue
		}
		s, err := dkim.ParseSignature(f)
		if err != nil {
			continue
		}
		if domain := s.KeyRef().Domain; strings.HasSuffix("."+m.author.Domain, "."+domain) || domain == m.signing.result.Domain {
			return s, true
		}
	}
	return nil, false
}

// difference returns what of two signatures differs, "" if nothing does that matters:
// the domain, the selector, a field that only the other covers, and that the other does
// not verify.
func (m *Message) difference(res *result.Signing, theirs *dkim.Signature) string {
	ref := theirs.KeyRef()
	var list []string
	if ref.Domain != res.Domain || ref.Selector != res.Selector {
		list = append(list, fmt.Sprintf("it signed as %s, we would as %s/%s", nameOf(theirs), res.Domain, res.Selector))
	}
	ours := coveredBy(res.Fields[0])
	var alone []string
	for _, name := range coveredNames(theirs) {
		if !slices.Contains(ours, name) && !slices.Contains(alone, name) {
			alone = append(alone, name)
		}
	}
	if len(alone) > 0 {
		list = append(list, "it alone covers "+foreign.Word(strings.Join(alone, ":"), maxAlone))
	}
	if s := m.signing; s.own != nil {
		for _, r := range s.own.Finish(s.refs) {
			if r.Domain == ref.Domain && r.Selector == ref.Selector && r.Status == dkim.Fail {
				list = append(list, "its signature does not verify: "+r.Reason)
				break
			}
		}
	}
	return strings.Join(list, "; ")
}

// maxAlone bounds the names of fields in a detail, in octets.
const maxAlone = 200

func nameOf(s *dkim.Signature) string {
	ref := s.KeyRef()
	return foreign.Word(ref.Domain, maxAlone) + "/" + foreign.Word(ref.Selector, maxAlone)
}

// coveredBy returns the fields that a signature covers, in lower case.
func coveredBy(f message.Field) []string {
	s, err := dkim.ParseSignature(f)
	if err != nil {
		return nil
	}
	return coveredNames(s)
}

func coveredNames(s *dkim.Signature) []string {
	names := slices.Clone(s.SignedFields)
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
	return names
}
