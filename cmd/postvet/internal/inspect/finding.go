package inspect

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Severity is how bad a finding is.
type Severity string

// OK is worth telling; a Warning weakens something or will break one day; with
// an Error something does not work.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	// Fix says what to do, for a record in the form
	// `publish: example.org. TXT "v=spf1 -all"`; "" where there is no one answer.
	Fix string `json:"fix,omitempty"`
	// DNSTrouble tells that something could not be looked up, and nothing is
	// known about it. Such a finding is a Warning.
	DNSTrouble bool `json:"dns_trouble,omitempty"`
}

// Findings are findings in the order found.
type Findings []Finding

func (l *Findings) ok(text string) {
	*l = append(*l, Finding{Severity: OK, Text: foreign.Line(text, maxText)})
}

func (l *Findings) warn(text, fix string) {
	*l = append(*l, Finding{Severity: Warning, Text: foreign.Line(text, maxText), Fix: foreign.Line(fix, maxRecord)})
}

func (l *Findings) error(text, fix string) {
	*l = append(*l, Finding{Severity: Error, Text: foreign.Line(text, maxText), Fix: foreign.Line(fix, maxRecord)})
}

// trouble tells that the look-up of something at name had no usable end.
func (l *Findings) trouble(name, what string, o dnscache.Outcome) {
	why := "DNS trouble"
	switch o {
	case dnscache.ServFail:
		why = "its DNS servers fail (SERVFAIL)"
	case dnscache.Refused:
		why = "the resolver refuses to answer"
	case dnscache.Timeout:
		why = "no answer in time"
	}
	*l = append(*l, Finding{
		Severity: Warning, DNSTrouble: true,
		Text: foreign.Line(what+" of "+name+" could not be looked up: "+why, maxText),
	})
}

// publish writes a fix that is one record.
func publish(name, record string) string { return "publish: " + name + ". " + record }

// publishTXT writes a fix that is one TXT record, in strings of at most 255
// octets.
func publishTXT(name, text string) string {
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
	return publish(name, "TXT "+b.String())
}

// Bounds of what is shown of the DNS, in octets: of a name or sentence, and of a
// record.
const (
	maxText   = 300
	maxRecord = 2000
)

// record returns a record as it is if it is printable ASCII. Others are quoted:
// its owner must see which octet does not belong there.
func record(s string) string {
	if !foreign.IsPrintable(s) {
		return foreign.Quote(s, maxRecord)
	}
	return foreign.Cut(s, maxRecord)
}
