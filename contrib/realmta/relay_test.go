//go:build linux

package realmta_test

import (
	"net"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// relayAddress is the address of a relay. outsider is an address of the
// Internet that no SPF record names.
const (
	relayAddress = "127.0.0.25"
	outsider     = "198.51.100.66"
)

// listed lists the relay. The section policy is the last one of a site's
// configuration, so that another section may follow.
var listed = []string{"[trust]", `relays = ["` + relayAddress + `"]`}

// startRelay starts a Postfix that forwards all mail for our domain to the
// site.
func startRelay(t *testing.T, s *realmta.Site) *realmta.Postfix {
	t.Helper()
	need(t, "Postfix")
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	p, err := realmta.StartPostfix(t.Context(), realmta.Options{NoAuth: true, Config: []string{
		"virtual_mailbox_domains =",
		"relay_domains = " + realmta.Domain,
		"relay_transport = smtp:[127.0.0.1]:" + port,
		"smtp_bind_address = " + relayAddress,
		"smtpd_authorized_xclient_hosts = 127.0.0.0/8",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- relay ---\n%s", tail(p.Log()))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// sendThrough hands a message to the relay as a client at ip.
func sendThrough(t *testing.T, relay *realmta.Postfix, ip, helo, from, rcpt string, msg []byte) {
	t.Helper()
	c, err := realmta.Dial(t.Context(), realmta.GoodClient, relay.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd(t, c, 2, "EHLO test")
	if r, err := c.XClient(ip, helo); err != nil || r.Class() != 2 {
		t.Fatalf("XCLIENT: %v %v", r, err)
	}
	wantReply(t, sendOn(t, c, from, rcpt, msg), 250)
}

// decisionFrom waits for the decision about a sender's message.
func decisionFrom(t *testing.T, s *realmta.Site, from string) realmta.Decision {
	t.Helper()
	d, err := s.Postvet.AwaitDecision(t.Context(), func(d realmta.Decision) bool { return strings.Contains(d.From, from) })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRelayInFront has a backup MX in front of our MTA forward the mail of a
// domain's own server, and that of a forger.
func TestRelayInFront(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: listed}, func(t *testing.T, s *realmta.Site) {
		relay := startRelay(t, s)
		named := "Received: from mail." + realmta.Good + " (mail." + realmta.Good + " [" + realmta.GoodOutside + "])\r\n\tby relay.example (Postfix) with ESMTP id 4F1; Wed, 25 Nov 2026 10:00:00 +0000"

		rcpt := recipient(t, "honest")
		from := "honest@" + realmta.Good
		sendThrough(t, relay, realmta.GoodOutside, "mail."+realmta.Good, from, rcpt, mail(from, rcpt))
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=pass", "smtp.mailfrom="+realmta.Good, "dmarc=pass", "policy.iprev="+realmta.GoodOutside)
		if d := decisionFrom(t, s, from); d.Client != realmta.GoodOutside || d.Relay != relayAddress || d.Hidden != "" {
			t.Errorf("decision %s", d.Line)
		}

		// The forger names the domain's server in a Received field and in HELO.
		rcpt = recipient(t, "spoof")
		from = "spoof@" + realmta.Good
		sendThrough(t, relay, outsider, "["+realmta.GoodOutside+"]", from, rcpt, mail(from, rcpt, named))
		if d := decisionFrom(t, s, from); d.Action != "reject" || d.Code != "550 5.7.26" || d.Client != outsider || d.Relay != relayAddress {
			t.Errorf("decision %s", d.Line)
		}
		eventually(t, "the relay returns the forgery", func() bool { return strings.Contains(relay.Log(), "550 5.7.26") })
		notDelivered(t, s, rcpt)

		// A message that the relay made itself has no client. It is not refused
		// for that, and does not pass.
		rcpt = recipient(t, "own")
		from = "own@" + realmta.Good
		if err := relay.Submit(t.Context(), from, rcpt, mail(from, rcpt)); err != nil {
			t.Fatal(err)
		}
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "spf=none", "dmarc=temperror")

		// The same with a Received field that the user wrote: its author is
		// unknown.
		rcpt = recipient(t, "forged")
		from = "forged@" + realmta.Good
		if err := relay.Submit(t.Context(), from, rcpt, mail(from, rcpt, named)); err != nil {
			t.Fatal(err)
		}
		if d := decisionFrom(t, s, from); d.Action != "tempfail" || d.Client != "" || d.Hidden == "" {
			t.Errorf("decision %s", d.Line)
		}
		notDelivered(t, s, rcpt)
	})
}

// TestRelayNotListed: without the list, SPF evaluates the relay.
func TestRelayNotListed(t *testing.T) {
	onOwn(t, realmta.SiteOptions{}, func(t *testing.T, s *realmta.Site) {
		relay := startRelay(t, s)
		rcpt := recipient(t, "honest")
		from := "unlisted@" + realmta.Good
		sendThrough(t, relay, realmta.GoodOutside, "mail."+realmta.Good, from, rcpt, mail(from, rcpt))
		if d := decisionFrom(t, s, from); d.Action != "reject" || d.Client != relayAddress || d.Relay != "" {
			t.Errorf("decision %s", d.Line)
		}
		notDelivered(t, s, rcpt)
	})
}

// TestMonitorOneListener enforces, except at the MTA's listener, which is named
// by its own name and by ours. One domain is enforced there too.
func TestMonitorOneListener(t *testing.T) {
	for name, key := range map[string]string{"daemon": `monitor_listeners = ["MTA", "mx.test.example"]`, "domain": `enforce_domains = ["` + realmta.Bank + `"]`} {
		t.Run(name, func(t *testing.T) {
			lines := []string{key}
			if name == "domain" {
				lines = append(lines, `monitor_domains = [".example"]`)
			}
			onOwn(t, realmta.SiteOptions{Policy: lines}, func(t *testing.T, s *realmta.Site) {
				rcpt := recipient(t, name)
				reply := send(t, s, realmta.Stranger, "x@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt))
				if name == "domain" {
					wantReply(t, reply, 550)
					rcpt = recipient(t, "other")
					wantReply(t, send(t, s, realmta.Stranger, "x@"+realmta.Good, rcpt, mail("ceo@"+realmta.Good, rcpt)), 250)
				} else {
					wantReply(t, reply, 250)
				}
				wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=fail")
			})
		})
	}
}

// TestSenderDomain has mail of a domain that does not exist, and of one that
// accepts no mail.
func TestSenderDomain(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{`sender_domain = "reject"`}}, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "gone")
		for from, want := range map[string]string{"x@nowhere.example": "5.1.8 ", "x@" + realmta.NullMX: "5.7.27 "} {
			reply := send(t, s, realmta.Stranger, from, rcpt, mail(from, rcpt))
			wantReply(t, reply, 550)
			if !strings.HasPrefix(reply.Text, want) {
				t.Errorf("%s: reply %q, want %s", from, reply, want)
			}
		}
		notDelivered(t, s, rcpt)
		rcpt = recipient(t, "dark")
		wantReply(t, send(t, s, realmta.Stranger, "x@"+realmta.Broken, rcpt, signed(t, s, mail("alice@"+realmta.Good, rcpt))), 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "x-return-mx=temperror")
	})
}
