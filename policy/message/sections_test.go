package message

import (
	"fmt"
	"strings"
	"testing"
)

// TestSectionAuthorDomain has the first step of RFC 9989 section 5.3.1 for fields that
// name one domain, several, or none, in every form of an address. Their names begin with
// the section, which "make conformance" counts.
func TestSectionAuthorDomain(t *testing.T) {
	t.Parallel()
	address := func(domain string) []string {
		return []string{
			"ann@" + domain, "<ann@" + domain + ">", "Ann <ann@" + domain + ">", `"Ann, of sales" <ann@` + domain + ">",
			"=?utf-8?q?Ann?= <ann@" + domain + ">", "Ann (office) <ann@" + domain + ">", `"other@evil.example" <ann@` + domain + ">",
			"ann@" + strings.ToUpper(domain), "Ann\r\n\t<ann@" + domain + ">", `"a b"@` + domain, "friends: ann@" + domain + ";",
		}
	}
	check := func(name, want string, fields ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := Header{NewField("Subject", " x")}
			for _, f := range fields {
				h = append(h, NewField("From", " "+f))
			}
			got := ParseAuthor(h)
			if got.Domain != want || (got.Problem == "") != (want != "") {
				t.Errorf("%q: domain %q (%s), want %q", fields, got.Domain, got.Problem, want)
			}
		})
	}
	for i, one := range address("example.org") {
		check(fmt.Sprintf("5.3.1 one author, %s", one), "example.org", one)
		check(fmt.Sprintf("4.2 two From fields, %s", one), "", one, one)
		if i == 10 {
			continue // a list of groups is none of mailboxes
		}
		for _, other := range address("example.org")[:4] {
			check(fmt.Sprintf("5.3.1 two authors of one domain, %s and %s", one, other), "example.org", one+", "+other)
		}
		for _, other := range address("example.net")[:4] {
			check(fmt.Sprintf("5.3.1 two authors of two domains, %s and %s", one, other), "", one+", "+other)
		}
	}
	check("5.3.1 U-labels become A-labels", "xn--bcher-kva.example", "ann@bücher.example")
	check("5.3.1 no From field", "")
	check("5.3.1 an empty From field", "", "")
	check("5.3.1 a name without an address", "", "MAILER-DAEMON")
	check("5.3.1 an address literal is no domain", "", "ann@[192.0.2.1]")
}
