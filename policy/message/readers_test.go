package message

import (
	"math/rand/v2"
	"net/mail"
	"strings"
	"testing"
)

// readers are ways in which mail clients find the author's address. Each
// returns the domains that it would show, or nil if it finds none.
var readers = map[string]func(string) []string{
	"net/mail": netMail,
	"net/mail after decoding": func(value string) []string {
		return netMail(DecodeWords(value))
	},
	"first angle brackets": func(value string) []string { return angled(value, true) },
	"last angle brackets":  func(value string) []string { return angled(value, false) },
	"angle brackets after decoding": func(value string) []string {
		return append(angled(DecodeWords(value), true), angled(DecodeWords(value), false)...)
	},
	"up to a NUL or line end": func(value string) []string {
		return netMail(value[:max(0, strings.IndexAny(strings.ReplaceAll(value, "\r\n ", "   ")+"\x00", "\x00\r\n"))])
	},
}

func netMail(value string) []string {
	list, err := mail.ParseAddressList(strings.ReplaceAll(value, "\r\n", ""))
	if err != nil {
		return nil
	}
	var domains []string
	for _, a := range list {
		domains = append(domains, a.Address[strings.LastIndexByte(a.Address, '@')+1:])
	}
	return domains
}

// angled finds the first or last angle brackets outside quotes and comments and
// returns the text after the last "@" in them.
func angled(value string, first bool) []string {
	quoted, depth, open := false, 0, -1
	var found []string
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\':
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<':
			open = i
		case c == '>' && open >= 0:
			if at := strings.LastIndexByte(value[open:i], '@'); at >= 0 {
				found = append(found, strings.TrimSpace(value[open+at+1:i]))
			}
			open = -1
		}
	}
	switch {
	case len(found) == 0:
		return nil
	case first:
		return found[:1]
	}
	return found[len(found)-1:]
}

var fragments = []string{
	"joe", "@", "example.org", "bank.example", "admin@bank.example", "joe@example.org", "<joe@example.org>", "<admin@bank.example>",
	"Joe ", " ", " ", "\r\n ", "<", ">", "<", ">", `"`, `"`, `\`, "(", ")", "(x)", ",", ";", ":", ".", "[192.0.2.1]", `""`, "ü", "\xfc",
	"=?utf-8?q?=3Cadmin=40bank.example=3E?=", "=?utf-8?q?J=C3=B6rg?=", "=?utf-8?b?YWRtaW5AYmFuay5leGFtcGxlLA==?=", "=?utf-8?q?=22?=", "=?utf-8?q?=29?=",
	"Team:", "\x1b$B;3ED\x1b(B", "=?utf-8?q?Hans=2C_Bob=40Home?=", "=?utf-8?q?=3CBob=40_bank.example=3E=2C?=",
	"\x00", "\r", "@a.example,@b.example:", `"admin@bank.example"`,
}

// TestReadersAgree checks that no reader shows another domain than our Author
// Domain.
func TestReadersAgree(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5322, 9989))
	accepted, compared := 0, 0
	for range 60000 {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteString(fragments[r.IntN(len(fragments))])
		}
		value := b.String()
		a := ParseAuthor(Header{NewField("From", value)})
		if a.Ambiguous() {
			continue
		}
		accepted++
		for name, read := range readers {
			for _, d := range read(value) {
				compared++
				if n, ok := NormalizeDomain(d); !ok || n != a.Domain {
					t.Errorf("%q: we read %q, %s reads %q", value, a.Domain, name, d)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d accepted, %d readings compared", accepted, compared)
	if accepted < 500 || compared < 1000 {
		t.Errorf("%d accepted and %d compared: the fragments do not reach the parser", accepted, compared)
	}
}

// TestHonestForms checks that we accept forms that are frequent in honest mail
// and that net/mail reads as one domain.
func TestHonestForms(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"joe@example.org", "<joe@example.org>", "Joe <joe@example.org>", "Joe<joe@example.org>", `"Doe, Joe" <joe@example.org>`,
		"Joe Doe\r\n <joe@example.org>", "joe@example.org (Joe Doe)", "Joe (at work) <joe@example.org>", "O'Neil <joe@example.org>",
		"=?UTF-8?B?SsO2cmc=?= <joe@example.org>", "=?iso-8859-1?Q?J=F6rg_Doe_=28work=29?= <joe@example.org>", `"=?UTF-8?Q?J=C3=B6rg?=" <joe@example.org>`,
		"=?UTF-8?Q?J=C3=B6rg?= Doe <joe@example.org>", `"joe@example.net" <joe@example.org>`, `"joe@example.net via list" <list@example.org>`,
		"joe@example.org <joe@example.org>", "bounce+joe=example.net@example.org", "Mail Delivery System <MAILER-DAEMON@example.org>",
		"root@localhost", `"root" <root@host_1.example.org>`, "Joe & Ann <us@example.org>", "A/B | C <x@example.org>", "Joe <joe@EXAMPLE.ORG>",
		"Joe [JIRA] <jira@example.org>", "J. Doe Jr. <joe@example.org>", "joe%example.net@example.org", `"" <joe@example.org>`, " Joe <joe@example.org> ",
		"\tJoe\t<joe@example.org>\t", `"Joe \"X\" Doe" <joe@example.org>`, "Joe! <joe@example.org>", "=?utf-8?q?J=C3=B6rg?=\r\n =?utf-8?q?_Doe?= <joe@example.org>",
		"Jörg <joe@example.org>", "1&1 <x@1und1.example>", "#1 {x} ~ <x@example.org>", "Joe <a.@example.org>",
	} {
		if a := ParseAuthor(Header{NewField("From", value)}); a.Ambiguous() {
			t.Errorf("%q: %s", value, a.Problem)
		}
	}
}
