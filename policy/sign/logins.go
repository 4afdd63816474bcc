package sign

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Logins are the names that may use an address, or every address of a domain
// ("@example.org"), by address in lower case.
type Logins map[string][]string

// ParseLogins reads a table in the form of Postfix's smtpd_sender_login_maps, so that one
// file serves both: an address or "@domain", white space, and the logins with commas or
// white space between. "#" begins a remark at the start of a line, and white space there
// continues the line before (postmap(1)). Domains become lower-case A-labels. The first
// entry of an address counts, as in a table of Postfix. The error names the line.
func ParseLogins(text []byte) (Logins, error) {
	logins := Logins{}
	for _, e := range logicalLines(text) {
		address, names, _ := strings.Cut(strings.ReplaceAll(e.text, "\t", " "), " ")
		list := strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
		if len(list) == 0 {
			return nil, fmt.Errorf("line %d: no login behind %s", e.line, cite(address))
		}
		local, name := message.SplitPath(address)
		domain, ok := message.NormalizeDomain(name)
		if !ok {
			return nil, fmt.Errorf("line %d: %s is no address and no @domain", e.line, cite(address))
		}
		key := strings.ToLower(local) + "@" + domain
		if _, known := logins[key]; !known {
			logins[key] = list
		}
	}
	return logins, nil
}

func cite(s string) string { return foreign.TerminalQuote(foreign.HideKeys(s), maxShown) }

type logicalLine struct {
	line int
	text string
}

// logicalLines joins lines with those that continue them, and leaves out remarks.
func logicalLines(text []byte) []logicalLine {
	var list []logicalLine
	n := 0
	for line := range bytes.Lines(text) {
		n++
		trimmed := strings.TrimSpace(string(line))
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case (line[0] == ' ' || line[0] == '\t') && len(list) > 0:
			list[len(list)-1].text += " " + trimmed
		default:
			list = append(list, logicalLine{n, trimmed})
		}
	}
	return list
}
