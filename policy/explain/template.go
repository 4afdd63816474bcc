package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// placeholders are the placeholders of templates, with their meanings and values.
var placeholders = []struct {
	name, text string
	value      func(res *result.Results, rule string) string
}{
	{"author", "the author domain, or \"unknown\"", func(res *result.Results, _ string) string { return cmp.Or(res.Author.Domain, "unknown") }},
	{"client", "the client's address", func(res *result.Results, _ string) string { return cmp.Or(res.Client.IP, "unknown") }},
	{"helo", "the HELO name", func(res *result.Results, _ string) string { return res.Client.Helo }},
	{"mail_from", "the address of MAIL FROM", func(res *result.Results, _ string) string { return "<" + res.MailFrom + ">" }},
	{"reason", "what SPF and DKIM found, or why there is no author domain", func(res *result.Results, _ string) string { return reason(res) }},
	{"rule", "the rule's name", func(_ *result.Results, rule string) string { return rule }},
}

// Template is a text with placeholders such as {author}. The zero value is "".
type Template struct {
	text  string
	parts []part
}

// part is a text and the value of the placeholder after it. The last part has no
// placeholder.
type part struct {
	text  string
	value func(*result.Results, string) string
}

// ParseTemplate parses a text with placeholders. Braces around anything but a lower-case
// word are text.
func ParseTemplate(s string) (Template, error) {
	t := Template{text: s}
	for rest := s; ; {
		open := strings.IndexByte(rest, '{')
		end := strings.IndexByte(rest[max(open, 0):], '}')
		if open < 0 || end < 0 {
			t.parts = append(t.parts, part{text: rest})
			return t, nil
		}
		name := rest[open+1 : open+end]
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.parts = append(t.parts, part{text: rest[:open+1]})
			rest = rest[open+1:]
			continue
		}
		p := part{text: rest[:open]}
		for _, known := range placeholders {
			if known.name == name {
				p.value = known.value
			}
		}
		if p.value == nil {
			return Template{}, fmt.Errorf("{%s} is no placeholder; there are %s", name, PlaceholderNames())
		}
		t.parts = append(t.parts, p)
		rest = rest[open+end+1:]
	}
}

// PlaceholderNames returns the placeholders that a Template may hold, in one line.
func PlaceholderNames() string {
	names := make([]string, len(placeholders))
	for i, p := range placeholders {
		names[i] = "{" + p.name + "}"
	}
	return strings.Join(names, ", ")
}

// String returns the text as it was written.
func (t Template) String() string { return t.text }

// Fill returns the template with the values of a message, as printable ASCII on one line
// of at most n octets.
func (t Template) Fill(res *result.Results, rule string, n int) string {
	switch {
	case t.text == "":
		return ""
	case len(t.parts) == 1:
		return foreign.Line(t.text, n)
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
		if p.value != nil {
			b.WriteString(foreign.Line(p.value(res, rule), 200))
		}
	}
	return foreign.Line(b.String(), n)
}

// reason returns the value of {reason}.
func reason(res *result.Results) string {
	switch {
	case res.Author.Domain == "" && res.Author.Problem != "":
		return AuthorProblem(res.Author)
	case res.DMARC.Status == dmarc.Fail:
		return SPFFound(res) + "; " + DKIMFound(res)
	}
	return withReason("dmarc "+string(cmp.Or(res.DMARC.Status, dmarc.None)), res.DMARC.Reason)
}
