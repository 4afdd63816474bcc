package message

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func from(values ...string) Header {
	h := Header{NewField("Received", " by mx.example.org"), NewField("Subject", " hello")}
	for _, v := range values {
		h = append(h, NewField("From", v))
	}
	return h
}

func TestAuthorDomain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value string
		want        Author
	}{
		{
			"3.4 name-addr", " Joe Q. Public <joe@Example.ORG>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe Q. Public", "joe", "example.org"}}},
		},
		{
			"3.4 addr-spec alone", "joe@example.org",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", "joe", "example.org"}}},
		},
		{
			"3.4 quoted display name with an address", ` "ceo@bank.example, <x@bank.example>" <joe@example.org>`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"ceo@bank.example, <x@bank.example>", "joe", "example.org"}}},
		},
		{
			"3.4 empty display name", ` "" <joe@example.org>`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", "joe", "example.org"}}},
		},
		{
			"3.4 several mailboxes of one domain", " Joe <joe@example.org>, ann@EXAMPLE.org",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe", "joe", "example.org"}, {"", "ann", "example.org"}}},
		},
		{
			"3.2.4 quoted local part with @", ` "a@b"@example.org`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", "a@b", "example.org"}}},
		},
		{
			"3.2.4 quoted local part with quotes", ` Joe <"a\"b\\c"@example.org>`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe", `a"b\c`, "example.org"}}},
		},
		{
			"3.2.2 comments around", " (a (nested \\) one)) Joe (b) <joe@example.org> (c)",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe", "joe", "example.org"}}},
		},
		{
			"3.2.2 comment with an address", " joe@example.org (ceo@bank.example)",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", "joe", "example.org"}}},
		},
		{
			"3.2.2 folds between the parts", "\r\n Joe\r\n\t<joe@example.org>\r\n ",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe", "joe", "example.org"}}},
		},
		{
			"3.4 blanks inside the angle brackets", " Joe< joe@example.org >",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe", "joe", "example.org"}}},
		},
		{
			"4.1 dots in a phrase", " J.R. Doe <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"J.R. Doe", "joe", "example.org"}}},
		},
		{
			"brackets in a phrase", " Joe [work] <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe [work]", "joe", "example.org"}}, Oddities: []string{"square brackets outside quotes"}},
		},
		{
			"brackets in a phrase beside quotes", ` "Joe" [work] <joe@example.org>`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Joe [work]", "joe", "example.org"}}, Oddities: []string{"square brackets outside quotes"}},
		},
		{
			"dots where dot-atom has none", " <.joe..x.@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", ".joe..x.", "example.org"}}, Oddities: []string{"dots where the local part may have none"}},
		},
		{
			"dot at the end of the domain", " <joe@example.org.>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"", "joe", "example.org"}}, Oddities: []string{"a dot at the end of the domain"}},
		},
		{
			"underscore and hyphens in the domain", " <joe@r3---sn_x.-a-.example.org>",
			Author{Domain: "r3---sn_x.-a-.example.org", Mailboxes: []Mailbox{{"", "joe", "r3---sn_x.-a-.example.org"}}},
		},
		{
			"one label", " root@localhost",
			Author{Domain: "localhost", Mailboxes: []Mailbox{{"", "root", "localhost"}}},
		},
		{
			"source route in words only", ` "@a,@b:c@d" <joe@example.org>`,
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"@a,@b:c@d", "joe", "example.org"}}},
		},
		{
			"address as its own unquoted name", " joe@example.org <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"joe@example.org", "joe", "example.org"}}, Oddities: []string{"an address in front of the angle brackets"}},
		},
		{
			"RFC 2047 encoded words in the name", " =?utf-8?q?J=C3=B6rg=2C_M=2E?= =?utf-8?b?w7w=?= <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"=?utf-8?q?J=C3=B6rg=2C_M=2E?= =?utf-8?b?w7w=?=", "joe", "example.org"}}},
		},
		{
			"RFC 2047 encoded name that is an address", " =?utf-8?q?ceo=40bank.example_via_list?= <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"=?utf-8?q?ceo=40bank.example_via_list?=", "joe", "example.org"}}},
		},
		{
			"RFC 2047 encoded name with the own address", " =?utf-8?q?Joe_=3Cjoe=40example.org=3E?= <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"=?utf-8?q?Joe_=3Cjoe=40example.org=3E?=", "joe", "example.org"}}},
		},
		{
			"RFC 1468 Japanese name with bytes of ASCII", " =?ISO-2022-JP?B?GyRCQGE8LBsoQg==?= <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"=?ISO-2022-JP?B?GyRCQGE8LBsoQg==?=", "joe", "example.org"}}},
		},
		{
			"GBK name with bytes of ASCII", " =?gb2312?B?gUCBXA==?= <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"=?gb2312?B?gUCBXA==?=", "joe", "example.org"}}},
		},
		{
			"RFC 6532 UTF-8 in name, local part and domain", " Jörg <jörg@Bücher.example>",
			Author{Domain: "xn--bcher-kva.example", Mailboxes: []Mailbox{{"Jörg", "jörg", "xn--bcher-kva.example"}}},
		},
		{
			"RFC 8616 A-label and U-label are one domain", " a@bücher.example, b@XN--BCHER-kva.example",
			Author{Domain: "xn--bcher-kva.example", Mailboxes: []Mailbox{{"", "a", "xn--bcher-kva.example"}, {"", "b", "xn--bcher-kva.example"}}},
		},
		{
			"Latin-1 in the name", " J\xf6rg <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"J\uFFFDrg", "joe", "example.org"}}, Oddities: []string{"raw 8-bit text that is not UTF-8"}},
		},
		{
			"Latin-1 before the quote", " \"Andr\xe9\" <joe@example.org>",
			Author{Domain: "example.org", Mailboxes: []Mailbox{{"Andr\uFFFD", "joe", "example.org"}}, Oddities: []string{"raw 8-bit text that is not UTF-8"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ParseAuthor(from(tt.value))); diff != "" {
				t.Errorf("%q: (-want +got)\n%s", tt.value, diff)
			}
		})
	}
}

func TestAmbiguousAuthor(t *testing.T) {
	t.Parallel()
	b64 := "=?utf-8?B?PGFkbWluQGJhbmsuZXhhbXBsZT4=?=" // <admin@bank.example>
	for _, tt := range []struct{ name, value, want string }{
		{"empty", "", "an empty From field"},
		{"only a comment", " (joe@example.org) ", "an empty From field"},
		{"several domains", " a@example.org, b@bank.example", "addresses of several domains"},
		{"no domain", " joe", "an address without a domain"},
		{"no domain in angle brackets", " Joe <joe>", "an address without a domain"},
		{"no domain after @", " joe@", "an address without a domain"},
		{"no domain in a list", " a@example.org, joe, b@example.org", "an address without a domain"},
		{"no local part", " <@example.org>", "a source route in the address"},
		{"no local part, bare", " @example.org", "an address without a local part"},
		{"empty angle brackets", " Joe <>", "an empty address"},
		{"text after, bare", " joe@example.org Joe", "text after the address"},
		{"second address after", " <joe@example.org><admin@bank.example>", "text after the address"},
		{"second address after a comment", " <joe@example.org> (x) <admin@bank.example>", "text after the address"},
		{"text inside", " <joe@example.org admin>", "text after the address"},
		{"name that is an unquoted address of another domain", " admin@bank.example <joe@example.org>", "an address in front of the angle brackets"},
		{"square brackets beside quotes", ` "admin@bank.example" [x] <joe@example.org>`, "square brackets outside quotes"},
		{"square brackets beside an encoded address", " =?utf-8?q?admin=40bank.example?= [x] <joe@example.org>", "square brackets outside quotes"},
		{"bracket inside", " <joe@example.org<admin@bank.example>", "nested angle brackets"},
		{"two at signs", " joe@bank.example@example.org", "more than one @ in the address"},
		{"two at signs in angle brackets", " <joe@bank.example@example.org>", "more than one @ in the address"},
		{"4.4 source route", " <@bank.example,@any.example:joe@example.org>", "a source route in the address"},
		{"4.4 source route with comma first", " <,@bank.example:joe@example.org>", "a source route in the address"},
		{"3.4 empty group", " undisclosed-recipients:;", "a group instead of an address"},
		{"backslash outside quotes", ` \<admin@bank.example\> <joe@example.org>`, "a backslash outside quotes"},
		{"backslash before the comma", ` <admin@bank.example>\,<joe@example.org>`, "text after the address"},
		{"3.4.1 address literal", " joe@[192.0.2.1]", "an address literal instead of a domain"},
		{"3.4.1 address literal in brackets", " Joe <joe@[IPv6:2001:db8::1]>", "an address literal instead of a domain"},
		{"3.4.1 literal without end", " Joe <joe@[192.0.2.1>", "a malformed address literal"},
		{"3.2.2 comment in the local part", " joe(x)@example.org", "white space or a comment inside the address"},
		{"3.2.2 comment before the domain", " joe@(bank.example)example.org", "white space or a comment inside the address"},
		{"3.2.2 comment in the domain", " <joe@bank.example(x).example.org>", "white space or a comment inside the address"},
		{"3.2.2 blank in the domain", " joe@bank.example .example.org", "white space or a comment inside the address"},
		{"3.2.2 fold in the domain", " joe@bank.example\r\n .example.org", "white space or a comment inside the address"},
		{"3.2.2 comments too deep", " " + strings.Repeat("(", 33) + strings.Repeat(")", 33) + "joe@example.org", "comments nested too deeply"},
		{"3.2.4 partly quoted local part", ` "admin@bank.example"x@example.org`, "a local part that is quoted in part"},
		{"3.2.4 quotes in the middle", ` admin"@bank.example"@example.org`, "a local part that is quoted in part"},
		{"3.2.4 address in a quoted local part", ` "<admin@bank.example>"@example.org`, "an address inside a quoted local part"},
		{"3.2.4 address and blank in a quoted local part", ` <"admin@bank.example x"@example.org>`, "an address inside a quoted local part"},
		{"RFC 2047 whole address", " " + b64, "an encoded word in place of an address"},
		{"RFC 2047 whole address, then another", " " + b64 + ", <joe@example.org>", "an encoded word in place of an address"},
		{"RFC 2047 in angle brackets", " <" + b64 + ">", "an encoded word in place of an address"},
		{"RFC 2047 as local part", " =?utf-8?b?YWRtaW5AYmFuay5leGFtcGxl?==?utf-8?Q?=00?=@example.org", "an encoded word in the address"},
		{"RFC 2047 as quoted local part", ` "=?utf-8?b?YWRtaW5AYmFuay5leGFtcGxl?="@example.org`, "an encoded word in the address"},
		{"RFC 2047 as domain", " joe@=?utf-8?q?example.org?=", "an encoded word in the address"},
		{"RFC 2047 hides an address in the name", " " + b64 + " <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 hides an address in quotes", ` "` + b64 + `" <joe@example.org>`, "an encoded word that hides another address"},
		{"RFC 2047 breaks out of quotes", ` "=?utf-8?q?=22_=3Cadmin=40bank=2Eexample=3E?=" <joe@example.org>`, "an encoded word that hides another address"},
		{"RFC 2047 breaks out of a comment", " joe@example.org (=?utf-8?q?=29_admin=40bank=2Eexample?=)", "an encoded word that hides another address"},
		{"RFC 2047 in two words", " =?utf-8?q?admin=40ba?= =?utf-8?q?nk.example=2C?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 ends the string", " =?utf-8?q?admin=40bank.example=00?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 base64 without padding", " =?utf-8?B?PGFkbWluQGJhbmsuZXhhbXBsZT4?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 UTF-16", " =?utf-16be?B?ADwAYQBAAGIALgBlAHgAYQBtAHAAbABlAD4=?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 ISO-2022-JP that is ASCII", " =?iso-2022-jp*ja?Q?=3Ca=40bank.example=3E?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 unknown character set", " =?x-own?Q?=3Ca=40bank.example=3E?= <joe@example.org>", "an encoded word that hides another address"},
		{"RFC 2047 UTF-7", " =?UTF-7?Q?+ADw-admin+AEA-bank.example+AD4-?= <joe@example.org>", "an encoded word in UTF-7"},
		{"2.2 NUL", " joe@bank.example\x00@example.org", "a NUL in the From field"},
		{"2.2 control character", " joe\x08@example.org", "a control character in the From field"},
		{"2.2 DEL", " joe\x7f@example.org", "a control character in the From field"},
		{"2.2 bare CR", " joe@bank.example\r,x@example.org", "a bare CR or LF in the From field"},
		{"2.2 CRLF without fold", " joe@bank.example\r\nx@example.org", "a bare CR or LF in the From field"},
		{"4.2 blank line inside", "\r\n \r\n joe@example.org", "a blank line inside the From field"},
		{"2.1.1 line too long", " joe@example.org" + strings.Repeat(" ", 1000) + "(x)", "a From field with a line over 998 octets"},
		{"field too long", strings.Repeat(" a@example.org,\r\n", 5000) + " a@example.org", "a From field over 64 KiB"},
		{"too many addresses", strings.Repeat(" a@example.org,\r\n", 100) + " a@example.org", "more than 100 addresses"},
		{"RFC 6532 local part not UTF-8", " j\xf6rg@example.org", "raw 8-bit text that is not UTF-8 in the address"},
		{"RFC 6532 domain not UTF-8", " joe@b\xfccher.example", "raw 8-bit text that is not UTF-8 in the address"},
		{"RFC 6532 direction marks", " \u202emoc.knab@example.org", "invisible characters in the address"},
		{"RFC 6532 fullwidth at sign in the local part", " admin\uff20bank.example@example.org", "more than one @ in the address"},
		{"RFC 6532 no-break space", " a\u00a0b@example.org", "invisible characters in the address"},
		{"GBK eats the backslash", " \"\x81\\\" <admin@bank.example> \" <joe@example.org>", "raw 8-bit text before a backslash"},
		{"RFC 5890 domain not valid", " joe@a\u2260\u2603\u0338.\u0301example.org", "a domain that is not valid"},
		{"RFC 5890 false A-label", " joe@xn--bank-.example", "a domain that is not valid"},
		{"fullwidth at sign", " joe@bank.example\uff20example.org", "a domain that is not valid"},
		{"empty label", " joe@example..org", "a domain that is not valid"},
		{"label too long", " joe@" + strings.Repeat("a", 64) + ".org", "a domain that is not valid"},
		{"unusual characters in the domain", " joe@exa!mple.org", "a domain that is not valid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ParseAuthor(from(tt.value))
			if got.Problem != tt.want || got.Domain != "" || !got.Ambiguous() {
				t.Errorf("%q: domain %q, problem %q, want problem %q", tt.value, got.Domain, got.Problem, tt.want)
			}
		})
	}
}

func TestAuthorFields(t *testing.T) {
	t.Parallel()
	one := []Mailbox{{"", "a", "example.org"}}
	for _, tt := range []struct {
		name string
		h    Header
		want Author
	}{
		{"3.6.2 none", nil, Author{Problem: "no From field"}},
		{"3.6.2 two of one domain", from("a@example.org", "a@example.org"), Author{Problem: "2 From fields", Mailboxes: append(one[:1:1], one...)}},
		{
			"3.6.2 two in any case", append(from("a@example.org"), Field{Name: "fROM", Raw: "fROM: x@bank.example\r\n"}),
			Author{Problem: "2 From fields", Mailboxes: []Mailbox{one[0], {"", "x", "bank.example"}}},
		},
		{"4.5 blank before the colon", Header{NewField("From ", " a@example.org")}, Author{Domain: "example.org", Mailboxes: one}},
		{
			"4.5 blank before the colon of the second", append(from("a@example.org"), NewField("From\t", " x@bank.example")),
			Author{Problem: "2 From fields", Mailboxes: []Mailbox{one[0], {"", "x", "bank.example"}}},
		},
		{
			"2.2 NUL in the name", append(from("a@example.org"), NewField("From\x00x", " x@bank.example")),
			Author{Problem: "2 From fields", Mailboxes: []Mailbox{one[0], {"", "x", "bank.example"}}},
		},
		{
			"2.2 other bytes in the only name",
			Header{NewField("\xffFrom", "a@example.org")},
			Author{Problem: "a From field whose name holds other bytes", Mailboxes: one},
		},
		{
			"other names", append(from("a@example.org"), NewField("X-From", " x@bank.example"), NewField("Resent-From", " x@bank.example")),
			Author{Domain: "example.org", Mailboxes: one},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ParseAuthor(tt.h)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDecodeWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"a =?utf-8?q?b_c=3D?= d":          "a b c= d",
		"=?x?Q?a?= \r\n =?x?B?Yg==?= c":   "ab c",
		"=?x?B?Y?=|=?x?b?Yg?=":            "|b",
		"=?x?z?a?= =?x?q":                 "=?x?z?a?= =?x?q",
		"=? =?a?b =?u?q?=?=":              "=? =?a?b =",
		"=?=?=?=?utf-8?q?x=4?=":           "=?=?=?x=4",
		"=?utf-8?q?=E2=82=AC?=?=?a?q?b?=": "€?b",
		"=?u?q?a b?=\t":                   "a b\t",
	} {
		if got := DecodeWords(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzParseAuthor(f *testing.F) {
	for _, s := range []string{
		" Joe <joe@example.org>", ` "a@b" <"x\"y"@example.org> (c (d)), z@example.org`, " Team: a@b.example, c;",
		"=?utf-8?q?=22=3Ca=40b=3E?= <x@bücher.example>", "<@a,@b:c@d>", "a@[192.0.2.1]", "a@b <c@b>", "\x00", "\r\n a@b\r\n ",
		" A, B <a@b>", "A&b; <a@b", " 'a@b' <<mailto:a@b>>", "g: [a@b]);", "\"A <a@ b> \\c", "=??q?a=40b?= <c@d>", "\"a\r\n b@c\" <d@c>",
	} {
		f.Add(s, "")
		f.Add(s, s)
	}
	if cases, err := readSuite(); err == nil {
		for _, c := range cases {
			f.Add(c.Value, "")
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		h := from(first)
		if second != "" {
			h = append(h, NewField("from ", second))
		}
		a := ParseAuthor(h)
		if (a.Domain == "") != a.Ambiguous() || len(a.Mailboxes) > maxMailboxes {
			t.Fatalf("domain %q, problem %q, %d mailboxes", a.Domain, a.Problem, len(a.Mailboxes))
		}
		if second != "" && !a.Ambiguous() {
			t.Fatal("two fields, no problem")
		}
		if strings.ToLower(a.Problem) != a.Problem && !strings.ContainsAny(a.Problem, "FNUCRDLTK") {
			t.Fatalf("problem %q", a.Problem)
		}
		for _, m := range a.Mailboxes {
			if !utf8.ValidString(m.Name + m.Local) {
				t.Fatalf("%+v is not UTF-8", m)
			}
			if n, ok := NormalizeDomain(m.Domain); m.Domain != "" && (!ok || n != m.Domain) {
				t.Fatalf("domain %q is not normal", m.Domain)
			}
			if !a.Ambiguous() && m.Domain != a.Domain {
				t.Fatalf("%+v in a message of %q", m, a.Domain)
			}
		}
		// An author domain that we evaluate stands in the field outside of
		// encoded words.
		if a.Domain != "" && isASCII(first) && !strings.Contains(strings.ToLower(first), "@"+a.Domain) {
			t.Fatalf("domain %q is not in %q", a.Domain, first)
		}
		if a.Domain == "" || second != "" {
			return
		}
		// Whatever an accepted field holds, an address of another domain at
		// either end counts.
		for _, more := range []string{"x@other.test, " + first, first + ", x@other.test", first + "\r\n , x@other.test", first + ";<x@other.test>"} {
			if got := ParseAuthor(from(more)); a.Domain != "other.test" && !got.Ambiguous() {
				t.Fatalf("domain %q with another in %q", got.Domain, more)
			}
		}
	})
}

func BenchmarkParseAuthor(b *testing.B) {
	for _, bb := range []struct{ name, value string }{
		{"plain", ` "Joe Public" <joe@mail.example.org>`},
		{"encoded", " =?utf-8?q?J=C3=B6rg=2C_M=2E?= <joe@mail.example.org>"},
		{"idn", " Jörg <jörg@bücher.example>"},
		{"hostile", " " + strings.Repeat(strings.Repeat("(", 32)+strings.Repeat(")", 32)+"\r\n ", 900) + "a@b"},
		{"hostileWords", " " + strings.Repeat("=?a?q?=3Ca=40b=3E?=\r\n ", 2500) + "<a@b>"},
	} {
		h := from(bb.value)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				ParseAuthor(h)
			}
		})
	}
}

// BenchmarkParseAuthorGrowth shows that the cost of hostile fields is linear in
// their size: MB/s must not fall as they grow.
func BenchmarkParseAuthorGrowth(b *testing.B) {
	for _, bb := range []struct{ name, unit, end string }{
		{"Comments", "(())", "a@b"},
		{"NestedComments", strings.Repeat("(", 32) + strings.Repeat(")", 32), "a@b"},
		{"Words", "a ", "<a@b>"},
		{"QuotedPairs", "\\a", "<a@b>"},
		{"EncodedWords", "=?a?q?=3Ca=40b=3E?= ", "<a@b>"},
		{"Mailboxes", "a@b,", "a@b"},
		{"Groups", "g:a@b;,", "g:;"},
		{"Brackets", "<", ">"},
		{"Ats", "@", "a@b"},
		{"Quotes", "\"a\"", "@b"},
	} {
		for _, kb := range []int{4, 16, 60} {
			h := from(" " + strings.Repeat(strings.Repeat(bb.unit, 900/len(bb.unit))+"\r\n ", kb<<10/900) + bb.end)
			b.Run(fmt.Sprintf("%s/%dKB", bb.name, kb), func(b *testing.B) {
				b.SetBytes(int64(len(h[len(h)-1].Raw)))
				for b.Loop() {
					ParseAuthor(h)
				}
			})
		}
	}
}
