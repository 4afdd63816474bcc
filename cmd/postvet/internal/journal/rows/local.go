package rows

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// setLocal sets the local part of MAIL FROM, with and without its "@", if texts must not
// have it.
func (c *codec) setLocal(res *result.Results) {
	c.local, c.localAt = "", ""
	if c.reading || c.level == Addresses {
		return
	}
	local, domain := message.SplitPath(res.MailFrom)
	if local == "" {
		return
	}
	c.local = local
	if i := strings.LastIndex(res.MailFrom, local+"@"); i >= 0 && domain != "" {
		c.localAt = res.MailFrom[i : i+len(local)+1]
	}
}

// cutText is text without a local part.
func (c *codec) cutText(s *string, n int, local string) {
	if without := withoutLocal(*s, local); without != *s {
		c.writeText(without, n)
		return
	}
	text(c, s, n)
}

// withoutLocal returns a text with "..." in place of a local part, which may have its "@".
// Almost every text has each letter, so that a local part of one octet counts only if it
// is no part of a word.
func withoutLocal(s, local string) string {
	switch {
	case local == "" || !strings.Contains(s, local):
		return s
	case len(strings.TrimSuffix(local, "@")) > 1:
		return strings.ReplaceAll(s, local, "...")
	}
	var b strings.Builder
	rest := 0 // where the rest begins that is not written yet
	for i := range s {
		if i < rest || !strings.HasPrefix(s[i:], local) {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+1:])
		if !inWord(before) && !inWord(after) {
			b.WriteString(s[rest:i] + "...")
			rest = i + len(local)
		}
	}
	return b.String() + s[rest:]
}

// inWord reports whether a character is part of a word.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
