package policy_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// TestSealingAfterEdits: a seal covers the message as it leaves, with what rules add and
// remove in it.
func TestSealingAfterEdits(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	checker := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.org", Sealing: &policy.Sealing{
		Options: sign.SealOptions{Recipients: listOf(t, addrlist.Names, "lists.example.org")}, Domain: "example.org",
		Keys: &keyring{keys: []policy.SigningKey{signingKey("new", signingKeys()[0], true)}},
	}})
	passes, err := condition.Compile(`dmarc == "pass"`, condition.Options{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := explain.ParseTemplate("<https://lists.example.org/>")
	if err != nil {
		t.Fatal(err)
	}
	custom := &rules.Rules{AuthservID: "mx.example.org", Custom: []rules.Rule{{
		Name: "marks", If: passes, Remove: []string{"Reply-To", "x-mailer"}, Add: []rules.Addition{{Name: "List-Help", Value: value}, {Name: "Reply-To", Value: value}},
	}}}
	mail := "X-Mailer: a\r\nReply-To: joe@author.example\r\nFrom: Joe <joe@author.example>\r\nREPLY-TO: other@author.example\r\nSubject: hello\r\nX-MAILER: b\r\n\r\nHi.\r\n"
	e := message.Envelope{Client: strangerHost, Sender: message.Sender{Path: "joe@author.example"}, Recipients: []string{"list@lists.example.org"}}
	res, v, after := arrive(t, checker, custom, e, mail)
	if len(v.Remove) != 4 || len(v.Insert) != 3 || res.Sealing.Reason != "" {
		t.Fatalf("sealing %+v, remove %v, insert %v", res.Sealing, v.Remove, v.Insert)
	}
	if got := nextHost(t, r, after); got.ARC.Status != arc.Pass {
		t.Errorf("the next host finds arc=%s (%s)\n%s", got.ARC.Status, got.ARC.Reason, after)
	}
}

// TestSealingSigned: a list that writes as itself is signed, with lines that are folded and
// fields that are added before, and a dead signature of ours that is removed. The seal
// covers all that.
func TestSealingSigned(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", signingKeys()[0], true)}}
	networks := listOf(t, addrlist.Addresses, "10.0.0.0/8")
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org",
		Signing: &policy.Signing{Options: sign.Options{Networks: networks, SignRelayed: true}, Keys: ring, AddMissing: true, MaxParallel: 1},
		Sealing: &policy.Sealing{Options: sign.SealOptions{Networks: networks}, Domain: "example.org", Selector: "new", Keys: ring},
	})
	mail := "Authentication-Results: mx.example.org; arc=none; dmarc=pass header.from=author.example\r\nFrom: Joe via list <list@example.org>\r\n" +
		"References: <" + strings.Repeat("a", 600) + "@x.example> <" + strings.Repeat("b", 600) + "@x.example>\r\nSubject: hello\r\n\r\nHi.\r\n"
	mail = ownSignature(t, mail, "new", signingKeys()[0]) + mail + "A footer.\r\n"
	e := message.Envelope{Client: listHost, Sender: message.Sender{Path: "list-bounces@example.org"}, Recipients: []string{"bob@far.example"}}
	res, v, after := arrive(t, checker, &rules.Rules{AuthservID: "mx.example.org"}, e, mail)
	if res.Signing == nil || res.Signing.Selector != "new" || res.Sealing.Reason != "" {
		t.Fatalf("signing %+v, sealing %+v", res.Signing, res.Sealing)
	}
	if len(v.Change) != 1 || len(v.Append) != 2 || len(v.Withdraw) != 1 || len(v.Insert) != 1 {
		t.Errorf("change %v, append %v, withdraw %v, insert %v", v.Change, v.Append, v.Withdraw, v.Insert)
	}
	if got := nextHost(t, r, after); got.ARC.Status != arc.Pass || len(got.DKIM) != 1 || got.DKIM[0].Status != dkim.Pass {
		t.Errorf("the next host finds arc=%s (%s), dkim=%v\n%s", got.ARC.Status, got.ARC.Reason, got.DKIM, after)
	}
}

// TestSealingDryRun: keys that are there for seals alone sign nothing while signing is only
// tried, and seal.
func TestSealingDryRun(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", signingKeys()[0], true)}}
	networks := listOf(t, addrlist.Addresses, "10.0.0.0/8")
	checker := policy.NewChecker(policy.Options{
		Resolver: r, AuthservID: "mx.example.org",
		Signing: &policy.Signing{Options: sign.Options{Networks: networks, SignRelayed: true}, Keys: ring, AddMissing: true, DryRun: true},
		Sealing: &policy.Sealing{Options: sign.SealOptions{Networks: networks}, Domain: "example.org", Selector: "new", Keys: ring},
	})
	mail := "Authentication-Results: mx.example.org; arc=none; dmarc=pass header.from=author.example\r\nFrom: Joe via list <list@example.org>\r\nSubject: hello\r\n\r\nHi.\r\n"
	e := message.Envelope{Client: listHost, Sender: message.Sender{Path: "list-bounces@example.org"}, Recipients: []string{"bob@far.example"}}
	res, _, after := arrive(t, checker, &rules.Rules{AuthservID: "mx.example.org"}, e, mail)
	if got := sealingText(res.Sealing); got != "new i=1 cv=none" || res.Signing == nil || res.Signing.DryRun == nil || res.Signing.DryRun.Outcome != result.DryRunOurs || strings.Contains(after, "DKIM-Signature") {
		t.Errorf("%s, signing %+v\n%s", got, res.Signing, after)
	}
	if got := nextHost(t, r, after); got.ARC.Status != arc.Pass || len(got.DKIM) != 0 {
		t.Errorf("the next host finds arc=%s (%s), dkim=%v", got.ARC.Status, got.ARC.Reason, got.DKIM)
	}
}

// nextHost returns what the host finds that gets the message next.
func nextHost(t *testing.T, r policy.Resolver, mail string) *result.Results {
	t.Helper()
	next := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.far.example"})
	res, _, _ := arrive(t, next, &rules.Rules{AuthservID: "mx.far.example"}, message.Envelope{Client: strangerHost}, mail)
	return res
}

// TestSealingTwice: what we sealed when it arrived is sealed again when a list hands it on,
// since the list has broken the first set.
func TestSealingTwice(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, sealZone())
	ring := &keyring{keys: []policy.SigningKey{signingKey("new", signingKeys()[0], true)}}
	checker := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.example.org", Sealing: &policy.Sealing{
		Options: sign.SealOptions{Networks: listOf(t, addrlist.Addresses, "10.0.0.0/8"), Recipients: listOf(t, addrlist.Names, "lists.example.org")},
		Domain:  "example.org", Keys: ring,
	}})
	decide := &rules.Rules{AuthservID: "mx.example.org"}
	in := message.Envelope{Client: strangerHost, Sender: message.Sender{Path: "joe@author.example"}, Recipients: []string{"list@lists.example.org"}}
	_, _, mail := arrive(t, checker, decide, in, "From: joe@author.example\r\nTo: list@lists.example.org\r\nSubject: hello\r\n\r\nHi.\r\n")
	for n := 2; n <= 4; n++ { // the second list has the first among its members, and so on
		mail = strings.Replace(mail, "\r\nSubject: ", "\r\nSubject: [list] ", 1) + "-- \r\nlist\r\n"
		var res *result.Results
		res, _, mail = arrive(t, checker, decide, message.Envelope{Client: listHost, Recipients: []string{"bob@far.example"}}, mail)
		if got := sealingText(res.Sealing); got != "new i="+string(rune('0'+n))+" cv=pass" {
			t.Fatalf("pass %d: %s", n, got)
		}
		if got := nextHost(t, r, mail); got.ARC.Status != arc.Pass || got.ARC.Instances != n || got.ARC.Sealers[0].Recorded.DMARC != "pass" {
			t.Errorf("pass %d: the next host finds %+v", n, got.ARC)
		}
	}
}
