package inspect

import (
	"strings"

	"github.com/postvet/postvet/dnscache"
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

func (l *Findings) ok(text string) { *l = append(*l, Finding{Severity: OK, Text: clean(text)}) }

func (l *Findings) warn(text, fix string) {
	*l = append(*l, Finding{Severity: Warning, Text: clean(text), Fix: cleanLong(fix)})
}

func (l *Findings) error(text, fix string) {
	*l = append(*l, Finding{Severity: Error, Text: clean(text), Fix: cleanLong(fix)})
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
		Text: clean(what + " of " + name + " could not be looked up: " + why),
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
			if c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		b.WriteByte('"')
	}
	return publish(name, "TXT "+b.String())
}

// Limits for what is shown of the DNS.
const (
	maxText   = 300
	maxRecord = 2000
)

// clean reduces text to printable ASCII, as the DNS's own \DDD where it is
// not, and cuts it.
func clean(s string) string { return cleanTo(s, maxText) }

// cleanLong is clean for records, which are shown whole where that is sane.
func cleanLong(s string) string { return cleanTo(s, maxRecord) }

func cleanTo(s string, limit int) string {
	plain := len(s) <= limit
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] <= '~'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if b.Len() >= limit {
			b.WriteString("...")
			break
		}
		if c := s[i]; c >= ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			b.WriteByte('\\')
			b.WriteByte('0' + c/100)
			b.WriteByte('0' + c/10%10)
			b.WriteByte('0' + c%10)
		}
	}
	return b.String()
}
