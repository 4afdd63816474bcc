package message

import (
	"fmt"
	"strings"
	"testing"
)

// TestAddressesInNames parses fields with an address of another domain in a
// display name or comment that every program takes for one.
func TestAddressesInNames(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		` "ann@bank.example" <notify@shop.example>`, ` =?utf-8?q?ann=40bank.example?= <notify@shop.example>`,
		` "ann@bank.example via Shop"` + "\r\n <notify@shop.example>", ` "Ann <ann@bank.example>" <notify@shop.example>`,
		` "ann@bank.example, Shop" <notify@shop.example>`, " notify@shop.example (ann@bank.example)",
		" (ann@bank.example) <notify@shop.example>", " Shop (ann@bank.example) <notify@shop.example>", ` "=?utf-8?q?ann=40bank.example?=" <notify@shop.example>`,
		` "a \"quoted\" name" <notify@shop.example>`, " \"a long name that is\r\n folded\" <notify@shop.example>", " notify@shop.example (a comment\r\n folded)",
		` "Tea \"at\" Joe's @ Home" <notify@shop.example>`, " =?utf-8?q?J=C3=B6rg?= <\"j\u00f6rg\"@shop.example.>", " \"Tea @\r\n Home\" <notify@shop.example>", ` "\"Ann\" notify@shop.example" <notify@shop.example>`,
		" =?unknown-8bit?q?J=F6rg_ann=40bank.example?= <notify@shop.example>", " =?iso-8859-15?q?ann=40bank.example?= <notify@shop.example>",
		" =?utf-8?q?Re=3A_Ann_=40Home?= <notify@shop.example>", " =?cp850?q?ann=40bank.example?= <notify@shop.example>", " =?x-own?q?J=F6rg?= <notify@shop.example>", " =?utf-8?q?Why=3F_=3D=29?= <notify@shop.example>",
		" =?gb18030?b?1cXI/Q==?= <notify@shop.example>", ` "ann@bank.example" <notify@shop.example>,`, " x, \t(y), <notify@shop.example>",
		" =?utf-8?b?SsO2cmc=?= =?utf-8?b?IEFubg==?= <notify@shop.example>", " =?utf-8?b?YW5uQGJhbmsu\r\n ZXhhbXBsZQ==?= <notify@shop.example>",
		" =?utf-8?b?SsO2!cmc-?= <notify@shop.example>", " =?utf-8?q?Ann_=28ann=40bank.example=29?= <notify@shop.example>", ` "Ann =?utf-8" <notify@shop.example>`,
		` notify@shop.example (Ann \(Sales\) Huber)`, ` notify@shop.example (\\)`,
		` "Ann =?utf-8?q?J=C3=B6r" <notify@shop.example>`, " =?utf-8?b?SsO2cmcgTcO8bGx <notify@shop.example>", " =?utf-8?b?SsO?= =?utf-8?b?2cmc=?= <notify@shop.example>",
		" =?utf-8?q?Ann_Huber_=?= =?utf-8?q?via_List?= <notify@shop.example>", " =?utf-8?Q?Ann via Shop?= <notify@shop.example>", " =?utf-8?q?us=40Home=3A_News?= <notify@shop.example>",
	} {
		if a := ParseAuthor(from(value)); a.Domain != "shop.example" {
			t.Errorf("%q: %+v, want shop.example", value, a)
		}
	}
}

// TestAddressesThatMove parses fields that some program reads as another
// author, each as it is and with only white space in place of the name.
func TestAddressesThatMove(t *testing.T) {
	t.Parallel()
	const (
		unsure, inner = "an encoded word that programs decode differently", "an encoded word inside an encoded word"
		hidden, utf7  = "an encoded word that hides another address", "an encoded word in UTF-7"
		alone         = "an address in a comment that stands alone"
	)
	bare := "=?utf-16?b?PABhAEAAYgBhAG4AawAuAGUAeABhAG0AcABsAGUAPgA=?="
	for _, tt := range []struct{ name, value, want string }{
		{"fold ends the quoted string", "\"Shop\r\n ann@bank.example\" <x@shop.example>", folded},
		{"fold ends the quoted string behind the address", "\"ann@bank.example\r\n \" <x@shop.example>", folded},
		{"fold ends the quoted string before brackets", "\"Shop\r\n <ann@bank.example>\" <x@shop.example>", folded},
		{"fold turns the next quoted string inside out", "\"a\r\n b\" <x@shop.example>, \"ann@bank.example\" <y@shop.example>", folded},
		{"fold ends the comment", "x@shop.example (Shop\r\n ann@bank.example)", folded},
		{"fold before a comment with an address", "\"a\r\n b\" <x@shop.example> (ann@bank.example)", folded},
		{"fold beside a word with an address", "=?utf-8?q?ann=40bank.example?= \"a\r\n b\" <x@shop.example>", folded},
		{"fold and a domain that goes on", "\"a\r\n x@shop.ex ample\" <x@shop.ex>", folded},
		{"escaped quote ends the string", `"a\" ann@bank.example" <x@shop.example>`, escaped},
		{"escaped quotes around the address", `"\"ann@bank.example\"" <x@shop.example>`, escaped},
		{"escaped backslash", `"ann@bank.example\\" <x@shop.example>`, escaped},
		{"escaped parenthesis", `x@shop.example (a\) ann@bank.example)`, escaped},
		{"nested comments", "x@shop.example (a (b) ann@bank.example)", nested},
		{"a comment that decodes to another", "\"ann@bank.example\"(=?utf-8?q?=28ann=40bank.example=29?=) <x@shop.example>", nested},
		{"comment and a quoted parenthesis", `"(" <x@shop.example> (y) , ") ann@bank.example" <y@shop.example>`, overlapped},
		{"square brackets beside", "[a] <x@shop.example> (ann@bank.example)", "an address in a name or comment beside square brackets"},
		{"raw 8-bit text before the quote", "\"a\xe2\" <x@shop.example>, \"ann@bank.example\" <y@shop.example>", "an address beside raw 8-bit text before a quote"},
		{"comment alone", "(ann@bank.example), <x@shop.example>", alone},
		{"comment alone behind", "<x@shop.example>, (ann@bank.example)", alone},
		{"comment alone between", "<x@shop.example>,(ann@bank.example),<y@shop.example>", alone},
		{"dot at the end of the domain", `"ann@bank.example" <x@shop.example.>`, "an address in a name or comment beside a dot at the end of the domain"},
		{"dots in the local part", "<x..y@shop.example> (ann@bank.example)", "an address in a name or comment beside dots where the local part may have none"},
		{"address in front", `x@shop.example (ann@bank.example) <x@shop.example>`, "an address in a name or comment beside " + addressInFront},
		{"quoted address in front", `"ann@bank"@shop.example <x@shop.example>`, "an address inside a quoted local part"},
		{"address in a quoted local part", `"ann@bank.example"@shop.example`, "an address inside a quoted local part"},
		{"colon of a group in a word", "=?utf-8?q?News=3A_ann=40bank.example?= <x@shop.example>", hidden},
		{"word without an end", "=?utf-8?b?YW5uQGJhbmsuZXhhbXBsZQ <x@shop.example>", unsure},
		{"Q word without an end", "=?utf-8?q?ann=40bank.example <x@shop.example>", unsure},
		{"address literal in a word", "=?utf-8?q?=3Cann=40=5B192.0.2.1=5D=3E?= <x@shop.example>", hidden},
		{"address literal in a folded string", "\"a\r\n x@[192.0.2.1]\" <x@shop.example>", folded},
		{"no character set", "=??q?ann=40bank.example?= <x@shop.example>", unsure},
		{"no character set, only a name", "=??b?YW5uQGJhbmsuZXhhbXBsZQ==?= <x@shop.example>", unsure},
		{"unknown character set", "=?x-own?q?ann=40bank.example?= <x@shop.example>", unsure},
		{"name over 64 characters", "=?x-" + strings.Repeat("o", 70) + "wn?q?ann=40bank.example?= <x@shop.example>", unsure},
		{"EBCDIC", "=?ibm037?q?=81=95=95=7C=82=81=95=92=4B=85=A7=81=94=97=93=85?= <x@shop.example>", unsure},
		{"EBCDIC of Germany", "=?IBM273?q?=81=95=95=B5=82=81=95=92=4B=85=A7=81=94=97=93=85?= <x@shop.example>", unsure},
		{"EBCDIC by its name", "=?ebcdic-cp-fr?q?=81=95=95D=82=81=95=92=4B=85=A7=81=94=97=93=85?= <x@shop.example>", unsure},
		{"ISO-2022-KR", "=?iso-2022-kr?q?ann=40bank.example?= <x@shop.example>", unsure},
		{"HZ", "=?hz-gb-2312?q?ann=40bank.example?= <x@shop.example>", unsure},
		{"UTF-16", bare + " <x@shop.example>", hidden},
		{"UTF-16 name", "=?utf-16be?b?AGEAQABi?= <x@shop.example>", unsure},
		{"UCS-2", "=?iso-10646-ucs-2?b?YQBAAGIA?= <x@shop.example>", unsure},
		{"UTF-32", "=?utf-32le?b?YQAAAEAAAABiAAAA?= <x@shop.example>", unsure},
		{"UTF-7 of IMAP", "=?utf7-imap?q?ann&AEA-bank.example?= <x@shop.example>", unsure},
		{"UTF-7 by another name", "=?csUnicode11UTF7?q?ann+AEA-bank.example?= <x@shop.example>", unsure},
		{"UTF-7", "=?utf-7?q?ann+AEA-bank.example?= <x@shop.example>", utf7},
		{"escape sequences of a language", `=?unicode_escape?q?ann=5Cx40bank.example?= <x@shop.example>`, unsure},
		{"entities", "=?html-entities?q?ann&=2364=3Bbank.example?= <x@shop.example>", unsure},
		{"transfer encoding as a character set", "=?base64?q?YW5uQGJhbmsuZXhhbXBsZQ?= <x@shop.example>", unsure},
		{"word in a word", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fann=3D40bank.example=2C=3F=3D?= <x@shop.example>", inner},
		{"word of two words", "=?utf-8?q?=3D?= =?utf-8?q?=3Futf-8=3Fq=3Fann=3D40bank.example=3F=3D?= <x@shop.example>", inner},
		{"word in a word in a word", "=?utf-8?q?=3D=3Futf-8=3Fq=3F=3D3D=3D3Futf-8=3D3Fq=3D3Fann=3D3D40bank.example=3D3F=3D3D=3F=3D?= <x@shop.example>", inner},
		{"GBK that ends before an at sign", "=?gb2312?b?gTyBQGJhbmsuZXhhbXBsZT4=?= <x@shop.example>", hidden},
		{"empty quoted string beside", `"ann@bank.example" "" <x@shop.example>`, emptyQuotes},
		{"bracket in a folded string", "\"@ba<nk.example\r\n \" <x@shop.example>", folded},
		{"quotes in the domain in a word", "=?utf-8?q?a=40shop.example.=22=22bank.example=3B?= <x@shop.example>", hidden},
		{"quotes behind the domain in a word", "=?utf-8?q?a=40shop.example=22=22bank.example=3B?= <x@shop.example>", hidden},
		{"control in the domain in a word", "=?utf-8?q?a=40shop.example=1B.bank.example=2C?= <x@shop.example>", hidden},
		{"comma in the domain in a word", "=?utf-8?q?=3Ca=40=2Cbank.example=3E?= <x@shop.example>", hidden},
		{"quote in a character set", `"=?"?q??="<""@bank.example""="<x@shop.example>`, hidden},
		{"bracket without another in the domain in a word", "=?utf-8?q?=40b=3Eank.example=3B?= <x@shop.example>", hidden},
		{"rubbish in base64", "x@shop.example (=?utf-8?b?!KGFubkBiYW5rLmV4YW1wbGUp?=)", unsure},
		{"at sign in base64", "x@shop.example (=?utf-8?b?KGFubkBiYW5rLmV4YW1@wbGUp?=)", unsure},
		{"base64url that ends early", "=?utf-8?b?YW5uQGJhbmsuZXhhbXBs-ZQ?= <x@shop.example>", unsure},
		{"an at sign only in base64url", "=?utf-8?b?PGFubk-_QGJhbmsuZXhhbXBsZT4?= <x@shop.example>", unsure},
		{"decoded comment without end", `"ann@bank.example" (=?utf-8?q?=28?=) <x@shop.example>`, hidden},
		{"word that ends in its character set", `"ann@bank.example" =?utf-8 <x@shop.example>`, brokenWord},
		{"beginning of a word in quotes", `"ann@bank.example" "=?" <x@shop.example>`, brokenWord},
		{"beginning of a word behind a word", `=?utf-8?q?ann=40bank.example?= "=?" <x@shop.example>`, brokenWord},
		{"fold between hex digits", "=?utf-8?q?=3C=\r\n 40bank.example=3E?= <x@shop.example>", hidden},
		{"octet of two words", "=?utf-8?q?=3Cann=?= =?utf-8?q?40bank.example=3E?= <x@shop.example>", unsure},
		{"octet of three words", "=?utf-8?b?PGFubkB?= =?utf-8?b?iYW5?= =?utf-8?b?rLmV4YW1wbGU+?= <x@shop.example>", unsure},
		{"bracket of two words", `"ann@bank.example" =?utf-8?q?=?= =?utf-8?q?3E?= <x@shop.example>`, hidden},
		{"very many words that end inside an octet", strings.Repeat("=?utf-8?b?YWJ?=\r\n ", 800) + "<x@shop.example>", unsure},
		{"bracket in the domain in a word", "=?utf-8?q?=3Cann=40bank=3C.example=3E?= <x@shop.example>", hidden},
		{"colon in the domain in a word", "=?utf-8?q?=40bank=3A.example=3B?= <x@shop.example>", hidden},
		{"padding in the middle of a comment", "x@shop.example (=?utf-8?b?YWFh=KGFubkBiYW5rLmV4YW1wbGUp?=)", unsure},
		{"word up to the end", "=??q?a<x@r3--sn_1.shop.example>", brokenWord},
		{"padding in the middle", "=?utf-8?b?PGE=QGJhbmsuZXhhbXBsZT4=?= <x@shop.example>", hidden},
		{"word over 2048 octets", "=?utf-8?q?" + strings.Repeat("a", 900) + "\r\n " + strings.Repeat("a", 900) + "\r\n " + strings.Repeat("a", 900) + "=3Cann=40bank.example=3E?= <x@shop.example>", hidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if a := ParseAuthor(from(" " + tt.value)); a.Problem != tt.want || a.Domain != "" {
				t.Errorf("%q: domain %q, problem %q, want %q", tt.value, a.Domain, a.Problem, tt.want)
			}
			own := strings.ReplaceAll(tt.value, "ann@bank.example", "Ann")
			if strings.Contains(own, "bank") || own == tt.value || strings.Contains(own, "shop.ex>") {
				return
			}
			if a := ParseAuthor(from(" " + own)); a.Domain != "shop.example" {
				t.Errorf("%q: %+v, want shop.example", own, a)
			}
		})
	}
}

// A bounce whose only address is in a word that programs decode differently
// names an author all the same.
func TestUnsureWordIsNoAbsentAuthor(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"=??q?a=40bank.example?=", "=?x-own?q?a=40bank.example?=", "=?ibm500?q?=81=7C=82?=", "=?utf-16?b?YQBAAGIA?=", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D40b=3F=3D?=",
		"=?utf-8?b?YQ==QGI=?=", "=?csunicode11utf7?q?a+AEA-b?=",
	} {
		for _, format := range []string{" %s <>", ` "%s" <>`, " %s", " daemon (%s)"} {
			value := fmt.Sprintf(format, word)
			if a := ParseAuthor(from(value)); a.Absent || !a.Ambiguous() {
				t.Errorf("%q: %+v, want an ambiguous author that is not absent", value, a)
			}
		}
	}
}
