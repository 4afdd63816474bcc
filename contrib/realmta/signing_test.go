//go:build linux

package realmta_test

import (
	"bytes"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/contrib/realmta"
)

// verifySigned has go-msgauth verify the one signature of a delivered message, as the
// next hop gets it.
func verifySigned(t *testing.T, s *realmta.Site, rcpt string) {
	t.Helper()
	d, err := realmta.Await(t.Context(), s, rcpt, 1)
	if err != nil {
		t.Fatal(err)
	}
	record := func(name string) ([]string, error) {
		_, text, ok := strings.Cut(s.Zone.Text(), name+". TXT ")
		if !ok {
			t.Errorf("the zone has nothing at %s", name)
		}
		text, _, _ = strings.Cut(text, "\n")
		return []string{strings.NewReplacer(`" "`, "", `"`, "").Replace(text)}, nil
	}
	whole := bytes.ReplaceAll(d[0].Message, []byte("\n"), []byte("\r\n"))
	got, err := msgauth.VerifyWithOptions(bytes.NewReader(whole), &msgauth.VerifyOptions{LookupTXT: record})
	if err != nil || len(got) != 1 || got[0].Err != nil || got[0].Domain != realmta.Good {
		for _, v := range got {
			t.Errorf("%s: %v", v.Domain, v.Err)
		}
		t.Fatalf("%d signatures, %v:\n%s", len(got), err, whole)
	}
}

// TestSigning has users of the site send mail of all sorts. Every signed message
// arrives with a signature that verifies, and mail from outside is not signed.
func TestSigning(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Sign: []string{`networks = ["` + realmta.Lister + `"]`}}, func(t *testing.T, s *realmta.Site) {
		author := "ann@" + realmta.Good
		want := func(from, signed, unsigned string) {
			t.Helper()
			if d := decisionFrom(t, s, from); d.Signed != signed || d.Unsigned != unsigned || d.Action != "accept" {
				t.Errorf("decision %s", d.Line)
			}
		}
		key := realmta.Good + "/" + realmta.Selector

		for what, more := range map[string][]string{
			"plain":      nil,
			"references": {"References: <" + strings.Repeat("a", 300) + "@x.example> <" + strings.Repeat("b", 300) + "@x.example> <" + strings.Repeat("c", 700) + "@x.example>"},
			"unusual":    {"X-Empty:", "Comments:  two  blanks ", "Cc: a@b.example,\r\n\tc@d.example", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"},
		} {
			rcpt := recipient(t, what)
			from := what + "@" + realmta.Good
			c := connect(t, s, realmta.Lister)
			wantReply(t, sendOn(t, c, from, rcpt, mail(author, rcpt, more...)), 250)
			verifySigned(t, s, rcpt)
			want(from, key, "")
		}

		// A program that writes neither Date nor Message-ID, and a message that we signed
		// before, intact and with another body.
		rcpt, from := recipient(t, "bare"), "bare@"+realmta.Good
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, []byte("From: "+author+"\r\nSubject: bare\r\n\r\nHi.\r\n")), 250)
		verifySigned(t, s, rcpt)
		want(from, key, "")
		rcpt, from = recipient(t, "again"), "again@"+realmta.Good
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, signed(t, s, mail(author, rcpt))), 250)
		verifySigned(t, s, rcpt)
		want(from, "", "already-signed")
		rcpt, from = recipient(t, "footer"), "footer@"+realmta.Good
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, append(signed(t, s, mail(author, rcpt)), "a disclaimer\r\n"...)), 250)
		verifySigned(t, s, rcpt)
		want(from, key, "")

		// A program on the machine.
		rcpt, from = recipient(t, "program"), "program@"+realmta.Good
		if err := s.Submit(t.Context(), from, rcpt, mail(author, rcpt)); err != nil {
			t.Fatal(err)
		}
		verifySigned(t, s, rcpt)
		want(from, key, "")

		// A content filter in the network that hands in mail from outside.
		rcpt, from = recipient(t, "filter"), "filter@"+realmta.Good
		c := connect(t, s, realmta.Lister)
		received := "Received: from evil.example (evil.example [203.0.113.66])\r\n\tby " + realmta.AuthservID + " (Postfix) with ESMTP id 4F1; Wed, 25 Nov 2026 10:00:00 +0000"
		r := sendOn(t, c, from, rcpt, mail(author, rcpt, received))
		if d := decisionFrom(t, s, from); d.Signed != "" || d.Unsigned != "relayed-through-us" || r.Class() == 2 {
			t.Errorf("reply %v, decision %s", r, d.Line)
		}

		// A forger outside.
		rcpt, from = recipient(t, "forger"), "forger@"+realmta.Good
		r = sendOn(t, connect(t, s, realmta.Stranger), from, rcpt, mail(author, rcpt))
		if d := decisionFrom(t, s, from); d.Signed != "" || d.Unsigned != "not-originating" || d.Action != "reject" || r.Code != 550 {
			t.Errorf("reply %v, decision %s", r, d.Line)
		}

		// Nobody has a key for this author.
		rcpt, from = recipient(t, "other"), "other@"+realmta.Watch
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, mail("x@"+realmta.Watch, rcpt)), 250)
		if got := decisionFrom(t, s, from); got.Signed != "" || got.Unsigned != "no-key" {
			t.Errorf("decision %s", got.Line)
		}
	})
}
