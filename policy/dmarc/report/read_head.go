package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// metadata reads report_metadata.
func (s *reader) metadata(n *node) {
	s.only(n, "error", "org_name", "email", "extra_contact_info", "report_id", "date_range", "error", "generator")
	h := &s.Head
	h.OrgName = s.required(n, "org_name")
	h.Email = s.required(n, "email")
	h.ExtraContact = s.text(n, "extra_contact_info")
	h.Generator = s.text(n, "generator")
	h.ReportID = s.required(n, "report_id")
	if id, ok := withoutBrackets(h.ReportID); ok {
		s.note(IDBrackets, n.kid("report_id").line, "report_id", "stands in angle brackets")
		h.ReportID = id
	}
	for _, k := range n.kids {
		if k.name == "error" && k.text != "" && len(h.Errors) < 100 {
			h.Errors = append(h.Errors, k.text)
		}
	}
	r := n.kid("date_range")
	if r == nil {
		s.note(Missing, n.line, "date_range", "is missing")
		return
	}
	s.only(r, "", "begin", "end")
	h.Begin, h.End = s.date(r, "begin"), s.date(r, "end")
	switch span := h.End.Sub(h.Begin); {
	case h.Begin.IsZero() || h.End.IsZero():
	case span < 0:
		s.note(Period, r.line, "date_range", "ends before it begins; it is turned round")
		h.Begin, h.End = h.End, h.Begin
	case span > 24*time.Hour:
		s.note(LongPeriod, r.line, "date_range", "spans %s hours", strconv.FormatFloat(span.Hours(), 'f', 0, 64))
	}
}

func withoutBrackets(s string) (string, bool) {
	if len(s) > 2 && s[0] == '<' && s[len(s)-1] == '>' {
		return s[1 : len(s)-1], true
	}
	return s, false
}

// text returns the text of a child, "" if it is absent.
func (s *reader) text(n *node, name string) string {
	if k := n.kid(name); k != nil {
		return k.text
	}
	return ""
}

// required is text for a child that must be there with a text.
func (s *reader) required(n *node, name string) string {
	k := n.kid(name)
	switch {
	case k == nil:
		s.note(Missing, n.line, name, "is missing")
		return ""
	case k.text == "":
		s.note(Empty, k.line, name, "is empty")
	}
	return k.text
}

// optional is text for a child that may be left out, but not be empty.
func (s *reader) optional(n *node, name string) string {
	k := n.kid(name)
	if k == nil {
		return ""
	}
	if k.text == "" {
		s.note(Empty, k.line, name, "is empty; it could be left out")
	}
	return k.text
}

// lastSecond is the last second of the year 9999.
const lastSecond = 253402300799

// date returns the time in a child; zero if there is none.
func (s *reader) date(n *node, name string) time.Time {
	text := s.required(n, name)
	if text == "" {
		return time.Time{}
	}
	line := n.kid(name).line
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && v >= 0 && v <= lastSecond {
		return time.Unix(v, 0).UTC()
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil && v >= 0 && v <= lastSecond*1000 {
		if v > lastSecond {
			v /= 1000 // milliseconds, as in many programs
		}
		s.note(DateForm, line, name, "%s is no whole number of seconds", foreign.Word(text, 40))
		return time.Unix(int64(math.Floor(v)), 0).UTC()
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil && at.Unix() >= 0 && at.Unix() <= lastSecond {
			s.note(DateForm, line, name, "%s is no number of seconds", foreign.Word(text, 40))
			return at.UTC().Truncate(time.Second)
		}
	}
	s.note(DateForm, line, name, "%s is no time; the period is not known", foreign.Word(text, 40))
	return time.Time{}
}

// policy reads policy_published.
func (s *reader) policy(n *node) {
	s.only(n, "", "domain", "discovery_method", "p", "sp", "np", "adkim", "aspf", "fo", "testing", "pct", "version_published")
	p := &s.Head.Policy
	p.Domain = s.domain(n, "domain", true)
	if n.kid("p") == nil {
		s.note(Missing, n.line, "p", "is missing")
	}
	p.P = s.word(n, "p", "none", "quarantine", "reject")
	p.SP = s.word(n, "sp", "none", "quarantine", "reject")
	p.NP = s.word(n, "np", "none", "quarantine", "reject")
	p.ADKIM = s.word(n, "adkim", "r", "s")
	p.ASPF = s.word(n, "aspf", "r", "s")
	p.Discovery = s.word(n, "discovery_method", "psl", "treewalk")
	p.Testing = s.word(n, "testing", "n", "y")
	p.FO = strings.ToLower(s.optional(n, "fo"))
	p.Percent = s.optional(n, "pct")
	if v, err := strconv.Atoi(p.Percent); p.Percent != "" && (err != nil || v < 0 || v > 100) {
		s.note(Word, n.kid("pct").line, "pct", "%s is no percentage; it is ignored", foreign.Word(p.Percent, 40))
		p.Percent = ""
	}
}

// word returns the text of an optional child in lower case if it is one of words; "" otherwise.
func (s *reader) word(n *node, name string, words ...string) string {
	text := s.optional(n, name)
	if text == "" {
		return ""
	}
	lower := strings.ToLower(text)
	for _, w := range words {
		if w != lower {
			continue
		}
		if w != text {
			s.note(Word, n.kid(name).line, name, "%s is written %s", w, foreign.Word(text, 40))
		}
		return w
	}
	s.note(Word, n.kid(name).line, name, "%s is none of %s; it is ignored", foreign.Word(text, 40), strings.Join(words, ", "))
	return ""
}

// maxDomain bounds a domain that is none, in octets.
const maxDomain = 253

// domain returns the domain in a child as lower-case A-labels.
func (s *reader) domain(n *node, name string, must bool) string {
	k := n.kid(name)
	if k == nil || k.text == "" {
		if must {
			return s.required(n, name)
		}
		return ""
	}
	domain, ok := message.NormalizeDomain(k.text)
	if !ok {
		s.note(DomainName, k.line, name, "%s is no domain name", foreign.Word(k.text, 80))
		return foreign.Cut(k.text, maxDomain)
	}
	return domain
}
