//go:build linux

package realmta_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// trusting is the policy of an administrator who knows a forwarder and a list,
// overrides some authors, and enforces SPF.
var trusting = []string{
	`spf_fail = "reject"`, `spf_early = true`,
	`[trust]`, `forwarders = ["127.0.0.8"]`, `sealers = ["` + realmta.List + `"]`,
	`[author_overrides]`, `"` + realmta.Watch + `" = "reject"`, `"` + realmta.Hold + `" = "none"`,
}

// TestTrust runs the cases on one site, one after the other.
func TestTrust(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: trusting}, func(t *testing.T, s *realmta.Site) {
		t.Run("forwarder", func(t *testing.T) { playForwarder(t, s) })
		t.Run("list", func(t *testing.T) { playList(t, s) })
		t.Run("authors", func(t *testing.T) { playAuthors(t, s) })
		t.Run("early", func(t *testing.T) { playEarly(t, s) })
	})
}

func caseRecipient(t *testing.T, what string) string {
	t.Helper()
	parts := strings.Split(t.Name(), "/")
	return "trust-" + strings.ToLower(parts[len(parts)-1]) + "-" + what + "@" + realmta.Domain
}

func playForwarder(t *testing.T, s *realmta.Site) {
	rcpt := caseRecipient(t, "trusted")
	wantReply(t, send(t, s, "127.0.0.8", "ceo@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 250)
	wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail", "policy.override-reason=trusted_forwarder", "policy.override-by=trust.forwarders")
	rcpt = caseRecipient(t, "stranger")
	wantReply(t, send(t, s, "127.0.0.9", "", rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
	notDelivered(t, s, rcpt)
}

func playList(t *testing.T, s *realmta.Site) {
	list := func(what string, change func([]byte) []byte) ([]byte, string) {
		rcpt := caseRecipient(t, what)
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt))
		msg = append(msg, "-- \r\nthe list's footer\r\n"...)
		msg, err := s.Zone.Seal(msg, "mail.list.example; spf=pass smtp.mailfrom=alice@"+realmta.Good+"; dmarc=pass header.from="+realmta.Good)
		if err != nil {
			t.Fatal(err)
		}
		return change(msg), rcpt
	}
	msg, rcpt := list("sealed", func(msg []byte) []byte { return msg })
	wantReply(t, send(t, s, realmta.Lister, "bounce@"+realmta.List, rcpt, msg), 250)
	wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail", "dkim=fail", "arc=pass", "policy.override-by=trust.sealers", "policy.override-reason=local_policy")

	msg, rcpt = list("changed", func(msg []byte) []byte { return bytes.Replace(msg, []byte("footer"), []byte("account"), 1) })
	wantReply(t, send(t, s, realmta.Lister, "bounce@"+realmta.List, rcpt, msg), 550)
	notDelivered(t, s, rcpt)
	eventually(t, "the log tells why the chain was not believed", func() bool {
		return strings.Contains(s.Postvet.Log(), `"refused_overrides":["local_policy trust.sealers (arc=fail`)
	})
}

func playAuthors(t *testing.T, s *realmta.Site) {
	rcpt := caseRecipient(t, "up")
	reply := send(t, s, realmta.Stranger, "", rcpt, mail("ceo@"+realmta.Watch, rcpt))
	wantReply(t, reply, 550)
	if !strings.Contains(reply.Text, "this server refuses mail of "+realmta.Watch) {
		t.Errorf("reply %q", reply)
	}
	rcpt = caseRecipient(t, "down")
	wantReply(t, send(t, s, realmta.Stranger, "", rcpt, mail("ceo@"+realmta.Hold, rcpt)), 250)
	wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail", "policy.override-by=author_overrides."+realmta.Hold)
}

// playEarly is refused at each recipient. The session goes on, and the client
// stays known.
func playEarly(t *testing.T, s *realmta.Site) {
	c := connect(t, s, realmta.GoodClient)
	for range 2 {
		cmd(t, c, 2, "MAIL FROM:<ceo@"+realmta.Bank+">")
		for _, what := range []string{"a", "b"} {
			r := cmd(t, c, 5, "RCPT TO:<"+caseRecipient(t, what)+">")
			if !strings.Contains(r.Text, "5.7.23") || !strings.Contains(r.Text, "SPF: "+realmta.Bank+" does not let "+realmta.GoodClient) {
				t.Errorf("reply %q", r)
			}
		}
		cmd(t, c, 5, "DATA")
		cmd(t, c, 2, "RSET")
	}
	rcpt := caseRecipient(t, "good")
	wantReply(t, sendOn(t, c, "alice@"+realmta.Good, rcpt, mail("alice@"+realmta.Good, rcpt)), 250)
	wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=pass", "dmarc=pass", "iprev=pass")
	eventually(t, "the log has a line about the message that came", func() bool {
		return slices.ContainsFunc(s.Postvet.Decisions(), func(d realmta.Decision) bool { return d.From == "alice@"+realmta.Good && d.Author == realmta.Good })
	})
	if n := strings.Count(s.Postvet.Log(), `"rule":"spf-fail"`); n != 2 {
		t.Errorf("%d lines about two refused messages", n)
	}
}

// TestDNSDown takes the DNS away until Postvet knows that its own DNS is down.
// A message without any cached answer is then deferred.
func TestDNSDown(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{`on_degraded = "tempfail"`}}, func(t *testing.T, s *realmta.Site) {
		s.DNS.SetFault("*", "*", dnstest.ServFail)
		deadline := time.Now().Add(patience)
		for n := 0; !strings.Contains(s.Postvet.Log(), "dns is down"); n++ {
			if time.Now().After(deadline) {
				t.Fatal("Postvet does not see that DNS is down")
			}
			domain := fmt.Sprintf("stranger%d.example", n)
			rcpt := caseRecipient(t, "probe")
			send(t, s, realmta.Stranger, "a@"+domain, rcpt, mail("a@"+domain, rcpt))
		}
		rcpt := caseRecipient(t, "late")
		reply := send(t, s, realmta.Stranger, "a@plain.example", rcpt, mail("a@plain.example", rcpt))
		wantReply(t, reply, 451)
		if !strings.Contains(reply.Text, "4.4.3 ") || !strings.Contains(reply.Text, "DNS is down") {
			t.Errorf("reply %q", reply)
		}
		notDelivered(t, s, rcpt)
	})
}
