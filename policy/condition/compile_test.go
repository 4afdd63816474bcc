package condition

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/addrlist"
)

var update = flag.Bool("update", false, "rewrite testdata/errors.golden with what is said now")

// spoofed are the facts of a spoofed message that came through a mailing list.
func spoofed() *Facts {
	return &Facts{
		Client: "192.0.2.7", Listener: "smtp", Socket: "inet:127.0.0.1:8890", PTR: "mx.example.org", Helo: "mx.example.org", MailFrom: "Ann@lists.example.org", MailFromDomain: "lists.example.org",
		Rcpts: []string{"bob@here.example", "eve@here.example"}, RcptDomains: []string{"here.example"},
		From: "bank.example", Org: "bank.example", List: true, ListID: "talk.lists.example.org", Size: 2048,
		SPF: "pass", SPFDomain: "lists.example.org", SPFMailFrom: "pass", SPFHelo: "none", IPRev: "pass",
		DKIM: "fail", Signatures: []Signature{{Domain: "bank.example", Selector: "s1", Algorithm: "rsa-sha256", Result: "fail", Bits: 1024}},
		ARC: "pass", Sealers: []string{"example.org"},
		DMARC: "fail", DMARCPolicy: "reject", DMARCDisposition: "reject", DMARCRecord: "bank.example",
	}
}

var withLists = Options{Lists: map[string]*addrlist.List{"banks": listOf("bank.example", ".bank.example", "192.0.2.0/24"), "empty": nil}}

func listOf(entries ...string) *addrlist.List {
	var b addrlist.Builder
	for _, e := range entries {
		if err := b.Add(e, addrlist.Addresses|addrlist.Names); err != nil {
			panic(err)
		}
	}
	return b.List()
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`dmarc == "fail" and list`:                                          true,
		`within(client, "192.0.2.0/24", "2001:db8::/32")`:                   true,
		`within(client, "198.51.100.1")`:                                    false,
		`within(helo, "192.0.2.0/24")`:                                      false,
		`below(ptr, "example.org")`:                                         true,
		`below(ptr, "mx.example.org")`:                                      true,
		`below(ptr, "x.example.org")`:                                       false,
		`below(from, "ample")`:                                              false,
		`below(from, "bank.example") and not below(ptr, "bank.example")`:    true,
		`any(signatures, .domain == "bank.example" and .bits < 2048)`:       true,
		`any(signatures, .result == "pass")`:                                false,
		`all(rcpts, # endsWith "@here.example")`:                            true,
		`len(rcpts) > 1 and count(rcpts, # startsWith "bob@") == 1`:         true,
		`"here.example" in rcpt_domains`:                                    true,
		`from in ["bank.example", "other.example"]`:                         true,
		"list_id matches `^talk\\.`":                                        true,
		`"example.org" in sealers and arc == "pass"`:                        true,
		`size > 1024 * 1024 or lower(mail_from) == "ann@lists.example.org"`: true,
		`null_sender or spf != "pass"`:                                      false,
		`listed(from, "banks")`:                                             true,
		`listed(client, "banks") and listed("x@Sub.Bank.example", "banks") and not listed(from, "empty")`: true,
		`listed(org, "banks") and not listed(ptr, "banks")`:                                               true,
		`(dmarc_policy == "reject" ? "a" : "b") == "a"`:                                                   true,
		`none(signatures, .testing) and one(signatures, true)`:                                            true,
		`any(rcpts, below("x." + "here.example", "here.example")) and any(rcpts, len(#) > 3)`:             true,
		"list\n  and spf_aligned == false":                                                                true,
	} {
		c, err := Compile(source, withLists)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := c.Holds(spoofed())
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
}

// refused are expressions that must not compile. testdata/errors.golden has the
// error for each.
var refused = []string{
	``,
	`dmark == "fail"`,
	`dmarc = "fail"`,
	`dmarc == "failed"`,
	`dmarc == fail`,
	"list and\n dmarc in ['fail', 'reject']",
	`from == "Bank.Example"`,
	`"Bank.Example" in rcpt_domains`,
	`from == "user@bank.example"`,
	`client == "192.0.2.0/24"`,
	`client == "2001:DB8::1"`,
	`within(client, "192.0.2.1/24")`,
	`within(client, "192.0.2.256")`,
	`within(client)`,
	`within(client, helo)`,
	`within(size, "192.0.2.1")`,
	`below(from, "a..b")`,
	`listed(from, "bank")`,
	`listed(from, "x", "y")`,
	`size > "10"`,
	`rcpts == "bob@here.example"`,
	`signatures contains "x"`,
	`any(signatures, .domian == "a.example")`,
	`any(signatures, .result == "ok")`,
	`any(from, # == "x")`,
	`list == "true"`,
	`from`,
	`dmarc == "fail" and`,
	`dmarc == "fail`,
	`(dmarc == "fail"`,
	`dmarc == "fail")`,
	`from matches "("`,
	`from matches helo`,
	`from matches "a\.b"`,
	`from matches "(a{90}){12}"`,
	`any(1..10, true)`,
	`count(rcpts) > 1`,
	`let x = 1; x == 1`,
	`list; list`,
	`now() > now()`,
	`$env["dmarc"] == "fail"`,
	`any(map(rcpts, #), true)`,
	`any(filter(rcpts, true), true)`,
	`reduce(rcpts, #acc + #, "") == ""`,
	`any(rcpts, any(rcpts, any(rcpts, # == "x")))`,
	`any(rcpts, any(rcpts, # matches "a.*b"))`,
	strings.Repeat("list and ", 300) + "list",
	strings.Repeat(" ", MaxSource) + "list",
	strings.Repeat("(", 4000),
	`{"a": 1}.a == 1`,
	`from.x == "a"`,
	`rcpts[0:1] == rcpts`,
	`size ?? 1 == 2`,
	`size ** 2 == 4`,
	`"a" | lower() == "a" | upper()`,
	`toJSON(rcpts) == ""`,
	`dmarc == nil and null`,
	"dmarc == 'fail\x00'",
	`'é' == from and dmark == ""`,
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, source := range refused {
		_, err := Compile(source, withLists)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.60q: %v", source, err)
			continue
		}
		if e.Problem == "" || e.Remedy == "" || e.Line < 1 || e.Column < 1 || strings.ContainsAny(e.Problem+e.Remedy, "\r\n\x00") {
			t.Errorf("%.60q: %#v", source, e)
		}
		fmt.Fprintf(&got, "%.60q\n%s\n%s\n\n", source, e, e.Caret())
	}
	const golden = "testdata/errors.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestEveryFactIsDocumented: the manual is generated from the table of facts.
// It must have exactly the names that an expression can use.
func TestEveryFactIsDocumented(t *testing.T) {
	t.Parallel()
	for what, pair := range map[string]struct {
		of    reflect.Type
		table []Fact
	}{"Facts": {reflect.TypeFor[Facts](), facts}, "Signature": {reflect.TypeFor[Signature](), signatureFacts}} {
		var fields, documented []string
		for i := range pair.of.NumField() {
			fields = append(fields, pair.of.Field(i).Tag.Get("expr"))
		}
		for _, f := range pair.table {
			documented = append(documented, f.Name)
			if f.Text == "" || (f.Kind == KindWord) != (len(f.Words) > 0) {
				t.Errorf("%s: %+v", what, f)
			}
		}
		if d := cmp.Diff(fields, documented); d != "" {
			t.Errorf("%s (-fields +documented):\n%s", what, d)
		}
	}
}

func TestAlways(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`true`:                                 "true",
		`list or true`:                         "true",
		`not (list or true)`:                   "false",
		`false and dmarc == "pass"`:            "false",
		`1 == 2`:                               "false",
		`"a" != "b"`:                           "true",
		`list and not false`:                   "?",
		`dmarc == "pass" or dmarc == "fail"`:   "?",
		`list or 1 == 1 and "x" == "x"`:        "true",
		`any(rcpts, false)`:                    "?",
		`(true ? list : false) or null_sender`: "?",
	} {
		c, err := Compile(source, Options{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got := "?"
		if v, ok := c.Always(); ok {
			got = fmt.Sprint(v)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

// TestRunTimeErrors checks that a condition that fails at run time does not
// hold, and that the error says why.
func TestRunTimeErrors(t *testing.T) {
	t.Parallel()
	for _, source := range []string{`size % dns_failed == 0`, `rcpts[7] == "x"`, `signatures[size].bits > 1`} {
		c, err := Compile(source, Options{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		holds, err := c.Holds(spoofed())
		if holds || err == nil || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%s: %v, %v", source, holds, err)
		}
		// The failure does not affect the next evaluation.
		if c, _ := Compile(`list and from == "bank.example"`, Options{}); c != nil {
			if holds, err := c.Holds(spoofed()); !holds || err != nil {
				t.Errorf("afterwards: %v, %v", holds, err)
			}
		}
	}
}

func BenchmarkHolds(b *testing.B) {
	for _, source := range []string{
		`dmarc == "fail" and list`,
		`below(from, "bank.example") and not within(client, "192.0.2.0/24")`,
		`any(signatures, .domain == "bank.example" and .result == "pass")`,
		"list_id matches `^talk\\.`",
	} {
		c, err := Compile(source, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(source, func(b *testing.B) {
			f := spoofed()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.Holds(f)
			}
		})
	}
}
