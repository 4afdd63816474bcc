package report

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxResults bounds the signatures of a record (RFC 9990 section 3.1.3), and all other
// lists in it.
const maxResults = 100

// newRecord reads a record.
func (s *reader) newRecord(n *node) *Record {
	s.only(n, "", "row", "identifiers", "auth_results", "extensions", "extension")
	r := &Record{Disposition: DispositionNone, Reasons: []Reason{}, DKIM: []DKIM{}, SPF: []SPF{}}
	if row := s.part(n, "row"); row != nil {
		s.row(r, row)
	}
	if ids := s.part(n, "identifiers"); ids != nil {
		s.only(ids, "", "header_from", "envelope_from", "envelope_to")
		r.HeaderFrom = s.domain(ids, "header_from", true)
		r.EnvelopeFrom = s.domain(ids, "envelope_from", false)
		r.HasEnvelopeFrom = ids.kid("envelope_from") != nil
		r.EnvelopeTo = s.domain(ids, "envelope_to", false)
		if d := s.Head.Policy.Domain; d != "" && r.HeaderFrom != "" && !message.Below(r.HeaderFrom, d) {
			s.note(DifferentDomain, ids.line, "header_from", "%s is not below the policy domain %s", foreign.Word(r.HeaderFrom, 80), foreign.Word(d, 80))
		}
	}
	if results := n.kid("auth_results"); results == nil || len(results.kids) == 0 {
		s.note(NoResults, n.line, "auth_results", "is missing or empty")
	} else {
		s.results(r, results)
	}
	return r
}

// part returns a child that must be there.
func (s *reader) part(n *node, name string) *node {
	k := n.kid(name)
	if k == nil {
		s.note(Missing, n.line, name, "is missing")
	}
	return k
}

// row reads a row.
func (s *reader) row(r *Record, n *node) {
	s.only(n, "", "source_ip", "count", "policy_evaluated")
	s.source(r, n)
	r.Count = s.count(n)
	e := s.part(n, "policy_evaluated")
	if e == nil {
		return
	}
	s.only(e, "reason", "disposition", "dkim", "spf", "reason")
	r.Disposition = s.disposition(e)
	r.DKIMAligned = s.aligned(e, "dkim")
	r.SPFAligned = s.aligned(e, "spf")
	for _, k := range e.kids {
		if k.name == "reason" && len(r.Reasons) < maxResults {
			if reason, ok := s.reason(k); ok {
				r.Reasons = append(r.Reasons, reason)
			}
		}
	}
}

// source reads the address.
func (s *reader) source(r *Record, n *node) {
	text := s.required(n, "source_ip")
	if text == "" {
		return
	}
	line := n.kid("source_ip").line
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if rest, ok := cutPrefixFold(inner, "ipv6:"); ok {
		inner = rest
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil {
		s.note(Address, line, "source_ip", "%s is no address", foreign.Word(text, 80))
		r.SourceText = foreign.Cut(text, maxDomain)
		return
	}
	if r.Source = ip.Unmap().WithZone(""); inner != text || r.Source != ip {
		s.note(AddressForm, line, "source_ip", "%s stands for %s", foreign.Word(text, 80), r.Source)
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// maxCount bounds a count, so that no sum overflows.
const maxCount = 1_000_000_000

// count returns the number of messages.
func (s *reader) count(n *node) int64 {
	k := n.kid("count")
	if k == nil || k.text == "" {
		s.note(CountValue, n.line, "count", "is missing; it counts as 1")
		return 1
	}
	v, err := strconv.ParseInt(k.text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(k.text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > maxCount {
			s.note(CountValue, k.line, "count", "%s is no number; it counts as 1", foreign.Word(k.text, 40))
			return 1
		}
		v = int64(f)
		s.note(CountValue, k.line, "count", "%s is no whole number", foreign.Word(k.text, 40))
	}
	switch {
	case v < 0:
		s.note(CountValue, k.line, "count", "%d is negative; it counts as 0", v)
		return 0
	case v == 0:
		s.note(CountValue, k.line, "count", "is 0")
	case v > maxCount:
		s.note(CountValue, k.line, "count", "%d cannot be; it counts as 1", v)
		return 1
	}
	return v
}

// otherDispositions are what reporters write where a disposition belongs.
var otherDispositions = map[string]Disposition{
	"quarantined": DispositionQuarantine, "rejected": DispositionReject,
	"accept": DispositionNone, "accepted": DispositionNone, "delivered": DispositionNone, "monitor": DispositionNone,
}

// disposition returns what was done.
func (s *reader) disposition(n *node) Disposition {
	text := s.required(n, "disposition")
	if text == "" {
		return DispositionNone
	}
	line, lower := n.kid("disposition").line, Disposition(strings.ToLower(text))
	switch lower {
	case DispositionNone, DispositionPass, DispositionQuarantine, DispositionReject:
		if string(lower) != text {
			s.note(Word, line, "disposition", "%s is written %s", lower, foreign.Word(text, 40))
		}
		return lower
	}
	meant, known := otherDispositions[string(lower)]
	if !known {
		meant = DispositionNone
	}
	s.note(DispositionWord, line, "disposition", "%s is none; it counts as %s", foreign.Word(text, 40), meant)
	return meant
}

// aligned reads whether an aligned identity passed.
func (s *reader) aligned(n *node, name string) bool {
	text := s.required(n, name)
	lower := strings.ToLower(text)
	switch {
	case text == "":
	case lower != "pass" && lower != "fail":
		s.note(Word, n.kid(name).line, name, "%s is neither pass nor fail; it counts as fail", foreign.Word(text, 40))
	case lower != text:
		s.note(Word, n.kid(name).line, name, "%s is written %s", lower, foreign.Word(text, 40))
	}
	return lower == "pass"
}

// reasonTypes are all types.
var reasonTypes = []ReasonType{LocalPolicy, MailingList, OtherReason, PolicyTestMode, TrustedForwarder, Forwarded, SampledOut}

// reason reads a reason; an empty one says nothing.
func (s *reader) reason(n *node) (Reason, bool) {
	s.only(n, "", "type", "comment")
	text, comment := s.text(n, "type"), s.text(n, "comment")
	switch {
	case len(n.kids) == 0 && n.text == "":
		s.note(Empty, n.line, "reason", "is empty; it could be left out")
		return Reason{}, false
	case len(n.kids) == 0:
		s.note(ReasonText, n.line, "reason", "is a text, without a type")
		text = n.text
	case text == "" && comment == "":
		s.note(Empty, n.line, "reason", "is empty; it could be left out")
		return Reason{}, false
	}
	for _, t := range reasonTypes {
		if strings.EqualFold(text, string(t)) {
			if text != string(t) {
				s.note(Word, n.line, "reason", "%s is written %s", t, foreign.Word(text, 40))
			}
			return Reason{t, comment}, true
		}
	}
	if len(n.kids) > 0 {
		s.note(ReasonWord, n.line, "reason", "%s is no type of a reason; it counts as other", foreign.Word(text, 40))
	}
	if comment == "" {
		comment = text
	}
	return Reason{OtherReason, comment}, true
}

// results reads auth_results.
func (s *reader) results(r *Record, n *node) {
	several := 0
	for _, k := range n.kids {
		switch k.name {
		case "dkim":
			if len(r.DKIM) >= maxResults {
				s.note(TooMany, k.line, "dkim", "stands there more than %d times; the rest is left out", maxResults)
				continue
			}
			s.only(k, "", "domain", "selector", "result", "human_result")
			r.DKIM = append(r.DKIM, DKIM{
				Domain: s.domain(k, "domain", true), Selector: s.selector(k), Result: s.result(k, false), Human: s.text(k, "human_result"),
			})
		case "spf":
			if several++; len(r.SPF) >= maxResults {
				s.note(TooMany, k.line, "spf", "stands there more than %d times; the rest is left out", maxResults)
				continue
			}
			s.only(k, "", "domain", "scope", "result", "human_result")
			r.SPF = append(r.SPF, SPF{Domain: s.domain(k, "domain", false), Scope: s.scope(k), Result: s.result(k, true), Human: s.text(k, "human_result")})
		default:
			s.unknown(k)
		}
	}
	if several > 1 && s.Head.Namespace == Namespace {
		s.note(SeveralSPF, n.line, "spf", "stands there %d times, and RFC 9990 has one", several)
	}
}

// selector reads the selector, which RFC 7489 lets a report leave out.
func (s *reader) selector(n *node) string {
	k := n.kid("selector")
	switch {
	case k == nil && s.Head.Namespace == Namespace:
		s.note(Missing, n.line, "selector", "is missing")
	case k != nil && k.text == "":
		s.note(Empty, k.line, "selector", "is empty; it could be left out")
	}
	if k == nil {
		return ""
	}
	return foreign.Cut(k.text, maxDomain)
}

// scope reads the scope of an SPF result.
func (s *reader) scope(n *node) string {
	text := s.optional(n, "scope")
	lower := strings.ToLower(text)
	switch lower {
	case "", "mfrom":
		return lower
	case "helo":
		if s.Head.Namespace == Namespace {
			s.note(Scope, n.kid("scope").line, "scope", "helo is of RFC 7489")
		}
		return lower
	}
	if strings.Contains(lower, "from") {
		s.note(Scope, n.kid("scope").line, "scope", "%s stands for mfrom", foreign.Word(text, 40))
		return "mfrom"
	}
	s.note(Scope, n.kid("scope").line, "scope", "%s is none; it is ignored", foreign.Word(text, 40))
	return ""
}

// otherResults are what reporters write where a result of RFC 8601 belongs.
var otherResults = map[string]string{
	"hardfail": "fail", "hard_fail": "fail", "invalid": "permerror", "nxdomain": "permerror", "syntax": "permerror", "revoked": "permerror",
	"error": "temperror", "tempfail": "temperror", "unknown": "permerror", "not.evaluated": "none", "not_evaluated": "none", "": "none",
	"signed": "none", "unsigned": "none", "accept": "pass", "passed": "pass", "failed": "fail",
}

// result reads the result of a method.
func (s *reader) result(n *node, spf bool) string {
	text := s.required(n, "result")
	lower := strings.ToLower(text)
	switch lower {
	case "none", "pass", "fail", "policy", "neutral", "temperror", "permerror":
		if lower != text {
			s.note(Word, n.kid("result").line, "result", "%s is written %s", lower, foreign.Word(text, 40))
		}
		return lower
	case "softfail":
		if spf {
			return lower
		}
	}
	meant, known := otherResults[lower]
	if !known {
		meant = "none"
	}
	if text != "" {
		s.note(Word, n.kid("result").line, "result", "%s is no result; it counts as %s", foreign.Word(text, 40), meant)
	}
	return meant
}
