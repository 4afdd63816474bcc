package message

import "testing"

func TestReceivedLogin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value, protocol, user string
		authenticated               bool
	}{
		{"Postfix", "from pc (pc.isp.example [203.0.113.9])\n\tby mx.example.org (Postfix) with ESMTPSA id 1; date", "ESMTPSA", "", true},
		{"Postfix, named", "from pc (pc.isp.example [203.0.113.9])\n\t(using TLSv1.3 with cipher X (256/256 bits))\n\t(No client certificate requested)\n\t(Authenticated sender: joe@example.org)\n\tby mx (Postfix) with ESMTPSA id 1; date", "ESMTPSA", "joe@example.org", true},
		{"Postfix, not logged in", "from a (b [203.0.113.9]) by mx (Postfix) with ESMTPS id 1; date", "ESMTPS", "", false},
		{"Postfix, SMTPUTF8", "from a (b [203.0.113.9]) by mx (Postfix) with UTF8SMTPSA id 1; date", "UTF8SMTPSA", "", true},
		{"Sendmail", "from a (b [203.0.113.9] (may be forged))\n\t(authenticated bits=0)\n\tby mx (8.17.1/8.17.1) with ESMTP id 1; date", "ESMTP", "", true},
		{"Sendmail, no strength", "from a (b [203.0.113.9])\n\t(authenticated)\n\tby mx (8.17.1/8.17.1) with ESMTPA id 1; date", "ESMTPA", "", true},
		{"Exim", "from [203.0.113.9] (helo=pc)\n\tby mx with esmtpsa (TLS1.3) tls X\n\t(Exim 4.96)\n\t(envelope-from <a@x.example>)\n\tid 1; date", "ESMTPSA", "", true},
		{"Exim, a name", "from pc.isp.example ([203.0.113.9] helo=pc) by mx with esmtpa (Exim 4.96) id 1; date", "ESMTPA", "", true},
		{"LMTP", "from mx (mx [203.0.113.9]) by mx with LMTPSA id 1; date", "LMTPSA", "", true},
		{"nothing behind", "from a (b [203.0.113.9]) by mx with LMTPA; date", "LMTPA", "", true},
		{"nothing but the host", "from a (b [203.0.113.9]) by mx; date", "", "", false},
		{"no protocol", "from a (b [203.0.113.9]) by mx (Postfix) id 1; date", "", "", false},

		{"in the client's name", "from a (authenticated [203.0.113.9]) by mx with ESMTP id 1; date", "ESMTP", "", false},
		{"in a recipient", "from a (b [203.0.113.9]) by mx id 1 for <with> with ESMTPA; date", "", "", false},
		{"in a HELO", "from ESMTPA (b [203.0.113.9]) by mx with ESMTP id with ESMTPA; date", "ESMTP", "", false},
		{"in a comment", "from a (b [203.0.113.9]) (Client CN x, Authenticated sender: joe) by mx (with ESMTPA) with ESMTP id 1; date", "ESMTP", "", false},
		{"a word that only begins so", "from a (b [203.0.113.9]) (authenticatedly) by mx with ESMTPAX id 1; date", "ESMTPAX", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := NewField("Received", " "+tt.value)
			r := ParseReceived(f)
			if r.IP.String() != "203.0.113.9" || r.Authenticated != tt.authenticated || r.User != tt.user {
				t.Errorf("got %+v", r)
			}
			if got := ReceivedProtocol(f); got != tt.protocol {
				t.Errorf("protocol %q, want %q", got, tt.protocol)
			}
		})
	}
}
