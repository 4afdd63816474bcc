//go:build linux

package realmta_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-milter"

	"github.com/postvet/postvet/contrib/realmta"
)

// onLayout runs a case against a site that is set up like one of the files in
// contrib/postfix/signing and contrib/sendmail/signing.
func onLayout(t *testing.T, name string, play func(t *testing.T, s *realmta.Site, l *realmta.Layout)) {
	onLayoutWith(t, name, func(string) []string { return nil }, play)
}

// onLayoutWith is onLayout with further lines for each MTA.
func onLayoutWith(t *testing.T, name string, lines func(mta string) []string, play func(t *testing.T, s *realmta.Site, l *realmta.Layout)) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			dir := t.TempDir()
			// The MTA and Postvet run as other users.
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			l, err := realmta.ReadLayout(mta, name, dir)
			if err != nil {
				t.Fatal(err)
			}
			o := l.Options(mta)
			o.MTAConfig = append(o.MTAConfig, lines(mta)...)
			if mta == "Sendmail" && name == "filter" {
				o.Milter = "inet"
			}
			play(t, ownSite(t, o), l)
		})
	}
}

// author is a user of ours. earlier is a hop outside: the clients of these tests are all on
// loopback.
const (
	author  = "ann@" + realmta.Good
	earlier = "Received: from pc.example ([203.0.113.9])\r\n\tby mail." + realmta.Good + " with ESMTP id 4F1; Wed, 25 Nov 2026 10:00:00 +0000"
)

// sendAt hands in a message at an address, as a user who logs in if login is true.
func sendAt(t *testing.T, from, addr string, login bool, sender string, msg []byte, rcpt string) realmta.Reply {
	t.Helper()
	c, err := realmta.Dial(t.Context(), from, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd(t, c, 2, "EHLO "+realmta.HeloName(from))
	if login {
		if r, err := c.StartTLS(t.Context()); err != nil || r.Code != 220 {
			t.Fatalf("STARTTLS: %s %v", r, err)
		}
		cmd(t, c, 2, "EHLO client.example")
		if r, err := c.AuthPlain(realmta.User, realmta.Password); err != nil || r.Class() != 2 {
			t.Fatalf("AUTH: %s %v", r, err)
		}
	}
	return sendOn(t, c, sender, rcpt, msg)
}

// wantUnsigned waits for a message that arrives as it was sent, without a signature.
func wantUnsigned(t *testing.T, s *realmta.Site, rcpt string) []field {
	t.Helper()
	fields := delivered(t, s, rcpt)
	for _, f := range fields {
		if strings.EqualFold(f.name, "DKIM-Signature") {
			t.Errorf("signed: %q", f)
		}
	}
	return fields
}

// strangers has mail from outside arrive at an address: what the author's server sends
// is checked and not signed, and what a forger sends is refused.
func strangers(t *testing.T, s *realmta.Site, addr string) {
	t.Helper()
	rcpt := recipient(t, "outside")
	wantReply(t, sendAt(t, realmta.GoodClient, addr, false, "out@"+realmta.Good, mail(author, rcpt, earlier), rcpt), 250)
	wantResults(t, onTop(t, ourResults(wantUnsigned(t, s, rcpt))), "dmarc=pass")
	rcpt = recipient(t, "forger")
	wantReply(t, sendAt(t, realmta.Stranger, addr, false, "forger@"+realmta.Good, mail(author, rcpt), rcpt), 550)
	notDelivered(t, s, rcpt)
}

// ourResults returns the fields from our first Authentication-Results on: what a filter
// adds stands above.
func ourResults(fields []field) []field {
	for i, f := range fields {
		if strings.EqualFold(f.name, "Authentication-Results") {
			return fields[i:]
		}
	}
	return fields
}

// user has a user who has logged in send a message, and wants it signed.
func user(t *testing.T, s *realmta.Site, l *realmta.Layout) {
	t.Helper()
	if len(s.Mechanisms()) == 0 {
		t.Log("skipped: no SASL mechanism here, nobody can log in")
		return
	}
	rcpt := recipient(t, "user")
	wantReply(t, sendAt(t, realmta.Stranger, "127.0.0.1:"+l.Ports["submission"], true, author, mail(author, rcpt), rcpt), 250)
	verifySigned(t, s, rcpt)
	// The table of logins does not have another's address.
	rcpt = recipient(t, "other")
	if r := sendAt(t, realmta.Stranger, "127.0.0.1:"+l.Ports["submission"], true, author, mail("ceo@"+realmta.Bank, rcpt), rcpt); r.Class() == 2 {
		wantUnsigned(t, s, rcpt)
	}
}

// program has a program submit a message, and wants it signed.
func program(t *testing.T, s *realmta.Site) {
	t.Helper()
	rcpt := recipient(t, "program")
	if s.Name() == "Postfix" {
		if err := s.Submit(t.Context(), author, rcpt, mail(author, rcpt)); err != nil {
			t.Fatal(err)
		}
	} else { // submit.cf hands it in from loopback
		wantReply(t, sendAt(t, realmta.Exempted, s.Addr(), false, author, mail(author, rcpt), rcpt), 250)
	}
	verifySigned(t, s, rcpt)
}

func TestLayoutPlain(t *testing.T) {
	onLayout(t, "plain", func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
		strangers(t, s, s.Addr())
		user(t, s, l)
		program(t, s)
	})
}

// TestLayoutFilter has a filter change all mail between the two ports.
func TestLayoutFilter(t *testing.T) {
	onLayout(t, "filter", func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
		startFilter(t, l)
		first := s.Addr()
		if s.Name() == "Sendmail" {
			first = startFirst(t, s, l).Addr()
		}
		strangers(t, s, first)
		user(t, s, l)
		rcpt := recipient(t, "program")
		if s.Name() == "Postfix" {
			program(t, s)
			return
		}
		wantReply(t, sendAt(t, realmta.Exempted, first, false, author, mail(author, rcpt), rcpt), 250)
		verifySigned(t, s, rcpt)
	})
}

// startFilter starts the filter between the two ports.
func startFilter(t *testing.T, l *realmta.Layout) {
	t.Helper()
	f, err := realmta.StartContentFilter(l.Ports["10024"], "127.0.0.1:"+l.Ports["10025"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// startFirst starts the Sendmail in front of the filter.
func startFirst(t *testing.T, s *realmta.Site, l *realmta.Layout) *realmta.Sendmail {
	t.Helper()
	lines, err := realmta.SendmailExample(s.MilterListen())
	if err != nil {
		t.Fatal(err)
	}
	m, err := realmta.StartSendmail(t.Context(), realmta.Options{NoBox: true, Config: append(lines, l.Lines("sendmail-rx.mc")...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- the first Sendmail ---\n%s", tail(m.Log()))
		}
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestLayoutLists has a list server hand in a message of a foreign author, whom it
// has put out of From, and one whom it has not.
func TestLayoutLists(t *testing.T) {
	onLayout(t, "lists", func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
		strangers(t, s, s.Addr())
		addr := "127.0.0.1:" + l.Ports["10026"]
		received := "Received: from mail.watch.example (mail.watch.example [203.0.113.66])\r\n\tby " + realmta.AuthservID + " with ESMTP id 4F1; Wed, 25 Nov 2026 10:00:00 +0000"

		rcpt := recipient(t, "munged")
		wantReply(t, sendAt(t, realmta.Exempted, addr, false, "list-bounces@"+realmta.Good, mail("list@"+realmta.Good, rcpt, received, "Reply-To: x@"+realmta.Watch), rcpt), 250)
		verifySigned(t, s, rcpt)
		rcpt = recipient(t, "foreign")
		wantReply(t, sendAt(t, realmta.Exempted, addr, false, "list-bounces@"+realmta.Good, mail("x@"+realmta.Watch, rcpt, received), rcpt), 250)
		wantUnsigned(t, s, rcpt)

		// The same at another port is no list's.
		rcpt = recipient(t, "elsewhere")
		wantReply(t, sendAt(t, realmta.Exempted, s.Addr(), false, "list-bounces@"+realmta.Good, mail("list@"+realmta.Good, rcpt, received), rcpt), 250)
		wantUnsigned(t, s, rcpt)
	})
}

// footer is a milter that adds a field and a line to each message.
type footer struct {
	milter.NoOpMilter
	body bytes.Buffer
}

func (f *footer) MailFrom(string, *milter.Modifier) (milter.Response, error) {
	f.body.Reset()
	return milter.RespContinue, nil
}

func (f *footer) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	f.body.Write(chunk)
	return milter.RespContinue, nil
}

func (f *footer) Body(m *milter.Modifier) (milter.Response, error) {
	if err := m.AddHeader("X-Spam-Status", "No"); err != nil {
		return nil, err
	}
	return milter.RespAccept, m.ReplaceBody(append(f.body.Bytes(), "Seen by another milter.\r\n"...))
}

// startFooter starts the other milter at a port.
func startFooter(t *testing.T, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return &footer{} }, Actions: milter.OptAddHeader | milter.OptChangeBody}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(listener) }) // it ends with the listener
	t.Cleanup(func() {
		listener.Close()
		served.Wait()
	})
}

// TestLayoutRspamd has another milter change each message: before it is signed, and
// after it is checked.
func TestLayoutRspamd(t *testing.T) {
	onLayout(t, "rspamd", func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
		startFooter(t, l.Ports["11332"])
		strangers(t, s, s.Addr())
		user(t, s, l)
		if s.Name() == "Postfix" { // Sendmail's file says nothing of programs
			program(t, s)
		}
		// What the author has signed is checked before the milter changes it.
		rcpt := recipient(t, "signed")
		wantReply(t, sendAt(t, realmta.Lister, s.Addr(), false, "x@"+realmta.List, signed(t, s, mail(author, rcpt)), rcpt), 250)
		wantResults(t, onTop(t, ourResults(delivered(t, s, rcpt))), "dkim=pass", "dmarc=pass")
	})
}

// TestLayoutGateway has an inner server send mail of its own users, and pass on mail that
// came from outside.
func TestLayoutGateway(t *testing.T) {
	onLayout(t, "gateway", func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
		strangers(t, s, s.Addr())
		inside := "Received: from pc7.inner.example ([10.1.2.3])\r\n\tby exchange.inner.example with Microsoft SMTP Server id 15.2; Wed, 25 Nov 2026 10:00:00 +0000"
		outside := strings.Replace(inside, "10.1.2.3", "203.0.113.66", 1)

		rcpt := recipient(t, "inner")
		wantReply(t, sendAt(t, realmta.Lister, s.Addr(), false, author, mail(author, rcpt, inside), rcpt), 250)
		verifySigned(t, s, rcpt)
		rcpt = recipient(t, "passed")
		wantReply(t, sendAt(t, realmta.Lister, s.Addr(), false, "passed@"+realmta.Good, mail(author, rcpt, outside), rcpt), 250)
		wantUnsigned(t, s, rcpt)
		if d := decisionFrom(t, s, "passed@"+realmta.Good); d.Unsigned != "relayed-through-us" {
			t.Errorf("decision %s", d.Line)
		}
	})
}
