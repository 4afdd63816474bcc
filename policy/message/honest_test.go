package message

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHonestOddities parses forms that break the grammar or look suspicious,
// but in which every client reads the same domain.
func TestHonestOddities(t *testing.T) {
	t.Parallel()
	one := func(name, local, domain string, oddities ...string) Author {
		return Author{Domain: domain, Mailboxes: []Mailbox{{name, local, domain}}, Oddities: oddities}
	}
	const colon, japanese = "a colon in the display name outside quotes", "a display name in raw ISO-2022-JP"
	for _, tt := range []struct {
		name, value string
		want        Author
	}{
		{"RFC 2047 at sign before a word", " =?utf-8?Q?Rock_=26_Roll=2C_=40midnight?= <list@lists.example>", one("=?utf-8?Q?Rock_=26_Roll=2C_=40midnight?=", "list", "lists.example")},
		{"RFC 2047 at sign between words", " =?utf-8?Q?Hans=2C_Bob=40Home?= <a@x.example>", one("=?utf-8?Q?Hans=2C_Bob=40Home?=", "a", "x.example")},
		{"RFC 2047 at sign and a blank", " =?utf-8?Q?Dinner=2C_us_=40_Joe's?= <a@x.example>", one("=?utf-8?Q?Dinner=2C_us_=40_Joe's?=", "a", "x.example")},
		{"RFC 2047 at sign and a full stop", " =?utf-8?Q?Dinner=2C_=40home=2E?= <a@x.example>", one("=?utf-8?Q?Dinner=2C_=40home=2E?=", "a", "x.example")},
		{"RFC 2047 the own address in text", " =?utf-8?Q?Doe=2C_joe=40x.example_via_List?= <a@x.example>", one("=?utf-8?Q?Doe=2C_joe=40x.example_via_List?=", "a", "x.example")},
		{"4.4 comma behind the address", " a@x.example,", one("", "a", "x.example", emptyElement)},
		{"4.4 comma behind angle brackets", " <a@x.example>, \r\n ", one("", "a", "x.example", emptyElement)},
		{"4.4 commas around", " , (x),a@x.example,,(y), ", one("", "a", "x.example", emptyElement)},
		{"4.4 empty place between", " a@x.example,,b@x.example", Author{Domain: "x.example", Mailboxes: []Mailbox{{"", "a", "x.example"}, {"", "b", "x.example"}}, Oddities: []string{emptyElement}}},
		{"colon in the name", " Team: News <n@x.example>", one("Team: News", "n", "x.example", colon)},
		{"colon at the end of the name", " Mail From:<n@x.example> ", one("Mail From:", "n", "x.example", colon)},
		{"colons in the name", " Re: Fw: =?utf-8?q?J=C3=B6rg?= <n@x.example>", one("Re: Fw: =?utf-8?q?J=C3=B6rg?=", "n", "x.example", colon)},
		{"RFC 1468 raw name", " \x1b$B;3ED\x1b(B <n@x.example>", one("山田", "n", "x.example", japanese)},
		{"RFC 1468 raw name in quotes", " \"\x1b$B;3ED\x1b(B Taro\"\r\n <n@x.example>", one("山田 Taro", "n", "x.example", japanese)},
		{"RFC 1468 raw name back to JIS X 0201", " \x1b$B;3ED\x1b(J <n@x.example>", one("山田", "n", "x.example", japanese)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ParseAuthor(from(tt.value))); diff != "" {
				t.Errorf("%q: (-want +got)\n%s", tt.value, diff)
			}
		})
	}
}

// TestOdditiesRefused parses similar forms that some client may read as another
// address.
func TestOdditiesRefused(t *testing.T) {
	t.Parallel()
	const unlike = "an encoded word that programs decode differently"
	const hidden, group, control = "an encoded word that hides another address", "a group instead of an address", "a control character in the From field"
	for _, tt := range []struct{ name, value, want string }{
		{"RFC 2047 domain", " =?utf-8?Q?Hans=2C_Bob=40bank.example?= <a@x.example>", hidden},
		{"RFC 2047 domain of UTF-8 dots", " =?utf-8?Q?Hans=2C_Bob=40bank=E3=80=82example?= <a@x.example>", hidden},
		{"RFC 2047 domain that is not valid", " =?utf-8?Q?Hans=2C_Bob=40bank..example?= <a@x.example>", hidden},
		{"RFC 2047 domain behind a blank", " =?utf-8?Q?=3CBob=40_bank.example=3E=2C?= <a@x.example>", hidden},
		{"RFC 2047 blank in the domain", " =?utf-8?Q?=3CBob=40bank_.example=3E?= <a@x.example>", hidden},
		{"RFC 2047 blank in a label", " =?utf-8?Q?=3CBob=40ba_nk.example=3E?= <a@x.example>", hidden},
		{"RFC 2047 comment in the domain", " =?utf-8?Q?=3CBob=40bank(x).example=3E?= <a@x.example>", hidden},
		{"RFC 2047 comment behind the at sign", " =?utf-8?Q?=3CBob=40(x)bank.example=3E?= <a@x.example>", hidden},
		{"RFC 2047 quote in the domain", ` "=?utf-8?Q?Bob=40bank=22.example?=" <a@x.example>`, hidden},
		{"RFC 2047 the own domain goes on behind a blank", " =?utf-8?Q?=3CBob=40x.example_.bank.example=3E?= <a@x.example>", hidden},
		{"RFC 2047 the own domain goes on behind a dot and a comment", " =?utf-8?Q?=3CBob=40x.example._(x)bank.example=3E?= <a@x.example>", hidden},
		{"RFC 2047 word without end, base64", " <a@x.example> (=?utf-8?b?Ym9iQGJhbmsuZXhhbXBsZQ)", unlike},
		{"RFC 2047 word without end, quoted-printable", " <a@x.example> (=?utf-8?q?bob=40bank.example)", unlike},
		{"RFC 2047 word begun inside a word", " <a@x.example> (=?utf-8?q?=?utf-8?q?=3Cbob=40bank.example?=)", unlike},
		{"RFC 2047 domain goes on outside", " =?utf-8?Q?=3CBob=40bank?=.example <a@x.example>", hidden},
		{"4.4 only commas", " , ,", "an empty From field"},
		{"4.4 other domain after an empty element", " a@x.example,,b@bank.example", "an empty element in the list of addresses"},
		{"colon and an address", " Team: a@bank.example <n@x.example>", group},
		{"colon and a comment", " Team: (a@bank.example) <n@x.example>", group},
		{"colon and a second address", " Team: <n@x.example> <a@bank.example>", group},
		{"colon and a decoded at sign", " Team: =?utf-8?q?a=40bank.example?= <n@x.example>", group},
		{"RFC 1468 at sign in a raw name", " \x1b$B;@bank.example\x1b(B <n@x.example>", control},
		{"RFC 1468 at sign of the escape", " a \x1b$@bank.example\x1b(B <n@x.example>", control},
		{"RFC 1468 bracket in a raw name", " \x1b$B<a\x1b(B <n@x.example>", control},
		{"RFC 1468 raw name without end", " \x1b$B;3ED <n@x.example>", control},
		{"RFC 1468 half a character", " \x1b$B;3E\x1b(B <n@x.example>", control},
		{"RFC 1468 escape in the address", " J <n\x1b$B;3\x1b(B@x.example>", control},
		{"RFC 1468 escape behind the address", " J <n@x.example> \x1b$B;3\x1b(B", control},
		{"RFC 1468 escape unknown", " \x1b(I;3\x1b(B <n@x.example>", control},
		{"RFC 1468 and an encoded word", " \x1b$B;3ED\x1b(B =?utf-8?q?x?= <n@x.example>", control},
		{"RFC 1468 no brackets", " \x1b$B;3ED\x1b(B n@x.example", control},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ParseAuthor(from(tt.value))
			if got.Problem != tt.want || got.Domain != "" || got.Absent {
				t.Errorf("%q: %+v, want problem %q", tt.value, got, tt.want)
			}
		})
	}
}

func TestAbsentAuthor(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		" MAILER-DAEMON (Mail Delivery System)", " root (Cron Daemon)", ` "Mail Delivery System" <>`, " <>", " Joe <root>", " root, daemon,",
		" =?utf-8?q?Zustellung?= <>",
	} {
		if a := ParseAuthor(from(value)); !a.Absent || a.Problem == "" || a.Domain != "" {
			t.Errorf("%q: %+v, want an absent domain", value, a)
		}
	}
	for _, value := range []string{
		"", " ,", " (x)", ` "ceo@bank.example" <>`, " MAILER-DAEMON (ceo@bank.example)", " =?utf-8?q?ceo=40bank.example?= <>", " a@x.example, root",
		" root@", " root, a@bank.example", " <> <a@bank.example>", " Team:;", " ceo\uff20bank.example <>", " =?utf-7?q?a+AEA-b?= <>",
		" joe@x.example", " a@[192.0.2.1]", " root\x00", " =?utf-8?q?root?=",
	} {
		if a := ParseAuthor(from(value)); a.Absent {
			t.Errorf("%q: %+v, want no absent domain", value, a)
		}
	}
	for name, h := range map[string]Header{
		"no field":        nil,
		"two fields":      from(" root", " root"),
		"another as well": from(" root", " a@x.example"),
		"misspelt":        {NewField("\xffFrom", " root")},
		"hidden":          append(from(" root"), NewField("X", " a\rFrom: a@bank.example")),
	} {
		if a := ParseAuthor(h); a.Absent || a.Problem == "" {
			t.Errorf("%s: %+v, want no absent domain", name, a)
		}
	}
}
