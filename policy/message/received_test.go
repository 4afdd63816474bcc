package message

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseReceivedFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, ip, helo string }{
		{"Postfix", "from mail.out.example (mx1.out.example [203.0.113.9])\n\tby mx.example.org (Postfix) with ESMTP id 4F1\n\tfor <u@example.org>; Wed, 25 Nov 2026 10:00:00 +0000 (UTC)", "203.0.113.9", "mail.out.example"},
		{"Postfix, no PTR", "from x (unknown [203.0.113.9]) by mx (Postfix) with SMTP id 1; date", "203.0.113.9", "x"},
		{"Postfix, IPv6", "from mail.out.example (unknown [IPv6:2001:db8::9]) by mx (Postfix) id 1; date", "2001:db8::9", "mail.out.example"},
		{"Postfix, literal as HELO", "from [198.51.100.1] (mx1.out.example [203.0.113.9]) by mx (Postfix) id 1; date", "203.0.113.9", "[198.51.100.1]"},
		{"Postfix, TLS and certificate", "from m.example (m.example [203.0.113.9])\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange X25519 server-digest SHA256)\n\t(Client CN \"m.example\", Issuer \"R3 (not really)\" (not verified))\n\tby mx (Postfix) with ESMTPS id 1; date", "203.0.113.9", "m.example"},
		{"Postfix, login", "from pc (pc.isp.example [203.0.113.9])\r\n\t(Authenticated sender: joe@example.org)\r\n\tby mx (Postfix) with ESMTPSA id 1; date", "203.0.113.9", "pc"},
		{"Postfix, HELO by", "from by (x.example [203.0.113.9]) by mx (Postfix) id 1; date", "203.0.113.9", "by"},
		{"Sendmail", "from mail.out.example (mx1.out.example [203.0.113.9])\n\tby mx (8.17.1/8.17.1) with ESMTP id 1; date", "203.0.113.9", "mail.out.example"},
		{"Sendmail, no PTR", "from mail.out.example ([203.0.113.9]) by mx (8.17.1/8.17.1) id 1; date", "203.0.113.9", "mail.out.example"},
		{"Sendmail, may be forged", "from a.example (b.example [203.0.113.9] (may be forged))\n\t(authenticated bits=0)\n\tby mx (8.17.1/8.17.1) id 1; date", "203.0.113.9", "a.example"},
		{"Sendmail, ident", "from a.example (IDENT:joe@b.example [203.0.113.9]) by mx (8.12.1/8.12.1) id 1; date", "203.0.113.9", "a.example"},
		{"Sendmail, IPv6", "from a.example ([IPv6:2001:db8:0:0:0:0:0:9]) by mx (8.17.1/8.17.1) id 1; date", "2001:db8::9", "a.example"},
		{"Exim", "from mx1.out.example ([203.0.113.9] helo=mail.out.example)\n\tby mx with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384\n\t(Exim 4.96) (envelope-from <a@out.example>) id 1; date", "203.0.113.9", "mail.out.example"},
		{"Exim, HELO is the name", "from mx1.out.example ([203.0.113.9]) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "mx1.out.example"},
		{"Exim, port", "from mx1.out.example ([203.0.113.9]:40112 helo=mail.out.example) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "mail.out.example"},
		{"Exim, ident", "from mx1.out.example ([203.0.113.9] helo=a ident=joe) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "a"},
		{"Exim, no PTR", "from [203.0.113.9] (helo=mail.out.example) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "mail.out.example"},
		{"Exim, no PTR, port", "from [203.0.113.9] (port=40112 helo=mail.out.example) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "mail.out.example"},
		{"Exim, no PTR, literal as HELO", "from [203.0.113.9] (port=40112 helo=[198.51.100.1]) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "[198.51.100.1]"},
		{"Exim, no PTR, no HELO", "from [203.0.113.9] (port=40112) by mx with esmtp (Exim 4.96) id 1; date", "203.0.113.9", "[203.0.113.9]"},
		{"Exim, IPv6", "from mx1.out.example ([2001:db8::9]:40112 helo=a) by mx with esmtp (Exim 4.96) id 1; date", "2001:db8::9", "a"},
		{"Exchange", "from mail.out.example (203.0.113.9) by EX1.corp.example (10.0.0.4) with\n Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.2.1; date", "203.0.113.9", "mail.out.example"},
		{"Exchange 2003", "from mail.out.example ([203.0.113.9]) by ex.corp.example with Microsoft SMTPSVC(6.0.3790.4675);\n\t date", "203.0.113.9", "mail.out.example"},
		{"Office 365", "from mail.out.example (203.0.113.9) by\n AB1EUR05FT003.mail.protection.outlook.com (10.233.240.1) with Microsoft SMTP\n Server (version=TLS1_3, cipher=X) id 15.20.1 via Frontend Transport; date", "203.0.113.9", "mail.out.example"},
		{"Office 365, within", "from AM6PR01.eurprd01.prod.exchangelabs.com (2603:10a6:20b:e3::15) by\n DB9PR04.eurprd04.prod.outlook.com (2603:10a6:10:1::2) with Microsoft SMTP Server id 1; date", "2603:10a6:20b:e3::15", "AM6PR01.eurprd01.prod.exchangelabs.com"},
		{"Gmail", "from mail.out.example (mx1.out.example. [203.0.113.9])\n        by mx.google.com with ESMTPS id a1si1.2026.11.25; date", "203.0.113.9", "mail.out.example"},
		{"Gmail, IPv6, no PTR", "from mail.out.example ([2001:db8::9])\n        by mx.google.com with ESMTPS id a1; date", "2001:db8::9", "mail.out.example"},
		{"qmail", "from mx1.out.example (HELO mail.out.example) (203.0.113.9)\n  by mx.example.org with SMTP; 25 Nov 2026 10:00:00 -0000", "203.0.113.9", "mail.out.example"},
		{"qmail, ident", "from unknown (HELO a) (joe@x@203.0.113.9) by mx with SMTP; date", "203.0.113.9", "a"},
		{"qmail, HELO is the name", "from mx1.out.example (203.0.113.9) by mx with SMTP; date", "203.0.113.9", "mx1.out.example"},
		{"IronPort", "from unknown (HELO mail.out.example) ([203.0.113.9])\n  by esa.example.org with ESMTP/TLS/ECDHE; date", "203.0.113.9", "mail.out.example"},
		{"CommuniGate", "from [203.0.113.9] (HELO mail.out.example)\n  by cgp.example.org (CommuniGate Pro SMTP 6.2) with ESMTP id 1; date", "203.0.113.9", "mail.out.example"},
		{"CommuniGate, verified", "from mail.out.example ([203.0.113.9] verified) by cgp (CommuniGate Pro SMTP 6.2) id 1; date", "203.0.113.9", "mail.out.example"},
		{"OpenSMTPD, no PTR", "from a.example (<unknown> [203.0.113.9])\n\tby mx.example.org (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:X:256:NO); date", "203.0.113.9", "a.example"},
		{"Courier", "from a.example ([::ffff:203.0.113.9])\n  (TLS: TLSv1.3,256bits,X)\n  by mx.example.org with ESMTPS; date", "203.0.113.9", "a.example"},
		{"Proofpoint, within", "from pps.filterd (m0001.ppops.net [127.0.0.1])\n\tby m0001.ppops.net (8.18.1.2/8.18.1.2) with ESMTP id 1; date", "127.0.0.1", "pps.filterd"},
		{"mapped address", "from a.example (b.example [::ffff:203.0.113.9]) by mx; date", "203.0.113.9", "a.example"},
		{"folds and comments everywhere", "\r\n\tFROM\r\n\ta.example\r\n\t( b.example\r\n\t [203.0.113.9] )\r\n\tBY mx; date", "203.0.113.9", "a.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ParseReceived(NewField("Received", " "+tt.value))
			if r.Problem != "" || r.IP != netip.MustParseAddr(tt.ip) || r.Helo != tt.helo || r.Local || r.Relayed {
				t.Errorf("got %+v, want %s and HELO %s", r, tt.ip, tt.helo)
			}
		})
	}
}

func TestParseReceivedWithoutClient(t *testing.T) {
	t.Parallel()
	local, relayed := Received{Local: true}, Received{Relayed: true}
	for _, tt := range []struct {
		name, value string
		want        Received
	}{
		{"Postfix", "by mx.example.org (Postfix, from userid 1000)\n\tid 4F1; date", local},
		{"Postfix's notice", "by mx.example.org (Postfix)\n\tid 4F1; date", local},
		{"Sendmail's notice", "from localhost (localhost)\n\tby mx.example.org (8.17.1/8.17.1) id 1;\n\tdate", local},
		{"Sendmail", "(from root@localhost)\n\tby mx.example.org (8.17.1/8.17.1/Submit) id 1;\n\tdate", local},
		{"Exim", "from joe by mx.example.org with local (Exim 4.96)\n\t(envelope-from <joe@example.org>) id 1; date", local},
		{"Exim, without user", "by mx.example.org with local (Exim 4.96) id 1; date", local},
		{"qmail", "(qmail 1234 invoked by uid 1000); 25 Nov 2026 10:00:00 -0000", local},
		{"qmail, bounce", "(qmail 1234 invoked for bounce); 25 Nov 2026 10:00:00 -0000", local},
		{"qmail, network", "(qmail 1234 invoked from network); 25 Nov 2026 10:00:00 -0000", relayed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if r := ParseReceived(NewField("Received", " "+tt.value)); r != tt.want {
				t.Errorf("got %+v, want %+v", r, tt.want)
			}
		})
	}
}

// TestParseReceivedHostile checks that a field in doubt names no client.
// 6.6.6.6 is the address that an attacker at 203.0.113.9 pretends to have.
func TestParseReceivedHostile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value string }{
		{"empty", ""},
		{"blanks", " \r\n\t "},
		{"no by", "from a (b [6.6.6.6]); date"},
		{"no address", "from a by mx (MDaemon PRO v9) with ESMTP id 1; date"},
		{"Gmail's own hops name no client", "by 2002:a05:6402:1234:b0:123:4567:89ab with SMTP id x1csp1; date"},
		{"Postfix without from", "by mx.example.org (Postfix) with ESMTP id 1; date"},
		{"HELO is all", "from [6.6.6.6] by mx with ESMTP id 1; date"},
		{"HELO with a comment", "from a (good.example [6.6.6.6]) (x.example [203.0.113.9]) by mx; date"},
		{"HELO ends the comment", "from a ([6.6.6.6]) by mx; (x [203.0.113.9]) by mx; date"},
		{"HELO comment in HELO", "from x (HELO a) ([6.6.6.6]) ([203.0.113.9]) by mx; date"},
		{"two HELO comments", "from x (203.0.113.9) (HELO a) by mx; date"},
		{"two brackets", "from a ([6.6.6.6] [203.0.113.9]) by mx; date"},
		{"PTR is a literal", "from a ([6.6.6.6].x [203.0.113.9]) by mx; date"},
		{"name in a name", "from a (x[6.6.6.6] [203.0.113.9]) by mx; date"},
		{"name with a blank", "from a (good from [6.6.6.6]) by mx; date"},
		{"ident of Exim with an address", "from [203.0.113.9] (ident=x [6.6.6.6]) by mx with esmtp; date"},
		{"ident of Exim ends the comment", "from [203.0.113.9] (ident=x) ([6.6.6.6]) by mx with esmtp; date"},
		{"empty ident of Exim", "from [203.0.113.9] (ident=) (good.example [6.6.6.6]) by mx with esmtp; date"},
		{"ident of Exim with a blank", "from [203.0.113.9] (port=9 ident=a b) (x [6.6.6.6]) by mx with esmtp; date"},
		{"attributes in a name", "from [6.6.6.6] (helo=x [203.0.113.9]) by mx; date"},
		{"attributes later", "from [6.6.6.6] (x) (helo=y) by mx; date"},
		{"certificate with an address", "from a (b [203.0.113.9]) (Client CN \"x [6.6.6.6]\", Issuer \"y\" (not verified)) by mx; date"},
		{"address and more words", "from a b ([6.6.6.6]) by mx; date"},
		{"NUL", "from a (b [6.6.6.6\x00]) by mx; date"},
		{"NUL in HELO", "from a\x00 (b [6.6.6.6]) by mx; date"},
		{"8-bit", "from \xc3\xa9 (b [6.6.6.6]) by mx; date"},
		{"backslash", "from a (b\\) [6.6.6.6]) by mx; date"},
		{"quotes", "from \"a\" (b [6.6.6.6]) by mx; date"},
		{"parentheses in a word", "from a(x) (b [6.6.6.6]) by mx; date"},
		{"comment without end", "from a (b [6.6.6.6] by mx; date"},
		{"comment without begin", "from a) (b [6.6.6.6]) by mx; date"},
		{"nested comments", "from a (((((b [6.6.6.6]))))) by mx; date"},
		{"address within a comment's comment", "from a (b (c [6.6.6.6])) by mx; date"},
		{"zone", "from a (b [fe80::1%eth0]) by mx; date"},
		{"IPv6: before IPv4", "from a (b [IPv6:6.6.6.6]) by mx; date"},
		{"octal", "from a (b [06.06.06.06]) by mx; date"},
		{"prefix", "from a (b [6.6.6.0/24]) by mx; date"},
		{"no bracket's end", "from a (b [6.6.6.6) by mx; date"},
		{"port that is none", "from a ([6.6.6.6]:x1) by mx; date"},
		{"semicolon", "from a; (b [6.6.6.6]) by mx; date"},
		{"user named by the recipient", "by mx with SMTP id 1 for <\" with local \"@example.org>; date"},
		{"submit named by HELO", "from a/Submit (x) by mx; date"},
		{"qmail in a HELO", "from (qmail 1 invoked from network) by mx; date"},
		{"qmail and more", "(qmail 1 invoked from network) (x); date"},
		{"long HELO", "from " + strings.Repeat("a", 256) + " (b [6.6.6.6]) by mx; date"},
		{"far away", "from a (" + strings.Repeat("x ", 3000) + ") (b [6.6.6.6]) by mx; date"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ParseReceived(NewField("Received", " "+tt.value))
			if r.Problem == "" || r.IP.IsValid() || r.Helo != "" || r.Local || r.Relayed {
				t.Errorf("got %+v, want a problem alone", r)
			}
		})
	}
}

// FuzzParseReceived checks that the text that a client chooses cannot change
// the address that its relay names. Postfix and Sendmail put the address last.
func FuzzParseReceived(f *testing.F) {
	for _, s := range []string{"mail.example", "[6.6.6.6]", "a (b [6.6.6.6])", "a) ([6.6.6.6]) (", "helo=x", "by", "from", "(HELO x)", "qmail 1 invoked from network", "x\x00", "(", "a ([6.6.6.6]) by mx"} {
		f.Add(s, "host.example")
		f.Add("helo.example", s)
	}
	client := netip.MustParseAddr("203.0.113.9")
	f.Fuzz(func(t *testing.T, helo, name string) {
		check := func(r Received) {
			t.Helper()
			if r.Problem == "" && !r.IP.IsValid() && !r.Local && !r.Relayed {
				t.Fatalf("neither client nor problem: %+v", r)
			}
			if r.Problem != "" && (r.IP.IsValid() || r.Helo != "" || r.Local || r.Relayed) || r.Local && r.Relayed || len(r.Helo) > maxReceived {
				t.Fatalf("a client and a problem: %+v", r)
			}
		}
		check(ParseReceived(Field{Name: "Received", Raw: "Received:" + helo}))
		check(ParseReceived(NewField("Received", " (qmail "+helo)))
		r := ParseReceived(NewField("Received", " from "+helo+" ("+name+" [203.0.113.9]) by mx.example (Postfix) with ESMTP id 1; date"))
		check(r)
		// MTAs allow no blanks and parentheses in a HELO and a host name.
		if !strings.ContainsAny(helo+name, " \t\r\n();\\\"") && helo != "" && r.Problem == "" && r.IP != client {
			t.Fatalf("HELO %q and name %q make it %v", helo, name, r.IP)
		}
	})
}
