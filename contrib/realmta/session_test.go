//go:build linux

package realmta_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// TestSeveralMessages sends messages of all kinds on one connection. None may
// inherit anything from the one before.
func TestSeveralMessages(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		c := connect(t, s, realmta.GoodClient)
		good := func(what string) {
			t.Helper()
			rcpt := recipient(t, what)
			wantReply(t, sendOn(t, c, "alice@"+realmta.Good, rcpt, signed(t, s, mail("alice@"+realmta.Good, rcpt))), 250)
			got := onTop(t, delivered(t, s, rcpt))
			wantResults(t, got, "spf=pass", "dkim=pass", "dmarc=pass", "header.from="+realmta.Good)
			for _, method := range []string{" spf=", " dkim=", " dmarc="} {
				if n := strings.Count(got, method); n > 1 {
					t.Errorf("%s: %d times%s in %q", what, n, method, got)
				}
			}
		}
		spoof := func(what string) {
			t.Helper()
			rcpt := recipient(t, what)
			wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
			notDelivered(t, s, rcpt)
		}
		good("1")
		spoof("2")
		good("3")
		good("4")

		// A transaction that is given up, before and after RCPT.
		cmd(t, c, 2, "MAIL FROM:<bounce@"+realmta.Bank+">")
		cmd(t, c, 2, "RSET")
		cmd(t, c, 2, "MAIL FROM:<bounce@"+realmta.Bank+">")
		cmd(t, c, 2, "RCPT TO:<"+recipient(t, "never")+">")
		cmd(t, c, 2, "RSET")
		cmd(t, c, 2, "RSET")
		good("5")

		// Refused recipients before, between and after accepted ones.
		rcpt, other := recipient(t, "6"), recipient(t, "6b")
		cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
		cmd(t, c, 5, "RCPT TO:<"+realmta.Refused+">")
		cmd(t, c, 2, "RCPT TO:<"+rcpt+">")
		cmd(t, c, 5, "RCPT TO:<"+realmta.Refused+">")
		cmd(t, c, 2, "RCPT TO:<"+other+">")
		cmd(t, c, 5, "RCPT TO:<somebody@elsewhere.example>")
		r, err := c.Data(signed(t, s, mail("alice@"+realmta.Good, rcpt)))
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, r, 250)
		for _, rcpt := range []string{rcpt, other} {
			wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=pass")
		}

		// All recipients are refused, then the sender gives up.
		cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
		cmd(t, c, 5, "RCPT TO:<"+realmta.Refused+">")
		cmd(t, c, 5, "DATA")
		cmd(t, c, 2, "RSET")
		spoof("7")

		// A second EHLO resets too.
		cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
		cmd(t, c, 2, "EHLO again."+realmta.Good)
		good("8")
		notDelivered(t, s, recipient(t, "never"))
	})
}

func TestClientLostInsideData(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		lost := recipient(t, "lost")
		msg := signed(t, s, mail("alice@"+realmta.Good, lost))
		for _, sent := range []int{0, 10, len(msg) - 20, len(msg)} {
			for _, crash := range []bool{false, true} {
				c := connect(t, s, realmta.GoodClient)
				cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
				cmd(t, c, 2, "RCPT TO:<"+lost+">")
				cmd(t, c, 3, "DATA")
				if err := c.Write(msg[:sent]); err != nil {
					t.Fatal(err)
				}
				if crash {
					c.Reset()
				} else {
					c.Close()
				}
			}
		}
		rcpt := recipient(t, "next")
		wantReply(t, send(t, s, realmta.GoodClient, "alice@"+realmta.Good, rcpt, signed(t, s, mail("alice@"+realmta.Good, rcpt))), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=pass")
		notDelivered(t, s, lost)
		if !s.Postvet.Running() {
			t.Error("postvet ended")
		}
	})
}

func TestUnknownCommand(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		c := connect(t, s, realmta.GoodClient)
		rcpt := recipient(t, "passes")
		cmd(t, c, 5, "FOOBAR")
		cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
		cmd(t, c, 5, "XYZZY plugh")
		cmd(t, c, 2, "RCPT TO:<"+rcpt+">")
		cmd(t, c, 5, "FOOBAR again")
		r, err := c.Data(signed(t, s, mail("alice@"+realmta.Good, rcpt)))
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, r, 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=pass")
		spoofed := recipient(t, "rejected")
		cmd(t, c, 5, "FOOBAR")
		wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, spoofed, mail("ceo@"+realmta.Bank, spoofed)), 550)
	})
}

// TestAnswerRcptAndData has the MTA wait at each RCPT and at DATA, as proxies need it.
func TestAnswerRcptAndData(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Config: []string{"answer_rcpt_and_data = true"}}, func(t *testing.T, s *realmta.Site) {
		c := connect(t, s, realmta.GoodClient)
		for _, what := range []string{"first", "second"} {
			rcpt := recipient(t, what)
			wantReply(t, sendOn(t, c, "alice@"+realmta.Good, rcpt, signed(t, s, mail("alice@"+realmta.Good, rcpt))), 250)
			wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=pass", "dkim=pass", "dmarc=pass")
			forged := recipient(t, what+"-forged")
			wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, forged, mail("ceo@"+realmta.Bank, forged)), 550)
			notDelivered(t, s, forged)
		}
	})
}

func TestTenMegabytes(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		line := strings.Repeat("0123456789abcdef ", 4) + "\r\n"
		body := []byte(strings.Repeat(line, 10<<20/len(line)))
		rcpt := recipient(t, "whole")
		msg := signed(t, s, append(mail("alice@"+realmta.Good, rcpt), body...))
		wantReply(t, send(t, s, realmta.Stranger, "alice@"+realmta.Good, rcpt, msg), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dkim=pass", "dmarc=pass")

		// One octet is changed at the very end.
		rcpt = recipient(t, "changed")
		msg = signed(t, s, append(mail("alice@"+realmta.Good, rcpt), body...))
		msg[bytes.LastIndexByte(msg, 'f')] = 'F'
		wantReply(t, send(t, s, realmta.Stranger, "alice@"+realmta.Good, rcpt, msg), 550)
		notDelivered(t, s, rcpt)
	})
}

func TestIPv6(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "good")
		wantReply(t, send(t, s, "::1", "alice@"+realmta.Good, rcpt, mail("alice@"+realmta.Good, rcpt)), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=pass", "dmarc=pass", "iprev=pass")
		rcpt = recipient(t, "spoof")
		wantReply(t, send(t, s, "::1", "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
		notDelivered(t, s, rcpt)
	})
}

func TestStartTLS(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		c := connect(t, s, realmta.GoodClient)
		if r, err := c.StartTLS(t.Context()); err != nil || r.Code != 220 {
			t.Fatalf("STARTTLS: %v %v", r, err)
		}
		cmd(t, c, 2, "EHLO mail."+realmta.Good)
		rcpt := recipient(t, "good")
		wantReply(t, sendOn(t, c, "alice@"+realmta.Good, rcpt, mail("alice@"+realmta.Good, rcpt)), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=pass", "dmarc=pass")
		rcpt = recipient(t, "spoof")
		wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
		notDelivered(t, s, rcpt)
	})
}

// wantExempt checks a message that was exempt: we added no results to it. A
// field in our name stays if the client is trusted by its address, as RFC 8601
// section 5 allows, since it may be our own work, passed on.
func wantExempt(t *testing.T, s *realmta.Site, rcpt string, trusted bool) {
	t.Helper()
	want := 0
	if trusted {
		want = 1 // the forgery
	}
	if got := ours(delivered(t, s, rcpt)); len(got) != want {
		t.Errorf("%d fields in our name, want %d: %q", len(got), want, got)
	}
}

// forgery is a field that a sender wrote in our name.
const forgery = "Authentication-Results: " + realmta.AuthservID + "; dmarc=pass (forged) header.from=" + realmta.Bank

func TestAuthenticatedIsExempt(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		if len(s.Mechanisms()) == 0 {
			t.Skip("skipped: this Sendmail has no SASL plugin (package libsasl2-modules); the exemption is tested with Postfix")
		}
		c := connect(t, s, realmta.Stranger)
		if r, err := c.StartTLS(t.Context()); err != nil || r.Code != 220 {
			t.Fatalf("STARTTLS: %v %v", r, err)
		}
		cmd(t, c, 2, "EHLO laptop.example")
		if r, err := c.AuthPlain(realmta.User, realmta.Password); err != nil || r.Code != 235 {
			t.Fatalf("AUTH: %v %v", r, err)
		}
		for _, n := range []string{"first", "second"} {
			rcpt := recipient(t, n)
			wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt, forgery)), 250)
			wantExempt(t, s, rcpt, false)
		}
		// The same from a client that did not log in.
		rcpt := recipient(t, "stranger")
		wantReply(t, send(t, s, realmta.Stranger, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
	})
}

func TestLocalSubmissionIsExempt(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "cron")
		if err := s.Submit(t.Context(), "root@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt, forgery)); err != nil {
			t.Fatal(err)
		}
		wantExempt(t, s, rcpt, true)
		d, err := s.Postvet.AwaitDecision(t.Context(), func(d realmta.Decision) bool {
			return strings.Contains(d.From, "root@"+realmta.Bank)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(d.Exempt, "local") {
			t.Errorf("exempt %q, want a local submission: %s", d.Exempt, d.Line)
		}
	})
}

func TestExemptAddress(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "trusted")
		wantReply(t, send(t, s, realmta.Exempted, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt, forgery)), 250)
		wantExempt(t, s, rcpt, true)
	})
}
