package counts

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/result"
)

// fieldSet is a set of fields.
type fieldSet uint32

func (s *fieldSet) add(f Field) { *s |= 1 << f }

// plain reports whether a message was accepted as the rules have it, and did not fail.
func (s fieldSet) plain() bool {
	return s&^(1<<All|1<<Passed|1<<NoPolicy|1<<Undecided|1<<Forwarded) == 0
}

// fieldsOf returns the fields that count a message.
func fieldsOf(rec *rows.Record) fieldSet {
	s := fieldSet(1) << All
	switch string(rec[rows.ColDMARC].Octets) {
	case "pass":
		s.add(Passed)
	case "fail":
		s.add(Failed)
	case "none":
		s.add(NoPolicy)
	case "temperror", "permerror":
		s.add(Undecided)
	}
	switch result.Action(rec[rows.ColAction].Octets) {
	case result.Reject:
		s.add(Rejected)
	case result.Quarantine:
		s.add(Quarantined)
	case result.TempFail:
		s.add(Deferred)
	case result.Redirect:
		s.add(Redirected)
	case result.Discard:
		s.add(Discarded)
	}
	if len(rec[rows.ColWould].Octets) > 0 {
		s.add(Would)
	}
	if len(rec[rows.ColOverride].Octets) > 0 {
		s.add(Overridden)
	}
	if action := firstWord(rec[rows.ColShadow].Octets); string(rec[rows.ColAction].Octets) == string(result.Accept) && refuses(action) {
		s.add(Shadow)
	}
	if s&(1<<Would|1<<Shadow) != 0 {
		s.add(Spared)
	}
	switch result.HintWord(rec[rows.ColHint].Octets) {
	case result.HintForwarded, result.HintMaybeForwarded, result.HintList:
		s.add(Forwarded)
		if s&(1<<Failed) != 0 {
			s.add(Broken)
		}
	}
	return s
}

// refuses reports whether an action keeps a message from its recipients.
func refuses(action []byte) bool {
	switch result.Action(action) {
	case result.Reject, result.Quarantine, result.TempFail, result.Discard:
		return true
	}
	return false
}

func firstWord(s []byte) []byte {
	word, _, _ := bytes.Cut(s, []byte(" "))
	return word
}

var other, none = []byte(Other), []byte(None)

// nameOf returns a name as it is counted.
func nameOf(s []byte) []byte {
	if len(s) == 0 {
		return none
	}
	return s
}

// appendNetwork appends the network of an address.
func appendNetwork(b, address []byte) []byte {
	ip, err := netip.ParseAddr(string(address))
	if err != nil {
		return append(b, None...)
	}
	return addrlist.NetworkOf(ip).AppendTo(b)
}

// appendFacts appends the facts of a message with a zero octet after each, which no text
// has.
func appendFacts(b []byte, rec *rows.Record, org []byte) []byte {
	b = append(append(b, org...), 0)
	for _, c := range factColumns {
		value := rec[c].Octets
		if c == rows.ColOverride {
			value = firstWord(value)
		}
		b = append(append(b, value...), 0)
	}
	return b
}

// otherFacts is the text of appendFacts for facts beyond the bound.
var otherFacts = strings.Repeat(Other+"\x00", 1+len(factColumns))

// factColumns are those of Facts except Org.
var factColumns = []rows.Column{rows.ColDMARC, rows.ColAction, rows.ColWould, rows.ColOverride, rows.ColHint, rows.ColRule}

// factsOf returns the facts of a text of appendFacts; false if it is none.
func factsOf(s string) (f Facts, ok bool) {
	for _, to := range []*string{&f.Org, &f.DMARC, &f.Action, &f.Would, &f.Override, &f.Hint, &f.Rule} {
		if *to, s, ok = strings.Cut(s, "\x00"); !ok {
			return f, false
		}
	}
	return f, s == ""
}
