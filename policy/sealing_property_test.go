package policy_test

import (
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// oddFields are fields that a sender or a list may write.
var oddFields = []string{
	"From: Joe <joe@author.example>", "From: a@b.example, c@d.example", "FROM : x", "To: list@lists.example.org", "Subject: hello", "Subject:",
	"Authentication-Results: mx.example.org; arc=none; dmarc=pass header.from=author.example", "Authentication-Results: mx.example.org; arc=pass",
	"Authentication-Results: mx.example.org; arc=fail", "Authentication-Results: MX.example.org.; spf=pass (\"", "authentication-results: \"mx.example.org\"; none",
	"Authentication-Results: mx.example.org 1; dkim=pass reason=\"i=3; cv=pass\"", "Authentication-Results: =?utf-8?q?mx?=; arc=pass",
	"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AA==", "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=new; b=AA==",
	"ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=a.example; s=s; b=AA==", "ARC-Seal: i=50; cv=fail", "ARC-Seal: i=51; cv=pass", "ARC-Seal: i=" + strings.Repeat("9", 400),
	"ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AA==; b=AA==", "ARC-Message-Signature: i=2; x", "ARC-Message-Signature:",
	"ARC-Authentication-Results: i=1; a.example; dmarc=pass", "ARC-Authentication-Results: i=2; mx.example.org; none", "ARC-Authentication-Results: (i=1)",
	"DKIM-Signature: v=1; a=rsa-sha256; d=author.example; s=s; h=from; bh=AA==; b=AA==", "X-Long: " + strings.Repeat("x", 2000), "Reply-To: a@b.example",
	"Received: from evil.example (evil.example [203.0.113.66]) by mx.example.org with ESMTP id 2; Sat, 28 Nov 2026 12:00:00 +0000",
}

// oddMail returns a message of a few of them.
func oddMail(rnd *mathrand.Rand) string {
	var b strings.Builder
	if rnd.IntN(4) > 0 {
		b.WriteString("From: Joe <joe@author.example>\r\n")
	}
	for range rnd.IntN(9) {
		f := oddFields[rnd.IntN(len(oddFields))]
		if rnd.IntN(8) == 0 {
			i := rnd.IntN(len(f))
			f = f[:i] + string(rune(' '+rnd.IntN(95))) + f[i:]
		}
		if strings.Contains(f, ":") && f[0] != ' ' && f[0] != ':' {
			fmt.Fprintf(&b, "%s\r\n", f)
		}
	}
	return b.String() + "\r\nHi.\r\n"
}

// TestSealingHarmsNoMessage: whatever a message holds, sealing it changes nothing but the
// set on top. The set verifies at the next host, or says that the chain has failed, or
// there is none for one of the known reasons.
func TestSealingHarmsNoMessage(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	now := time.Now()
	options := policy.Options{Resolver: r, AuthservID: "mx.example.org", Now: func() time.Time { return now }}
	exempt := options
	exempt.Exempt = policy.Exempt{Addresses: listOf(t, addrlist.Addresses, "10.0.0.0/8")}
	sealing := &policy.Sealing{
		Options: sign.SealOptions{Networks: listOf(t, addrlist.Addresses, "10.0.0.0/8"), Recipients: listOf(t, addrlist.Names, "lists.example.org")},
		Domain:  "example.org", Keys: &keyring{keys: []policy.SigningKey{signingKey("new", signingKeys()[0], true)}},
	}
	plain, plainExempt := policy.NewChecker(options), policy.NewChecker(exempt)
	options.Sealing, exempt.Sealing = sealing, sealing
	seals, sealsExempt := policy.NewChecker(options), policy.NewChecker(exempt)
	decide := &rules.Rules{AuthservID: "mx.example.org", OnAmbiguousAuthor: rules.AmbiguousAccept}
	outcomes := map[string]int{}
	for i := range 1500 {
		mail := oddMail(mathrand.New(mathrand.NewPCG(8617, uint64(i))))
		e := message.Envelope{Client: strangerHost, Helo: "client.example", Sender: message.Sender{Path: "joe@author.example"}, Recipients: []string{"list@lists.example.org"}}
		with, without := seals, plain
		switch {
		case i%6 == 1: // not listed in SPF
			e.Client.IP = netip.MustParseAddr("203.0.113.8")
		case i%2 == 0:
			e.Client, with, without = listHost, sealsExempt, plainExempt
		}
		_, want, _ := arrive(t, without, decide, e, mail)
		res, got, after := arrive(t, with, decide, e, mail)
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(result.Verdict{}, "Seal")); d != "" || len(res.Faults) > 0 {
			t.Fatalf("message %d, faults %q, (-without +with):\n%s\n%s", i, res.Faults, d, mail)
		}
		s := res.Sealing
		if s.Reason != "" {
			outcomes[string(s.Reason)]++
			if !slices.Contains(sign.SealReasons(), s.Reason) || s.Detail == "" || len(got.Seal) > 0 {
				t.Errorf("message %d: %+v, set %v\n%s", i, s, got.Seal, mail)
			}
			continue
		}
		outcomes["cv="+string(s.Chain)]++
		status := nextHost(t, r, after).ARC
		if want := map[arc.Status]arc.Status{arc.None: arc.Pass, arc.Fail: arc.Fail}[s.Chain]; want != "" && status.Status != want {
			t.Errorf("message %d: sealed with cv=%s, and the next host finds %s (%s)\n%s", i, s.Chain, status.Status, status.Reason, after)
		}
	}
	for _, want := range []string{"cv=none", "cv=fail", "not-delivered", "no-results", "results-unreadable", "chain-changed", "chain-failed", "author-ambiguous"} {
		if outcomes[want] == 0 {
			t.Errorf("no message with %s: %v", want, outcomes)
		}
	}
}
