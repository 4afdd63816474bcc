package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
)

// Listed relays, and who connects.
var (
	testRelays, _ = addrlist.New(addrlist.Addresses, "192.0.2.0/28", "2001:db8:25::/48", "10.0.0.25")
	connected     = netip.MustParseAddr("192.0.2.1")
)

func receivedFields(values ...string) message.Header {
	var h message.Header
	for _, v := range values {
		h = append(h, message.NewField("DKIM-Signature", " v=1"), message.NewField("Received", " "+v))
	}
	return h
}

func TestLookThrough(t *testing.T) {
	t.Parallel()
	const (
		outside = "from mail.out.example (mx1.out.example [203.0.113.9]) by relay (Postfix) with ESMTP id 1; date"
		forged  = "from mail.bank.example (mail.bank.example [198.51.100.1]) by relay (Postfix) with ESMTP id 2; date"
		second  = "from relay2 (relay2 [192.0.2.2]) by relay1 (Postfix) with ESMTP id 3; date"
		filter  = "from localhost (localhost [127.0.0.1]) by relay (Postfix) with ESMTP id 4; date"
		amavis  = "from relay ([127.0.0.1]) by localhost (relay [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id 5; date"
	)
	for _, tt := range []struct {
		name   string
		header message.Header
		want   origin
	}{
		{"one relay", receivedFields(outside), origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 1}},
		{"what is below is not believed", receivedFields(outside, forged), origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 1}},
		{"two relays", receivedFields(second, outside, forged), origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 2}},
		{"a content filter on the relay", receivedFields(filter, amavis, outside, forged), origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 1}},
		{
			"Office 365",
			receivedFields("from a.prod.example (2001:db8:25::1) by b.prod.example (2001:db8:25::2) with Microsoft SMTP Server id 1; date",
				"from mail.out.example (2001:db8:9::9) by a.prod.example (10.1.1.1) with Microsoft SMTP Server id 2; date", forged),
			origin{ip: netip.MustParseAddr("2001:db8:9::9"), helo: "mail.out.example", hops: 2},
		},
		{
			"qmail writes two fields",
			receivedFields("(qmail 7 invoked from network); date", "from unknown (HELO mail.out.example) (203.0.113.9)\n  by relay with SMTP; date", forged),
			origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 1},
		},
		{"a private relay that is listed", receivedFields("from gw (gw [10.0.0.25]) by relay id 1; date", outside), origin{ip: netip.MustParseAddr("203.0.113.9"), helo: "mail.out.example", hops: 2}},

		{"no field", nil, origin{hops: 1, problem: "relay 192.0.2.1 wrote no Received field that says where it had it from"}},
		{"a private address", receivedFields("from pc (pc [10.0.0.26]) by relay id 1; date", forged), origin{hops: 1, problem: "relay 192.0.2.1 had it from 10.0.0.26, a private address that is not in trust.relays"}},
		{"a provider's shared address", receivedFields("from pc ([100.64.1.1]) by relay id 1; date", forged), origin{hops: 1, problem: "relay 192.0.2.1 had it from 100.64.1.1, a private address that is not in trust.relays"}},
		{"link-local", receivedFields("from pc ([169.254.1.1]) by relay id 1; date"), origin{hops: 1, problem: "relay 192.0.2.1 had it from 169.254.1.1, a private address that is not in trust.relays"}},
		{"no address at all", receivedFields("from pc ([0.0.0.0]) by relay id 1; date"), origin{hops: 1, problem: "relay 192.0.2.1 had it from 0.0.0.0, a private address that is not in trust.relays"}},
		{"not readable", receivedFields("from x by relay (MDaemon) id 1; date", forged), origin{hops: 1, problem: "the field of relay 192.0.2.1: no address of a client in the Received field"}},
		{"not readable at the second relay", receivedFields(second, "by relay2 with SMTP id 1; date", forged), origin{hops: 2, problem: "the field of relay 192.0.2.2: a Received field that does not name its client"}},
		{"qmail's second field is missing", receivedFields("(qmail 7 invoked from network); date"), origin{hops: 1, problem: "relay 192.0.2.1 wrote no Received field that says where it had it from"}},
		{"handed in on the relay", receivedFields("by relay (Postfix, from userid 0) id 1; date"), origin{hops: 1, problem: "the message was made on relay 192.0.2.1", inside: true}},
		{"handed in through loopback", receivedFields(filter, "(from root@localhost) by relay (8.17.1/8.17.1/Submit) id 1; date"), origin{hops: 1, problem: "the message was made on relay 192.0.2.1", inside: true}},
		{"handed in with a forged field", receivedFields("by relay (Postfix, from userid 33) id 1; date", forged), origin{hops: 1, problem: "on relay 192.0.2.1 a program handed it in again"}},
		{"a program on the relay", receivedFields(filter), origin{hops: 1, problem: "the message was made on relay 192.0.2.1", inside: true}},
		{"a bounce of the second relay", receivedFields(second, "by relay2 (Postfix) id 1; date"), origin{hops: 2, problem: "the message was made on relay 192.0.2.2", inside: true}},
		{"all hops are listed", receivedFields(second), origin{hops: 2, problem: "relay 192.0.2.2 wrote no Received field that says where it had it from"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := lookThrough(testRelays, connected, tt.header); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// A loop among relays, or a sender's hundred fields, end the walk.
func TestLookThroughIsBounded(t *testing.T) {
	t.Parallel()
	var values []string
	for i := range 100 {
		values = append(values, fmt.Sprintf("from r (r [192.0.2.%d]) by s id 1; date", i%2))
	}
	got := lookThrough(testRelays, connected, receivedFields(values...))
	if got.ip.IsValid() || got.inside || !strings.Contains(got.problem, "more than 50 hops") {
		t.Errorf("got %+v", got)
	}
}

// Whatever stands below the last field that a trusted host wrote changes nothing.
func TestLookThroughBelievesNothingBelow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var trusted []string
		for i := range rapid.IntRange(0, 4).Draw(t, "relays") {
			trusted = append(trusted, fmt.Sprintf("from r%d (r%d [192.0.2.%d]) by r (Postfix) id 1; date", i, i, i))
		}
		last := rapid.SampledFrom([]string{
			"from out (out.example [203.0.113.9]) by r (Postfix) id 1; date",
			"from pc (pc [10.1.1.1]) by r (Postfix) id 1; date",
			"by r with SMTP id 1; date",
			"from [203.0.113.9] (helo=out) by r with esmtp id 1; date",
		}).Draw(t, "last")
		below := rapid.SliceOfN(rapid.SampledFrom([]string{
			"from bank (bank [198.51.100.1]) by r (Postfix) id 1; date",
			"from r1 (r1 [192.0.2.1]) by r (Postfix) id 1; date",
			"from localhost (localhost [127.0.0.1]) by r (Postfix) id 1; date",
			"by r (Postfix, from userid 0) id 1; date",
			"(qmail 1 invoked from network); date",
		}), 0, 5).Draw(t, "below")
		chain := append(trusted, last)
		alone := lookThrough(testRelays, connected, receivedFields(chain...))
		got := lookThrough(testRelays, connected, receivedFields(append(chain, below...)...))
		if got != alone {
			t.Fatalf("%v below %v makes %+v of %+v", below, chain, got, alone)
		}
	})
}
