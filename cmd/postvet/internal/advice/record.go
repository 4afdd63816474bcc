package advice

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/policy/foreign"
)

// Bounds of what is shown of the DNS, in octets: of a name or sentence, and of a
// record.
const (
	MaxText   = 300
	MaxRecord = 2000
	// MaxProposal bounds a record that is proposed, MaxFix what is said about it: a
	// record that is cut would be no advice.
	MaxProposal = 6000
	MaxFix      = 4*MaxProposal + MaxRecord
)

// ShownRecord returns a record as it is if it is printable ASCII, and quoted if
// not: its owner must see which octet does not belong there.
func ShownRecord(s string) string {
	if !foreign.IsPrintable(s) {
		return foreign.Quote(s, MaxRecord)
	}
	return foreign.Cut(s, MaxRecord)
}

// Publish returns the words of a fix that is one record:
// `publish: example.org. MX 10 mail.example.org.`.
func Publish(name, record string) string { return "publish: " + name + ". " + record }

// Propose returns a fix that is one record.
func Propose(name, record string) finding.Fix {
	typ, data, _ := strings.Cut(record, " ")
	return finding.Fix{Text: Publish(name, record), Changes: []finding.Change{{Name: name, Type: typ, Data: data}}}
}

// Remove returns a fix that takes one record away.
func Remove(name, record string) finding.Fix {
	typ, data, _ := strings.Cut(record, " ")
	return finding.Fix{Text: "remove: " + name + ". " + record, Changes: []finding.Change{{Remove: true, Name: name, Type: typ, Data: data}}}
}

// RemoveAlias returns a fix that takes the CNAME at a name away, which may be a wildcard.
func RemoveAlias(name string) finding.Fix {
	return finding.Fix{Text: "remove the CNAME at " + name, Changes: []finding.Change{{Remove: true, Name: name, Type: "CNAME"}}}
}

// QuotedTXT returns a TXT record with its text in strings of at most 255 octets (RFC
// 1035 section 3.3).
func QuotedTXT(text string) string {
	var b strings.Builder
	for i := 0; i == 0 || i < len(text); i += 255 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteByte('"')
		for _, c := range []byte(text[i:min(i+255, len(text))]) {
			switch {
			case c == '"' || c == '\\':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c < ' ' || c > '~':
				fmt.Fprintf(&b, `\%03d`, c) // RFC 1035 section 5.1
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('"')
	}
	return "TXT " + b.String()
}
