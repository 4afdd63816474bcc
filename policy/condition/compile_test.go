package condition

import (
	"errors"
	"strings"
	"testing"
)

func message1() *Facts {
	return &Facts{
		Client: "192.0.2.7", PTR: "mx.example.org", Helo: "mx.example.org", MailFrom: "Ann@lists.example.org", MailFromDomain: "lists.example.org",
		Rcpts: []string{"bob@here.example", "eve@here.example"}, RcptDomains: []string{"here.example"},
		From: "bank.example", Org: "bank.example", List: true, ListID: "talk.lists.example.org", Size: 2048,
		SPF: "pass", SPFDomain: "lists.example.org", SPFMailFrom: "pass", SPFHelo: "none", IPRev: "pass",
		DKIM: "fail", Signatures: []Signature{{Domain: "bank.example", Selector: "s1", Algorithm: "rsa-sha256", Result: "fail", Bits: 1024}},
		ARC: "pass", Sealers: []string{"example.org"},
		DMARC: "fail", DMARCPolicy: "reject", DMARCDisposition: "reject", DMARCRecord: "bank.example",
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`dmarc == "fail" and list`:                                                            true,
		`within(client, "192.0.2.0/24", "2001:db8::/32")`:                                     true,
		`within(client, "198.51.100.1")`:                                                      false,
		`below(ptr, "example.org")`:                                                           true,
		`below(from, "example.org")`:                                                          false,
		`below(from, "bank.example") and not below(ptr, "bank.example")`:                      true,
		`any(signatures, .domain == "bank.example" and .bits < 2048)`:                         true,
		`any(signatures, .result == "pass")`:                                                  false,
		`all(rcpts, # endsWith "@here.example")`:                                              true,
		`count(rcpts) > 1 and count(rcpts, # startsWith "bob@") == 1`:                         true,
		`"here.example" in rcpt_domains`:                                                      true,
		`from in ["bank.example", "other.example"]`:                                           true,
		`list_id matches '^talk\.'`:                                                           true,
		`"example.org" in sealers and arc == "pass"`:                                          true,
		`size > 1024 * 1024 or lower(mail_from) == "ann@lists.example.org"`:                   true,
		`null_sender or spf != "pass"`:                                                        false,
		`listed(from, "banks")`:                                                               true,
		`(dmarc_policy == "reject" ? "a" : "b") == "a"`:                                       true,
		`none(signatures, .testing) and one(signatures, true)`:                                true,
		`any(rcpts, below("x." + "here.example", "here.example")) and any(rcpts, len(#) > 3)`: true,
	} {
		c, err := Compile(source, Options{Lists: map[string]Set{"banks": set{"bank.example"}}})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := c.Holds(message1())
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
}

type set []string

func (s set) Contains(v string) bool {
	for _, e := range s {
		if e == v {
			return true
		}
	}
	return false
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{``, `line 1, column 1: the expression is empty; write one such as 'dmarc == "fail"'`},
		{`dmark == "fail"`, `x`},
		{`dmarc = "fail"`, `x`},
		{`dmarc == "failed"`, `x`},
		{"list and\n dmarc in ['fail', 'reject']", `x`},
		{`from == "Bank.Example"`, `x`},
		{`"Bank.Example" in rcpt_domains`, `x`},
		{`client == "192.0.2.0/24"`, `x`},
		{`client == "2001:DB8::1"`, `x`},
		{`within(client, "192.0.2.1/24")`, `x`},
		{`within(client)`, `x`},
		{`within(client, helo)`, `x`},
		{`within(size, "192.0.2.1")`, `x`},
		{`below(from, "a..b")`, `x`},
		{`listed(from, "bank")`, `x`},
		{`size > "10"`, `x`},
		{`rcpts == "bob@here.example"`, `x`},
		{`signatures contains "x"`, `x`},
		{`any(signatures, .domian == "a.example")`, `x`},
		{`list == "true"`, `x`},
		{`from`, `x`},
		{`dmarc == "fail" and`, `x`},
		{`dmarc == "fail`, `x`},
		{`(dmarc == "fail"`, `x`},
		{`from matches "("`, `x`},
		{`from matches helo`, `x`},
		{`from matches "(a{100}){100}"`, `x`},
		{`any(1..10, true)`, `x`},
		{`let x = 1; x == 1`, `x`},
		{`now() > now()`, `x`},
		{`$env["dmarc"] == "fail"`, `x`},
		{`any(map(rcpts, #), true)`, `x`},
		{`any(rcpts, any(rcpts, any(rcpts, # == "x")))`, `x`},
		{`any(rcpts, any(rcpts, # matches "a.*b"))`, `x`},
		{strings.Repeat("list and ", 300) + "list", `x`},
		{strings.Repeat(" ", MaxSource) + "list", `x`},
		{`{"a": 1}.a == 1`, `x`},
		{`from.x == "a"`, `x`},
		{`rcpts[0:1] == rcpts`, `x`},
		{`size ?? 1 == 2`, `x`},
		{`size ** 2 == 4`, `x`},
		{`dmarc == "fail" | any(true)`, `x`},
	} {
		_, err := Compile(tt.source, Options{Lists: map[string]Set{"banks": set{"bank.example"}}})
		if err == nil {
			t.Errorf("%.40q compiles", tt.source)
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%T", err)
			continue
		}
		if err.Error() != tt.want {
			t.Errorf("%.40q:\ngot  %s\n%s", tt.source, err, e.Caret())
		}
	}
}
