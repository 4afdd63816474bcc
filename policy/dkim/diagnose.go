package dkim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxChanged bounds Result.Changed.
const maxChanged = 10

// Probe registers more body hashes if Options.Diagnose is set. They show how a body
// was changed. Call Probe after all other hashes are registered, because the number
// of body hashes is bounded.
func (v *Verifier) Probe(bodies *Bodies) {
	if !v.opt.Diagnose {
		return
	}
	for _, c := range v.checks {
		if c.err == nil && c.sig.BodyForm == Simple {
			c.probe = bodies.Hash(Relaxed, c.sig.Hash, c.sig.BodyLength)
		}
		if c.err == nil && c.sig.BodyLength < 0 {
			c.appended = bodies.findAppended(c.sig)
		}
	}
}

// diagnose returns Result.Diagnosis for a signature that does not match the body or
// the header.
func (v *Verifier) diagnose(c *check, key *Key, res *Result) []string {
	switch res.Failure {
	case FailureBody:
		return v.diagnoseBody(c, key)
	case FailureHeader:
		return v.diagnoseHeader(c, key, res.Changed)
	}
	return nil
}

func (v *Verifier) diagnoseBody(c *check, key *Key) []string {
	var notes []string
	s := c.sig
	if key.VerifyDigest(s.Hash, v.header.Digest(s, c.at), s.Value) {
		notes = append(notes, "the signature matches the signed header fields: only the body was changed after "+s.Domain+" signed it")
	} else {
		notes = append(notes, "the signature does not match the signed header fields either: more than the body was changed, or the signature was made for another message")
	}
	if c.probe != nil && bytes.Equal(c.probe.Sum(), s.BodyHash) {
		notes = append(notes, "only white space was changed in the body; with relaxed body canonicalization the signature would be valid")
	}
	if a := c.appended; a != nil && a.line > 0 {
		notes = append(notes, fmt.Sprintf("the body is as signed up to line %d; lines were added after it (%d, with %d octets)",
			a.line, a.lines-a.line, a.size-a.at))
	}
	if s.BodyLength >= 0 {
		notes = append(notes, fmt.Sprintf("l= covers the first %d octets of the body, and they were changed", s.BodyLength))
	}
	return notes
}

func (v *Verifier) diagnoseHeader(c *check, key *Key, changed []string) []string {
	notes := []string{"the body is as signed"}
	if len(changed) > 0 {
		notes = append(notes, "these fields differ from their copies in z=: "+strings.Join(changed, ", "))
	}
	if tag := v.subjectTag(c, key); tag != "" {
		notes = append(notes, fmt.Sprintf("the signature is valid without %s in the Subject", foreign.Quote(tag, maxCited)))
	}
	return notes
}

// subjectTag returns the tag that a mailing list added to the Subject, such as
// "[list] ", if the signature is valid without it; otherwise "".
func (v *Verifier) subjectTag(c *check, key *Key) string {
	if !slices.Contains(c.sig.SignedFields, "subject") {
		return ""
	}
	at := v.header.All("subject")
	if len(at) != 1 {
		return ""
	}
	f := v.header.header[at[0]]
	start, end := listTag(f.Raw)
	if start == end {
		return ""
	}
	h := slices.Clone(v.header.header)
	h[at[0]] = message.Field{Name: f.Name, Raw: f.Raw[:start] + f.Raw[end:]}
	if !key.VerifyDigest(c.sig.Hash, NewHeaderIndex(h).Digest(c.sig, c.at), c.sig.Value) {
		return ""
	}
	return f.Raw[start:end]
}

// listTag returns the place of a tag in brackets, with the space after it, at the
// start of a Subject or after its "Re: ". start and end are equal if there is none.
func listTag(raw string) (start, end int) {
	start = strings.IndexByte(raw, ':') + 1
	start += len(raw[start:]) - len(strings.TrimLeft(raw[start:], whiteSpace))
	if rest := raw[start:]; len(rest) > 4 && strings.EqualFold(rest[:4], "Re: ") {
		start += 4
	}
	if start == len(raw) || raw[start] != '[' {
		return 0, 0
	}
	close := strings.IndexByte(raw[start:], ']')
	if close < 0 {
		return 0, 0
	}
	end = start + close + 1
	if end < len(raw) && raw[end] == ' ' {
		end++
	}
	return start, end
}

// changed returns the names of the signed fields that differ from their copies in
// z= (RFC 6376 section 3.5), nil without z=. White space does not count. The copies
// are no evidence, since the signature that covers them has failed.
func (x *HeaderIndex) changed(s *Signature, self int) []string {
	z, ok := s.Tags.Get("z")
	if !ok {
		return nil
	}
	copies := map[string][]string{} // by name, from the top
	for _, c := range strings.SplitN(withoutSpace(z), "|", maxSignedFields) {
		name, value, ok := strings.Cut(c, ":")
		if !ok {
			continue
		}
		name = strings.ToLower(decodeQuotedPrintable(name))
		copies[name] = append(copies[name], withoutSpace(decodeQuotedPrintable(value)))
	}
	var names []string
	seen := map[string]bool{}
	for _, name := range s.SignedFields {
		before := copies[name]
		if seen[name] || len(before) == 0 || len(names) == maxChanged {
			continue
		}
		seen[name] = true
		var now []string
		for _, i := range x.All(name) {
			if i != self {
				now = append(now, withoutSpace(x.header[i].Value()))
			}
		}
		// RFC 6376 section 5.4.2: fields are signed from the bottom up. Others of
		// the name may have been added above.
		if n := len(before); len(now) >= n && slices.Equal(now[len(now)-n:], before) {
			continue
		}
		names = append(names, name)
	}
	return names
}
