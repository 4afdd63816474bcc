package reporting

import (
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// result returns the value of an Authentication-Results field with the result that the report
// is about, on one line: a report has that of a single method (RFC 6591 section 3.1). If it is
// not there, it is "none".
func (f *Failing) result(value string) string {
	id, methods, err := authres.Parse(value)
	if err != nil {
		return value
	}
	for _, m := range methods {
		if f.isAbout(&m) {
			return line(authres.Format(id, []authres.Method{m}))
		}
	}
	return line(authres.Format(id, nil))
}

// isAbout reports whether a report is about a result.
func (f *Failing) isAbout(m *authres.Method) bool {
	switch f.Type {
	case report.FailedDMARC:
		return m.Name == "dmarc"
	case report.FailedSPF:
		return m.Name == "spf" && property(m, "smtp", "helo") == ""
	}
	d := f.signature
	selector := property(m, "header", "s")
	return m.Name == "dkim" && m.Result != "pass" && property(m, "header", "d") == d.Domain && (selector == "" || selector == d.Selector)
}

// property returns the value of a property; "" for none.
func property(m *authres.Method, kind, name string) string {
	for _, p := range m.Properties {
		if p.Type == kind && p.Name == name {
			return strings.ToLower(p.Value)
		}
	}
	return ""
}

// line returns a folded value on one line.
func line(folded string) string { return strings.Join(strings.Fields(folded), " ") }
