package mailbox

import (
	"strings"
	"testing"
)

// TestLastHop is about the Received fields that a delivered message has on top.
func TestLastHop(t *testing.T) {
	t.Parallel()
	const (
		outside  = "Received: from mail.out.example (mx1.out.example [203.0.113.9])\n\tby mx.here.example (Postfix) with ESMTP id 1\n\tfor <bob@here.example>; Fri, 1 May 2026 14:00:00 +0200 (CEST)\n"
		earlier  = "Received: from pc (pc [198.51.100.7]) by mail.out.example with ESMTPSA id 0; date\n"
		filter   = "Received: from localhost (localhost [127.0.0.1])\n\tby mx.here.example (Postfix) with ESMTP id 2; Fri, 1 May 2026 14:00:01 +0200\n"
		amavis   = "Received: from mx.here.example ([127.0.0.1])\n\tby localhost (amavis [127.0.0.1]) (port 10024) with ESMTP id 3; date\n"
		dovecot  = "Received: from mx.here.example\n\tby mx.here.example with LMTP id abc\n\t(envelope-from <ann@out.example>)\n\tfor <bob@here.example>; date\n"
		cyrus    = "Received: from mx.here.example ([unix socket])\n\t by mx.here.example (Cyrus 3.6) with LMTPA; date\n"
		qmail    = "Received: (qmail 1234 invoked from network); 25 Nov 2026 10:00:00 -0000\n"
		smtpd    = "Received: from mx1.out.example (HELO mail.out.example) (203.0.113.9)\n  by mx.here.example with SMTP; 25 Nov 2026 10:00:00 -0000\n"
		exim     = "Received: from [203.0.113.9] (helo=mail.out.example)\n\tby mx.here.example with esmtp (Exim 4.96) id 1; date\n"
		loggedIn = "Received: from pc (pc.isp.example [203.0.113.9])\n\t(authenticated bits=0)\n\tby mx.here.example (8.17.1/8.17.1) with ESMTPSA id 1; date\n"
		named    = "Received: from pc (pc.isp.example [203.0.113.9])\n\t(Authenticated sender: joe)\n\tby mx.here.example (Postfix) with ESMTPSA id 1; date\n"
		local    = "Received: by mx.here.example (Postfix, from userid 1000) id 1; date\n"
		strange  = "Received: from x by mx.here.example with ESMTP id 1; date\n"
	)
	for _, tt := range []struct {
		name, header         string
		ip, helo, user, note string
		left                 int // Received fields
	}{
		{"one hop", outside + earlier, "203.0.113.9", "mail.out.example", "", "", 1},
		{"a content filter", filter + amavis + outside + earlier, "203.0.113.9", "mail.out.example", "", "", 1},
		{"Dovecot by LMTP", dovecot + outside + earlier, "203.0.113.9", "mail.out.example", "", "", 1},
		{"Cyrus by LMTP", cyrus + filter + outside, "203.0.113.9", "mail.out.example", "", "", 0},
		{"qmail", qmail + smtpd + earlier, "203.0.113.9", "mail.out.example", "", "", 1},
		{"Exim", exim, "203.0.113.9", "mail.out.example", "", "", 0},
		{"logged in, as Sendmail says it", loggedIn + earlier, "203.0.113.9", "pc", "(not named)", "", 1},
		{"logged in with a name", dovecot + named, "203.0.113.9", "pc", "joe", "", 0},
		{"logged in on another host", outside + loggedIn, "203.0.113.9", "mail.out.example", "", "", 1},
		{"a program on this host", filter, "127.0.0.1", "localhost", "", "", 0},
		{"a program that had it from another", filter + local, "127.0.0.1", "localhost", "", "", 1},
		{"submitted here", local + outside, "", "", "", "field 1 of Received names no client: the message was submitted on that host", 2},
		{"not known", strange + outside, "", "", "", "field 1 of Received names no client: no address of a client in the Received field", 2},
		{"not known behind a filter", filter + strange, "", "", "", "field 2 of Received names no client: no address of a client in the Received field", 2},
		{"none", "", "", "", "", "", 0},
		{"nothing but LMTP", dovecot, "", "", "", "", 1},
		{"a loop", strings.Repeat(filter, 60), "", "", "", "more than 50 Received fields of this host", 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			box, err := NewReader(strings.NewReader("Return-Path: <>\n"+tt.header+"From: x\n\n"), "test")
			if err != nil {
				t.Fatal(err)
			}
			m, err := box.Next()
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.TakeEnvelope(true)
			if err != nil {
				t.Fatal(err)
			}
			ip := ""
			if e.Client.IP.IsValid() {
				ip = e.Client.IP.String()
			}
			if ip != tt.ip || e.Helo != tt.helo || e.Sender.User != tt.user || e.Sender.Unknown || strings.Join(m.Notes, "") != tt.note {
				t.Errorf("%+v, notes %q", e, m.Notes)
			}
			if n := m.Header.Count("Received"); n != tt.left {
				t.Errorf("%d Received fields are left, want %d", n, tt.left)
			}
		})
	}
}
