package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// altered returns the report on a message that a mailing list changed.
func altered() *result.Report {
	res := &result.Results{
		Client: result.ClientResult{IP: "192.0.2.88", Helo: "mx.lists.example", PTR: "mx.lists.example"},
		IPRev:  iprev.Result{Status: iprev.Pass, Name: "mx.lists.example", Reason: "mx.lists.example leads back to 192.0.2.88"},
		SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "lists.example", Status: spf.Pass, Mechanism: "mx"}},
		DKIM: []dkim.Result{{
			Domain: "good.example", Selector: "s1", Algorithm: "rsa-sha256", KeyBits: 2048, Status: dkim.Fail, BodyLength: -1,
			Failure: dkim.FailureBody, Reason: "body hash does not match: the body was changed after signing",
		}},
		ARC: arc.Result{Status: arc.None},
		DMARC: dmarc.Result{
			Status: dmarc.Fail, AuthorDomain: "good.example", OrganizationalDomain: "good.example", RecordDomain: "good.example",
			Policy: dmarc.PolicyReject, PolicyTag: "p", Disposition: dmarc.PolicyReject, Reason: "SPF passed for lists.example, which is not aligned with good.example; no DKIM signature passed",
		},
		MailFrom: "staff-bounces@lists.example",
		Author:   message.Author{Domain: "good.example"},
		List:     message.List{ID: "staff.lists.example"},
		Trace: []result.Event{
			{AtMS: 0.4, What: "dns", Check: "dmarc", Text: `TXT _dmarc.good.example: "v=DMARC1; p=reject" (0.4 ms)`},
			{AtMS: 1.5, What: "spf", Check: "spf mailfrom", Text: "    mx matches 192.0.2.88, which is one of the addresses of the mail exchangers: pass"},
			{AtMS: 1.5, What: "dmarc", Check: "dmarc", Text: "fail: SPF passed for lists.example, which is not aligned with good.example; no DKIM signature passed"},
		},
	}
	v := rules.Rules{AuthservID: "mx.test.example"}.Decide(res)
	return &result.Report{Results: res, Verdict: v, AuthenticationResults: strings.TrimSpace(v.AuthenticationResults)}
}

var style = regexp.MustCompile("\x1b\\[\\d+m")

// TestReportOnATerminal compares what a person sees on a terminal of 72 columns
// with testdata/golden/terminal.txt.
func TestReportOnATerminal(t *testing.T) {
	t.Parallel()
	var plain, colored, unbound bytes.Buffer
	for out, s := range map[*bytes.Buffer]layout.Screen{&plain: {Width: 72}, &colored: {Width: 72, Color: true}, &unbound: {}} {
		if err := writeReport(out, altered(), nil, nil, true, s); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/golden/terminal.txt"
	if *update {
		if err := os.WriteFile(golden, plain.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), plain.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// Colours are there, and change nothing else.
	if d := cmp.Diff(plain.String(), style.ReplaceAllString(colored.String(), "")); d != "" {
		t.Errorf("without and with colours:\n%s", d)
	}
	for _, s := range []string{"\x1b[1mverdict\x1b[0m", "\x1b[31mreject\x1b[0m", "\x1b[32mpass\x1b[0m"} {
		if !strings.Contains(colored.String(), s) {
			t.Errorf("no %q in %q", s, colored.String())
		}
	}
	// Where a program reads, each thing is one line.
	if !regexp.MustCompile(`(?m)^hint     A mailing list altered .* \(altered_by_list\)$`).MatchString(unbound.String()) {
		t.Errorf("no line of the hint in\n%s", unbound.String())
	}
	if strings.Contains(plain.String()+unbound.String(), "\x1b") {
		t.Error("colours that nobody asked for")
	}
}
