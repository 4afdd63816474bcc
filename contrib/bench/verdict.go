package main

import (
	"fmt"
	"slices"
	"strings"
)

// result is one method=result of an Authentication-Results field (RFC 8601
// section 2.2), with the names of its properties.
type result struct {
	method, value string
	properties    string // "smtp.mailfrom header.from", each once
}

// parseResults reads a field as far as the check needs it. It skips comments
// and quoted strings, and takes each part between semicolons for one result.
func parseResults(value string) []result {
	var plain strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			plain.WriteByte(c)
		}
	}
	var all []result
	for i, part := range strings.Split(plain.String(), ";") {
		if i == 0 {
			continue // the authserv-id
		}
		var r result
		for w := range strings.FieldsSeq(part) {
			name, val, ok := strings.Cut(w, "=")
			switch {
			case !ok:
			case r.method == "":
				r.method, r.value = strings.ToLower(name), strings.ToLower(val)
			default:
				r.properties += strings.ToLower(name) + " "
			}
		}
		if r.method != "" {
			all = append(all, r)
		}
	}
	return all
}

// wrong returns what is wrong with a verdict; "" if nothing is. A refused
// message shows no results, so only the refusal counts.
func wrong(c *Case, v *Verdict) string {
	w := c.Want
	switch {
	case v.Action == "tempfail" || v.Action == "discard" || strings.HasPrefix(v.Action, "answer"):
		return fmt.Sprintf("%s: %s %s", c.Kind, v.Action, v.Text)
	case v.Action == "reject" && w.Disposition != "reject":
		return fmt.Sprintf("%s: refused (%s), but the domain asks for %s", c.Kind, v.Text, w.Disposition)
	case v.Action == "reject":
		return ""
	case w.Disposition == "reject":
		return c.Kind + ": not refused as the domain asks"
	case v.Action == "hold" && w.Disposition != "quarantine":
		return fmt.Sprintf("%s: held, but the domain asks for %s", c.Kind, w.Disposition)
	}
	var rs []result
	known := map[string]bool{} // results that came with the message: none in this corpus
	for _, f := range c.Fields {
		known[f.Value] = strings.EqualFold(f.Name, "Authentication-Results")
	}
	for _, f := range v.Fields {
		if strings.EqualFold(f.Name, "Authentication-Results") && !known[f.Value] {
			rs = append(rs, parseResults(f.Value)...)
		}
	}
	return w.differs(c, rs)
}

// differs returns how results differ from the expected ones.
func (w Expect) differs(c *Case, rs []result) string {
	spf := values(rs, "spf", func(r result) bool { return strings.Contains(r.properties, "smtp.mailfrom") })
	if len(spf) == 0 || c.MailFrom == "" {
		// Without a sender, the identity is the HELO name.
		spf = values(rs, "spf", nil)
	}
	if !slices.Contains(spf, w.SPF) {
		return fmt.Sprintf("%s: spf %v, want %s", c.Kind, spf, w.SPF)
	}
	got := values(rs, "dkim", nil)
	for _, want := range w.DKIM {
		i := slices.Index(got, want)
		if i < 0 {
			return fmt.Sprintf("%s: dkim %v, want %v", c.Kind, values(rs, "dkim", nil), w.DKIM)
		}
		got = slices.Delete(got, i, i+1)
	}
	if slices.Contains(got, "pass") {
		return fmt.Sprintf("%s: dkim %v, want %v", c.Kind, values(rs, "dkim", nil), w.DKIM)
	}
	if dmarc := values(rs, "dmarc", nil); !slices.Contains(dmarc, w.DMARC) {
		return fmt.Sprintf("%s: dmarc %v, want %s", c.Kind, dmarc, w.DMARC)
	}
	return ""
}

func values(rs []result, method string, ok func(result) bool) []string {
	var all []string
	for _, r := range rs {
		if r.method == method && (ok == nil || ok(r)) {
			all = append(all, r.value)
		}
	}
	return all
}
