package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestOddFieldsWithOneDomain parses fields outside the grammar in which every
// program reads the same domain, if it reads one at all. Scanners, shops, ERP
// systems and old mail programs send them.
func TestOddFieldsWithOneDomain(t *testing.T) {
	t.Parallel()
	const (
		comma, semicolon = "a comma outside quotes", "a semicolon outside quotes"
		noBrackets       = "a name and an address without angle brackets"
		group            = "a group instead of an address"
		apostrophes      = "an address in apostrophes"
		mailto           = "mailto: in front of the address"
		noQuote, textEnd = "a quoted string without end", "text after the address"
		inside           = "white space or a comment inside the address"
	)
	for _, tt := range []struct {
		name, value string
		want        []string
	}{
		{"surname first", " Huber, Eva <eva@shop.example>", []string{comma}},
		{"surname first, umlaut in Latin-1", " M\xfcller, Eva <eva@shop.example>", []string{comma}},
		{"surname first, encoded", " =?utf-8?q?M=C3=BCller?=, Eva <eva@shop.example>", []string{comma}},
		{"surname first, decoded comma too", " =?utf-8?q?M=C3=BCller=2C?= , Eva <eva@shop.example>", []string{comma}},
		{"surname first, title last", " Huber, Eva, PhD <eva@shop.example>", []string{comma}},
		{"two commas", " Huber,, Eva <eva@shop.example>", []string{emptyElement, comma}},
		{"name behind the address", " eva@shop.example, Eva", []string{comma}},
		{"entity", " Tom &amp; Co <shop@shop.example>", []string{semicolon}},
		{"entities", " B&uuml;ro &quot;Eva&quot; <eva@shop.example>", []string{semicolon}},
		{"semicolon in the name", " Eva; Sales <eva@shop.example>", []string{semicolon}},
		{"semicolon behind", " Eva <eva@shop.example>;", []string{"a semicolon between addresses"}},
		{"semicolon behind, bare", " eva@shop.example;", []string{"a semicolon between addresses"}},
		{"semicolon between", " eva@shop.example; tom@shop.example", []string{"a semicolon between addresses"}},
		{"apostrophes in the name", " 'eva@shop.example' <eva@shop.example>", []string{apostrophes}},
		{"apostrophes in the name, other user", " 'tom@shop.example' <eva@shop.example>", []string{apostrophes}},
		{"apostrophes alone", " 'eva@shop.example'", []string{apostrophes}},
		{"apostrophes in the brackets", " Eva <'eva@shop.example'>", []string{apostrophes}},
		{"backquotes", " `eva@shop.example` <eva@shop.example>", []string{apostrophes}},
		{"apostrophes around all", " '<eva@shop.example>'", []string{textEnd}},
		{"no brackets", " Copier eva@shop.example", []string{noBrackets}},
		{"no brackets, two words", " Copier 3rd-floor eva@shop.example", []string{noBrackets}},
		{"no brackets, tabs", "\tCopier\teva@shop.example\t", []string{noBrackets}},
		{"no brackets, quoted name", ` "Copier" eva@shop.example`, []string{noBrackets}},
		{"no brackets, comment", " Copier eva@shop.example (3rd floor)", []string{noBrackets}},
		{"doubled brackets", " Eva <<eva@shop.example>>", []string{"nested angle brackets"}},
		{"doubled brackets, no name", " <<eva@shop.example>>", []string{"nested angle brackets"}},
		{"bracket not closed", " Eva <eva@shop.example", []string{unmatched}},
		{"bracket not closed, own address as name", " eva@shop.example <eva@shop.example", []string{unmatched}},
		{"bracket not opened", " eva@shop.example>", []string{unmatched}},
		{"bracket not opened, name", " Eva eva@shop.example>", []string{unmatched}},
		{"bracket opened twice", " Eva <<eva@shop.example>", []string{unmatched}},
		{"bracket closed twice", " Eva <eva@shop.example>>", []string{unmatched}},
		{"Windows account", ` SHOP\eva <eva@shop.example>`, []string{"a backslash outside quotes"}},
		{"Windows account, no brackets", ` SHOP\eva eva@shop.example`, []string{"a backslash outside quotes"}},
		{"mailto", " <mailto:eva@shop.example>", []string{mailto}},
		{"MAILTO and a blank", " Eva <MAILTO: eva@shop.example>", []string{mailto}},
		{"mailto in square brackets", " Eva [mailto:eva@shop.example]", []string{squareBrackets, mailto}},
		{"SMTP address of a directory", " Eva <SMTP:eva@shop.example>", []string{"a colon in front of the address"}},
		{"square brackets", " Eva [eva@shop.example]", []string{squareBrackets, noBrackets}},
		{"RFC 6854 group of one", " Sales: eva@shop.example;", []string{group}},
		{"RFC 6854 group of two", " Sales: Eva <eva@shop.example>, tom@shop.example;", []string{group}},
		{"RFC 6854 group, then an address", " Sales: eva@shop.example;, tom@shop.example", []string{group}},
		{"group without end", " Sales: eva@shop.example", []string{group}},
		{"group with a comma first", " Sales:,eva@shop.example;", []string{group}},
		{"group with a word in it", " Sales: a, Eva <eva@shop.example>", []string{group}},
		{"group that ends before the address", " Sales:; Eva <eva@shop.example>", []string{group}},
		{"group and a decoded comma", " Sales: =?utf-8?q?a=2C?= <eva@shop.example>", []string{group}},
		{"group behind an address", " eva@shop.example, Sales: News <n@shop.example>", []string{group}},
		{"subject's prefixes", " Fw: Re: eva@shop.example", []string{group}},
		{"quote without end", ` "Eva <eva@shop.example>`, []string{noQuote}},
		{"quote without beginning", ` Eva" <eva@shop.example>`, []string{noQuote}},
		{"quote without end, bare", ` "eva@shop.example`, []string{noQuote}},
		{"comment without end", " eva@shop.example (Eva", []string{"a comment without end"}},
		{"comment without beginning", " Eva) <eva@shop.example>", []string{"parentheses that do not match"}},
		{"parenthesis at the end", " eva@shop.example )", []string{"parentheses that do not match"}},
		{"name behind", " <eva@shop.example> Eva", []string{textEnd}},
		{"name behind, quoted", ` <eva@shop.example> "Eva"`, []string{textEnd}},
		{"name around", " Eva <eva@shop.example> Huber", []string{textEnd}},
		{"name around, in a list", " Eva <eva@shop.example> Huber, Tom <tom@shop.example>", []string{textEnd}},
		{"local part of two words", " Eva <eva huber@shop.example>", []string{inside}},
		{"blank before the at sign", " Eva <eva @shop.example>", []string{inside}},
		{"comment at the begin of the brackets", " <(x)eva@shop.example>", []string{"a comment inside the address"}},
		{"comment at the end of the brackets", " <eva@shop.example(x)>", []string{"a comment inside the address"}},
		{"quoted local part", ` Huber, Eva <"eva"@shop.example>`, []string{comma}},
		{"quoted local part beyond ASCII", " <<\"\u00e9va\"@shop.example>>", []string{"nested angle brackets"}},
		{"quoted local part in doubled brackets", ` <<"eva huber"@shop.example>>`, []string{"nested angle brackets"}},
		{"empty brackets beside", " Eva <> eva@shop.example", []string{emptyAddress}},
		{"U-label", " Huber, Eva <eva@b\u00fccher.shop.example>", []string{comma}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := ParseAuthor(from(tt.value))
			want := "shop.example"
			if strings.Contains(tt.value, "\u00fc") {
				want = "xn--bcher-kva.shop.example"
			}
			if a.Domain != want || a.Ambiguous() || a.Absent {
				t.Errorf("%q: domain %q, problem %q, want %q", tt.value, a.Domain, a.Problem, want)
			}
			if diff := cmp.Diff(tt.want, a.Oddities); diff != "" {
				t.Errorf("%q: oddities (-want +got)\n%s", tt.value, diff)
			}
			// The same field with an address of another domain in the name, in a
			// comment or in a word is refused: no place is safe outside the
			// grammar.
			for _, other := range []string{
				`"tom@bank.example" ` + tt.value, "(tom@bank.example) " + tt.value, "=?utf-8?q?tom=40bank.example?= " + tt.value,
				tt.value + ", tom@bank.example", tt.value + " (tom@bank.example)", tt.value + "\r\n tom@bank.example",
				"=?x-own?q?=40bank.example?= " + tt.value, strings.Replace(tt.value, "@shop", "@bank.example@shop", 1),
				strings.ReplaceAll(tt.value, "shop.example", "sh\u00adop.example"), strings.Replace(tt.value, ".example", ".bank .example", 1),
			} {
				if got := ParseAuthor(from(other)); other != tt.value && !got.Ambiguous() && !commentOutside(other) {
					t.Errorf("%q: domain %q, want a problem", other, got.Domain)
				}
			}
		})
	}
}

// commentOutside reports whether a field of the test follows the grammar with a
// comment or quoted name in it, which every program reads as such.
func commentOutside(value string) bool {
	p := addressParser{s: value, author: &Author{}}
	p.list()
	return p.author.Problem == "" && p.unsafe == ""
}

// TestFieldsOutsideTheGrammar parses fields that look like those above but in
// which some program reads another domain.
func TestFieldsOutsideTheGrammar(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, want string }{
		{"blank behind the at sign", " Eva <eva@ shop.example>", "white space or a comment inside the address"},
		{"name with an at sign", " Eva@Home <eva@shop.example>", addressInFront},
		{"name with an at sign and blanks", " Eva @ Home <eva@shop.example>", "white space or a comment inside the address"},
		{"apostrophes around another domain", " 'eva@bank.example' <eva@shop.example>", notValid},
		{"domain goes on behind an apostrophe", " eva@shop.example'.bank.example", notValid},
		{"domain goes on behind a quote", ` "eva@shop.example".bank.example`, noDomain},
		{"domain goes on behind a parenthesis", " eva@shop.example).bank.example", "parentheses that do not match"},
		{"domain goes on behind a bracket", " eva@shop.example>.bank.example", "text after the address"},
		{"domain goes on behind a blank", " Copier eva@shop.ex ample", "a name and an address without angle brackets"},
		{"domain goes on behind a comment", " Copier eva@shop.ex(x)ample", "a name and an address without angle brackets"},
		{"domain goes on behind a fold", " Copier eva@shop.ex\r\n ample", "a name and an address without angle brackets"},
		{"domain goes on behind a closed bracket", " <eva@shop.ex>ample", "text after the address"},
		{"domain goes on behind a bracket that was opened twice", " <<eva@shop.example> Eva", "nested angle brackets"},
		{"domain goes on in open brackets", " <<> eva@shop.example<Eva", "nested angle brackets"},
		{"domain goes on behind an escaped parenthesis", ` eva@shop.e(\)xample)`, "white space or a comment inside the address"},
		{"domain goes on behind an escaped parenthesis, no end", ` eva@shop.e (x\)xample`, "a comment without end"},
		{"domain goes on in a word and a bracket", " <eva@shop.example> Eva <x.test", "text after the address"},
		{"domain goes on in a word, a comma and a bracket", ` <eva@shop.example> Eva "," <x.test`, "text after the address"},
		{"domain goes on in quotes behind a bracket", ` <eva@shop.ex>"ample"`, "text after the address"},
		{"domain goes on behind an open parenthesis", " eva@shop(.example", "a comment without end"},
		{"domain goes on behind a comma", " <eva@shop.example,bank.example>", "text after the address"},
		{"domain goes on in nested brackets", " <eva@shop.example<.bank.example>", "nested angle brackets"},
		{"domain goes on in a word", " Copier eva@shop.ex=?utf-8?q?ample?=", "a name and an address without angle brackets"},
		{"domain in brackets alone", " eva@shop.example <bank.example>", noDomain},
		{"two pairs of brackets", " <eva@shop.example> <eva@shop.example>", "text after the address"},
		{"entities for brackets", " Eva &lt;eva@shop.example&gt;", noDomain},
		{"escaped brackets", ` Eva \<eva@shop.example\>`, "a backslash outside quotes"},
		{"address in an open comment", " Eva (Sales <eva@shop.example>", "a comment without end"},
		{"address in a comment alone", " (eva@shop.example), Eva", noDomain},
		{"address in quotes alone", ` "eva@shop.example", Eva`, noDomain},
		{"address in a word alone", " =?utf-8?q?eva=40shop.example?=, Eva", "an encoded word in place of an address"},
		{"other address in an open quote", ` "eva@bank.example <eva@shop.example>`, "a quoted string without end"},
		{"other address in a group's name", ` "eva@bank.example": eva@shop.example;`, "a group instead of an address"},
		{"nested word", " Huber, =?utf-8?q?=3D=3Futf-8=3Fq=3FEva=3F=3D?= <eva@shop.example>", noDomain},
		{"bytes that are no UTF-8 before the at sign", " Copier eva\x81@shop.example", "a name and an address without angle brackets"},
		{"direction mark before the at sign", " Huber, Eva <\u202eeva@shop.example>", noDomain},
		{"quoted local part with an at sign", ` Huber, Eva <"eva@bank"@shop.example>`, noDomain},
		{"quoted local part that is a word", ` Huber, Eva <"=?utf-8?q?eva?="@shop.example>`, noDomain},
		{"fullwidth letter", " Eva <eva@\uff53hop.example>", mappedName},
		{"soft hyphen", " Huber, Eva <eva@shop\u00ad.example>", noDomain},
		{"false A-label", " Huber, Eva <eva@xn--shop-.example>", noDomain},
		{"over 100 addresses", strings.Repeat("a@shop.example;\r\n ", 101), "a semicolon between addresses"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a := ParseAuthor(from(tt.value)); a.Problem != tt.want || a.Domain != "" || a.Oddities != nil {
				t.Errorf("%q: %+v, want problem %q", tt.value, a, tt.want)
			}
		})
	}
}

// TestMappedDomains checks the characters that IDNA maps to nothing, 270 in all,
// in domains of all places, and some that it maps to others.
func TestMappedDomains(t *testing.T) {
	t.Parallel()
	refused := func(domain string) {
		t.Helper()
		for _, format := range []string{" <eva@%s>", " Copier eva@%s", " eva@%s, eva@shop.example"} {
			if a := ParseAuthor(from(fmt.Sprintf(format, domain))); !a.Ambiguous() {
				t.Errorf(format+": domain %q, want a problem", domain, a.Domain)
			}
		}
	}
	ignored := 0
	for r := rune(0x80); r <= 0xeffff; r++ {
		if !utf8.ValidRune(r) || r >= 0x32000 && r < 0xe0000 { // no characters
			continue
		}
		if mapped, err := profile.ToASCII("a" + string(r) + "b"); err == nil && mapped == "ab" {
			ignored++
			refused("sh" + string(r) + "op.example")
			refused("shop" + string(r) + ".example")
			refused("shop.example" + string(r))
			refused("b\u00fccher" + string(r) + ".shop.example")
		}
	}
	if ignored != 270 {
		t.Errorf("%d characters, want 270", ignored)
	}
	for _, domain := range []string{"\uff53hop.example", "s\u2095op.example", "\u2460.example"} {
		refused(domain)
	}
	for _, domain := range []string{"b\u00fccher.example", "bu\u0308cher.example", "B\u00dcCHER.Example", "stra\u00dfe.example", "\u65e5\u672c.example", "i\u2764.ws", "b\u00fccher.example.", "shop\u3002example", "shop\uff0eexample\uff61"} {
		if a := ParseAuthor(from(" <eva@" + domain + ">")); a.Ambiguous() {
			t.Errorf("%q: %s", domain, a.Problem)
		}
	}
}

// TestOdditiesAreNamedOnce parses a field with the same oddity many times.
func TestOdditiesAreNamedOnce(t *testing.T) {
	t.Parallel()
	a := ParseAuthor(from(strings.Repeat(" [x] <a@shop.example.>,,", 40)))
	if want := []string{squareBrackets, "a dot at the end of the domain", emptyElement}; a.Problem != "" || !slices.Equal(a.Oddities, want) {
		t.Errorf("%q, problem %q; want %q", a.Oddities, a.Problem, want)
	}
}
