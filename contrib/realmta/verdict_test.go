//go:build linux

package realmta_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/contrib/realmta"
)

func TestAlignedSigned(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "rsa")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt))
		wantReply(t, send(t, s, realmta.GoodClient, "alice@"+realmta.Good, rcpt, msg), 250)
		got := onTop(t, delivered(t, s, rcpt))
		wantResults(t, got, "spf=pass", "dkim=pass", "header.d="+realmta.Good, "header.s="+realmta.Selector, "header.a=rsa-sha256",
			"dmarc=pass", "header.from="+realmta.Good, "iprev=pass")
	})
}

func TestSignatureAlone(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "ed25519")
		msg, err := s.Zone.Sign(mail("alice@"+realmta.Good, rcpt), realmta.Good, realmta.SelectorEd, "relaxed/simple")
		if err != nil {
			t.Fatal(err)
		}
		// Forwarded: SPF fails, but the signature still names the author's
		// domain.
		wantReply(t, send(t, s, realmta.Stranger, "alice@"+realmta.Good, rcpt, msg), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=fail", "dkim=pass", "header.a=ed25519-sha256", "dmarc=pass")
	})
}

// TestSimpleCanonicalization signs white space that a milter sees only if the
// MTA passes on every octet.
func TestSimpleCanonicalization(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "odd")
		msg := mail("alice@"+realmta.Good, rcpt,
			"X-None:nothing before it",
			"X-Two:  two blanks, and trailing ones  ",
			"X-Tab:\ttab\tbetween\t",
			"X-Fold: folded\r\n\t by tab and blank\r\n   by blanks",
			"X-Down:\r\n below the colon",
			"X-Empty:",
			"X-Blank: ",
			"x-CASE: MiXeD")
		msg = append(msg, "  leading and trailing blanks \t \r\n\r\n\r\n"...)
		for _, selector := range []string{realmta.Selector, realmta.SelectorEd} {
			var err error
			if msg, err = s.Zone.Sign(msg, realmta.Good, selector, "simple/simple"); err != nil {
				t.Fatal(err)
			}
		}
		wantReply(t, send(t, s, realmta.Stranger, "", rcpt, msg), 250)
		got := onTop(t, delivered(t, s, rcpt))
		wantResults(t, got, "dmarc=pass")
		if n := strings.Count(got, "dkim=pass"); n != 2 {
			t.Errorf("%d signatures pass, want 2: %q", n, got)
		}
	})
}

func TestSpoofIsRejected(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		for name, author := range map[string]string{"domain": "ceo@" + realmta.Bank, "subdomain": "ceo@mail." + realmta.Bank} {
			rcpt := recipient(t, name)
			reply := send(t, s, realmta.Stranger, "bounce@"+realmta.Bank, rcpt, mail(author, rcpt))
			wantReply(t, reply, 550)
			if !strings.HasPrefix(reply.Text, "5.7.26 ") {
				t.Errorf("reply %q, want enhanced code 5.7.26", reply)
			}
			for _, word := range []string{realmta.Bank, "spf", "dkim"} {
				if !strings.Contains(strings.ToLower(reply.Text), word) {
					t.Errorf("reply %q does not name %s", reply, word)
				}
			}
			notDelivered(t, s, rcpt)
		}
	})
}

// TestBrokenSignatureIsRejected changes a signed message on its way.
func TestBrokenSignatureIsRejected(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "changed")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt))
		msg = append(msg, "and pay to this account\r\n"...)
		reply := send(t, s, realmta.Stranger, "", rcpt, msg)
		wantReply(t, reply, 550)
		if !strings.HasPrefix(reply.Text, "5.7.26 ") || !strings.Contains(reply.Text, realmta.Good) {
			t.Errorf("reply %q", reply)
		}
		notDelivered(t, s, rcpt)
	})
}

func TestQuarantine(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "held")
		msg := mail("ceo@"+realmta.Hold, rcpt, "Authentication-Results: "+realmta.AuthservID+"; dmarc=pass header.from="+realmta.Hold)
		wantReply(t, send(t, s, realmta.Stranger, "bounce@"+realmta.Hold, rcpt, msg), 250)
		held, err := realmta.AwaitHeld(t.Context(), s, rcpt)
		if err != nil {
			t.Fatal(err)
		}
		notDelivered(t, s, rcpt)
		if s.Name() == "Sendmail" && !strings.Contains(held.Reason, realmta.Hold) {
			t.Errorf("reason %q does not name the domain", held.Reason)
		}
		// A person releases it: it arrives with our field and without the
		// forgery.
		if err := s.Release(t.Context(), held.ID); err != nil {
			t.Fatal(err)
		}
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail", "header.from="+realmta.Hold)
	})
}

func TestNoneArrivesMarked(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "none")
		wantReply(t, send(t, s, realmta.Stranger, "bounce@"+realmta.Watch, rcpt, mail("ceo@"+realmta.Watch, rcpt)), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=fail", "dmarc=fail", "header.from="+realmta.Watch)
	})
}

func TestForgedFieldsAreRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		forged := []string{
			"Authentication-Results: " + realmta.AuthservID + "; dmarc=pass header.from=" + realmta.Bank,
			"authentication-results: MX.Test.EXAMPLE 1; spf=pass smtp.mailfrom=" + realmta.Bank,
			"Authentication-Results:\r\n\t" + realmta.AuthservID + "\r\n ; dkim=pass header.d=" + realmta.Bank,
			"AUTHENTICATION-RESULTS: (a comment (in a comment)) \"" + realmta.AuthservID + "\"; none",
			"Authentication-Results:" + realmta.AuthservID + ";none",
		}
		foreign := []string{
			"Authentication-Results: relay.example; spf=pass smtp.mailfrom=first.example",
			"Authentication-Results: mx.test.example.org;\r\n\tdkim=fail header.d=second.example",
			"Authentication-Results: other.example 1; none",
			"X-Authentication-Results: " + "between; all=of them",
		}
		// Nine fields, in turn ours and foreign.
		var fields []string
		for i, f := range forged {
			fields = append(fields, f)
			if i < len(foreign) {
				fields = append(fields, foreign[i])
			}
		}
		want := make([]field, len(foreign))
		for i, f := range foreign {
			name, value, _ := strings.Cut(f, ":")
			want[i] = field{name, strings.ReplaceAll(value, "\r\n", "\n") + "\n"}
		}
		// Twice on one connection: the fields of the first message must not
		// shift the deletions of the second one.
		c := connect(t, s, realmta.Stranger)
		for _, n := range []string{"first", "second"} {
			rcpt := recipient(t, n)
			wantReply(t, sendOn(t, c, "bounce@"+realmta.Watch, rcpt, mail("ceo@"+realmta.Watch, rcpt, fields...)), 250)
			got := delivered(t, s, rcpt)
			wantResults(t, onTop(t, got), "dmarc=fail")
			var kept []field
			for _, f := range got[1:] {
				if strings.HasSuffix(strings.ToLower(f.name), "authentication-results") {
					kept = append(kept, f)
				}
			}
			if diff := cmp.Diff(want, kept, cmp.AllowUnexported(field{})); diff != "" {
				t.Errorf("%s message: foreign fields (-want +got):\n%s", n, diff)
			}
		}
	})
}
