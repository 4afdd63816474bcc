package journal_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// refused returns the story of a message that a domain's own server sent, which the domain
// does not list.
func refused() journal.Story {
	return journal.Story{
		Row: &rows.Row{
			Ref: result.FirstReference(time.Date(2026, 11, 29, 15, 4, 5, 0, time.UTC)),
			Results: &result.Results{
				Client: result.ClientResult{IP: "192.0.2.66", Helo: "new.example.org"}, MailFrom: "?@example.org",
				Author: message.Author{Domain: "example.org"},
				SPF:    []spf.Result{{Identity: spf.MailFrom, Domain: "example.org", Status: spf.Fail}},
				DKIM:   []dkim.Result{{Domain: "example.org", Selector: "s1", Failure: dkim.FailureKeyMissing}},
				DMARC:  dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyReject, AuthorDomain: "example.org", OrganizationalDomain: "example.org"},
			},
			Verdict: &result.Verdict{
				Action: result.Reject, Rule: result.RuleDMARCReject, Code: "550 5.7.26", Text: "no proof",
				Why:   []string{"Nothing proves that the message comes from example.org."},
				Hints: []result.Hint{{Word: result.HintKeyMissing}, {Word: result.HintUnauthenticated}},
			},
		},
		Evidence: []journal.Evidence{
			{Place: rows.Place{Standard: rows.SPF, Domain: "example.org"}, Name: "example.org", Then: "v=spf1 mx -all"},
			{Place: rows.Place{Standard: rows.DMARC, Domain: "example.org"}, Name: "_dmarc.example.org", Then: "v=DMARC1; p=none", Now: &journal.Present{Text: "v=DMARC1; p=reject"}},
		},
		SenderCan: []string{"Please publish the key."},
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	s := refused()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	text := s.Letter("mx.example.net", berlin)
	lines := strings.Join(strings.Fields(text), " ") // where lines break does not count
	for _, want := range []string{
		"mail server mx.example.net was refused.", "When: Sun, 29 Nov 2026 16:04:05 +0100 (CET) Author: example.org Sender: @example.org Sent by: 192.0.2.66 (new.example.org)",
		"Reference: " + s.Row.Ref.String() + " Why: Refused: nobody proves that this mail comes from example.org, which", "Your server was told: 550 5.7.26 no proof",
		"- Please publish the key.", `_dmarc.example.org. TXT "v=DMARC1; p=reject"`, `"v=spf1 mx ip4:192.0.2.66 -all"`,
		"s1._domainkey.example.org. TXT", "(d=example.org in the signature). A signature survives",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	s.Row.Verdict.Action = result.Accept
	if got := s.Letter("mx.example.net", berlin); got != "" {
		t.Errorf("about accepted mail:\n%s", got)
	}
}

// TestLetterOfForwarded: nobody is asked to list a forwarder in an SPF record.
func TestLetterOfForwarded(t *testing.T) {
	t.Parallel()
	s := refused()
	s.Row.Verdict.Hints = []result.Hint{{Word: result.HintMaybeForwarded}}
	if got := s.Letter("mx.example.net", time.UTC); strings.Contains(got, "ip4:") || !strings.Contains(got, "d=example.org") {
		t.Errorf("the letter is\n%s", got)
	}
}

// TestLetterOfHostile: nothing that a sender wrote begins a line or hides.
func TestLetterOfHostile(t *testing.T) {
	t.Parallel()
	s := refused()
	const bad = "x\r\n\x1b[31m\u202e\xff<b>"
	r := s.Row.Results
	r.MailFrom, r.Client.Helo, r.Client.PTR, r.Author.Domain, s.Row.Verdict.Text = bad, bad, bad, bad, bad
	s.Evidence[0].Then, s.Evidence[0].Name, s.Row.Verdict.Why, s.SenderCan = "v=spf1 "+bad, bad, []string{bad}, []string{bad}
	got := s.Letter("mx.example.net", time.UTC)
	if strings.ContainsAny(got, "\r\x1b\u202e") || strings.Contains(got, "\n[31m") || !utf8.ValidString(got) {
		t.Errorf("%q", got)
	}
}
