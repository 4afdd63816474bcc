//go:build linux

package realmta_test

import (
	"testing"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
)

// All cases run MTAs that are configured with contrib/postfix/main.cf and
// contrib/sendmail/postvet.mc. This file has tests of the other examples.

// TestSubmissionExample submits mail at a port that is configured with
// contrib/postfix/master.cf or contrib/sendmail/submission.mc. Postvet does not
// see that mail, and still sees the mail at the other port.
func TestSubmissionExample(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			port, err := child.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			lines, err := realmta.SubmissionExample(mta, port)
			if err != nil {
				t.Fatal(err)
			}
			o := realmta.SiteOptions{MTA: mta, MTAServices: lines}
			if mta == "Sendmail" {
				o.MTAServices, o.MTAConfig = nil, lines
			}
			s := ownSite(t, o)
			if len(s.Mechanisms()) == 0 {
				t.Skip("skipped: no SASL mechanism here, nobody can log in")
			}

			rcpt := recipient(t, "submitted")
			c, err := realmta.Dial(t.Context(), realmta.Stranger, "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			cmd(t, c, 2, "EHLO client.example")
			if r, err := c.StartTLS(t.Context()); err != nil || r.Code != 220 {
				t.Fatalf("STARTTLS: %s %v", r, err)
			}
			cmd(t, c, 2, "EHLO client.example")
			if r, err := c.AuthPlain(realmta.User, realmta.Password); err != nil || r.Class() != 2 {
				t.Fatalf("AUTH: %s %v", r, err)
			}
			wantReply(t, sendOn(t, c, "ceo@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 250)
			if got := results(delivered(t, s, rcpt)); len(got) != 0 {
				t.Errorf("Postvet has seen it: %q", got)
			}
			if n := len(s.Postvet.Decisions()); n != 0 {
				t.Errorf("Postvet has decided about %d messages", n)
			}

			other := recipient(t, "other")
			wantReply(t, send(t, s, realmta.Stranger, "bounce@"+realmta.Bank, other, mail("ceo@"+realmta.Bank, other)), 550)
		})
	}
}
