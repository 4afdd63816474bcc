package tlsrpt

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/foreign"
)

// parser turns a document of JSON into a report.
type parser struct {
	list     deviation.List
	failures int
}

func (p *parser) note(name, field, format string, args ...any) {
	p.list.Add(name, 0, field, format, args...)
}

func (p *parser) report(o map[string]any) Report {
	r := Report{
		Organization: p.required(o, "organization-name"), Contact: p.text(o, "contact-info"), ID: p.required(o, "report-id"), Policies: []Policy{},
	}
	period := p.object(o["date-range"], "date-range")
	r.Begin, r.End = p.date(period, "start-datetime"), p.date(period, "end-datetime")
	if !r.Begin.IsZero() && !r.End.IsZero() && r.End.Before(r.Begin) {
		p.note(Period, "date-range", "ends before it begins; it is turned round")
		r.Begin, r.End = r.End, r.Begin
	}
	if o["policies"] == nil {
		p.note(Missing, "policies", "is missing")
	}
	for _, v := range p.array(o["policies"], "policies", maxPolicies) {
		r.Policies = append(r.Policies, p.policy(p.object(v, "policies")))
	}
	return r
}

func (p *parser) policy(o map[string]any) Policy {
	of := o
	if o["policy"] != nil {
		of = p.object(o["policy"], "policy")
	} else {
		p.note(Missing, "policy", "is missing")
	}
	summary := p.object(o["summary"], "summary")
	if o["summary"] == nil {
		p.note(Missing, "summary", "is missing")
	}
	a := Policy{
		Type: strings.ToLower(p.required(of, "policy-type")), Text: p.texts(of, "policy-string"), Domain: strings.ToLower(strings.TrimSuffix(p.text(of, "policy-domain"), ".")),
		MXHosts:    p.texts(of, "mx-host"),
		Failures:   []Failure{},
		Successful: p.number(summary, "total-successful-session-count"), Failed: p.number(summary, "total-failure-session-count"),
	}
	switch a.Type {
	case "sts", "tlsa", "no-policy-found", "":
	default:
		p.note(PolicyType, "policy-type", "%s is none of sts, tlsa and no-policy-found", foreign.Word(a.Type, 40))
	}
	if a.Domain == "" {
		p.note(DomainAbsent, "policy-domain", "is missing")
	}
	for _, v := range p.array(o["failure-details"], "failure-details", maxFailures) {
		if p.failures++; p.failures > maxFailures {
			p.note(TooMany, "failure-details", "has more than %d entries; the rest is left out", maxFailures)
			break
		}
		a.Failures = append(a.Failures, p.failure(p.object(v, "failure-details")))
	}
	return a
}

func (p *parser) failure(o map[string]any) Failure {
	return Failure{
		Result: strings.ToLower(p.required(o, "result-type")), SendingMTA: p.text(o, "sending-mta-ip"), ReceivingMX: p.text(o, "receiving-mx-hostname"),
		ReceivingHelo: p.text(o, "receiving-mx-helo"), ReceivingIP: p.text(o, "receiving-ip"), Sessions: p.number(o, "failed-session-count"),
		Additional: p.text(o, "additional-information"), Code: p.text(o, "failure-reason-code"),
	}
}

// object returns an object; of a list its first one.
func (p *parser) object(v any, field string) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case nil:
	case []any:
		if len(v) > 0 {
			p.note(Form, field, "is a list; its first entry is read")
			o, _ := v[0].(map[string]any)
			return o
		}
	default:
		p.note(Form, field, "is no object; it is ignored")
	}
	return nil
}

// array returns a list; one object stands for a list of it.
func (p *parser) array(v any, field string, most int) []any {
	switch v := v.(type) {
	case nil:
	case []any:
		if len(v) > most {
			p.note(TooMany, field, "has %d entries; the first %d are read", len(v), most)
			v = v[:most]
		}
		return v
	case map[string]any:
		p.note(Form, field, "is one object, not a list")
		return []any{v}
	default:
		p.note(Form, field, "is no list; it is ignored")
	}
	return nil
}

// text returns the text of a field, "" if it is absent or null.
func (p *parser) text(o map[string]any, field string) string {
	switch v := o[field].(type) {
	case nil:
		return ""
	case string:
		return foreign.Cut(v, maxText)
	case json.Number:
		p.note(Form, field, "is a number, not a text")
		return foreign.Cut(v.String(), maxText)
	case []any:
		p.note(Form, field, "is a list; its first entry is read")
		if len(v) > 0 {
			s, _ := v[0].(string)
			return foreign.Cut(s, maxText)
		}
		return ""
	}
	p.note(Form, field, "is no text; it is ignored")
	return ""
}

func (p *parser) required(o map[string]any, field string) string {
	s := p.text(o, field)
	if s == "" {
		p.note(Missing, field, "is missing or empty")
	}
	return s
}

// texts returns a list of texts; one text stands for a list of it, which in mx-host is
// usual.
func (p *parser) texts(o map[string]any, field string) []string {
	all := []string{}
	switch v := o[field].(type) {
	case nil:
	case string:
		if field != "mx-host" {
			p.note(Form, field, "is a text, not a list")
		}
		all = append(all, foreign.Cut(v, maxText))
	case []any:
		if len(v) > maxList {
			p.note(TooMany, field, "has %d entries; the first %d are read", len(v), maxList)
			v = v[:maxList]
		}
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, foreign.Cut(s, maxText))
			} else {
				p.note(Form, field, "has an entry that is no text; it is ignored")
			}
		}
	default:
		p.note(Form, field, "is no list of texts; it is ignored")
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// maxNumber bounds a number of sessions, so that no sum overflows.
const maxNumber = 1_000_000_000_000

// number returns a number of sessions.
func (p *parser) number(o map[string]any, field string) int64 {
	text := ""
	switch v := o[field].(type) {
	case nil:
		p.note(Missing, field, "is missing; it counts as 0")
		return 0
	case json.Number:
		text = v.String()
	case string:
		p.note(Form, field, "is a text, not a number")
		text = strings.TrimSpace(v)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > maxNumber || f != math.Trunc(f) {
		p.note(Number, field, "%s is no number of sessions; it counts as 0", foreign.Word(text, 40))
		return 0
	}
	return int64(f)
}

// date returns a time; zero if there is none.
func (p *parser) date(o map[string]any, field string) time.Time {
	text := p.required(o, field)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err == nil && at.Year() >= 1970 {
		return at.UTC()
	}
	for _, form := range []string{"2006-01-02T15:04:05", time.DateTime, time.DateOnly, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05 -0700"} {
		if at, err := time.Parse(form, text); err == nil && at.Year() >= 1970 {
			p.note(DateForm, field, "%s is not as in RFC 3339", foreign.Word(text, 40))
			return at.UTC()
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < 253402300800 {
		p.note(DateForm, field, "%s is not as in RFC 3339", foreign.Word(text, 40))
		return time.Unix(n, 0).UTC()
	}
	p.note(DateForm, field, "%s is no time", foreign.Word(text, 40))
	return time.Time{}
}
