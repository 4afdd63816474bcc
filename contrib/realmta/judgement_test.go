//go:build linux

package realmta_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// TestJudgement takes each way of a message that fails under p=reject: refused as a
// forgery, held as a list's work, and held since nothing but the failure speaks against
// it; tagged in place of held; and, with on_reject = "quarantine", held though it is forged.
func TestJudgement(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{`on_reject = "judge"`}}, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "forged")
		reply := send(t, s, realmta.Stranger, "ceo@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt))
		wantReply(t, reply, 550)
		if !strings.HasPrefix(reply.Text, "5.7.26 ") || !strings.Contains(reply.Text, realmta.Bank+" forbids "+realmta.Stranger+" to send its mail") {
			t.Errorf("reply %q", reply)
		}
		notDelivered(t, s, rcpt)

		rcpt = recipient(t, "list")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt, "List-Id: Staff <staff."+realmta.List+">"))
		held(t, s, rcpt, send(t, s, realmta.Lister, "bounce@"+realmta.List, rcpt, append(msg, "-- \r\nthe list's footer\r\n"...)))

		rcpt = recipient(t, "alone")
		held(t, s, rcpt, send(t, s, realmta.Lister, "desk@"+realmta.List, rcpt, mail("ceo@"+realmta.Bank, rcpt)))
		for _, want := range []string{"refuse; forgery: forbidden", "hold; indirect: list, altered", "\"judgement\":\"hold\""} {
			eventually(t, "the log has "+want, func() bool { return strings.Contains(s.Postvet.Log(), want) })
		}

		configure(t, s, `on_reject = "judge"`, `quarantine = "tag"`)
		rcpt = recipient(t, "forged-tag")
		wantReply(t, send(t, s, realmta.Stranger, "ceo@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 550)
		rcpt = recipient(t, "tagged")
		wantReply(t, send(t, s, realmta.Lister, "desk@"+realmta.List, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 250)
		tagged := delivered(t, s, rcpt)
		wantResults(t, onTop(t, tagged), "dmarc=fail", `policy.override-by="policy.on_reject,policy.quarantine"`)
		if value(tagged, "X-Postvet-Quarantine") == "" {
			t.Errorf("no tag: %q", tagged)
		}

		configure(t, s, `on_reject = "quarantine"`)
		rcpt = recipient(t, "quarantined")
		held(t, s, rcpt, send(t, s, realmta.Stranger, "ceo@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)))
	})
}

// held has a message be held by a judgement, and released.
func held(t *testing.T, s *realmta.Site, rcpt string, reply realmta.Reply) {
	t.Helper()
	wantReply(t, reply, 250)
	h, err := realmta.AwaitHeld(t.Context(), s, rcpt)
	if err != nil {
		t.Fatal(err)
	}
	notDelivered(t, s, rcpt)
	if err := s.Release(t.Context(), h.ID); err != nil {
		t.Fatal(err)
	}
	wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail", "policy.override-by=policy.on_reject", "policy.override-reason=local_policy")
}

// configure gives the running Postvet another policy.
func configure(t *testing.T, s *realmta.Site, policy ...string) {
	t.Helper()
	const reloaded = `"msg":"configuration reloaded`
	before := strings.Count(s.Postvet.Log(), reloaded)
	if err := s.Configure(policy...); err != nil {
		t.Fatal(err)
	}
	if err := s.Postvet.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the configuration is read again", func() bool { return strings.Count(s.Postvet.Log(), reloaded) > before })
}
