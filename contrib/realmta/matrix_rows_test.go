//go:build linux

package realmta_test

import "strings"

const (
	mime8 = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit"
	grüße = "Viele Grüße\r\n"
)

// What breaks with both MTAs, and the words of the findings.
var (
	reencoded = map[string]string{"Postfix": "a signed message with 8-bit text is encoded anew", "Sendmail": "a signed message with 8-bit text"}
	// Postvet writes addresses as Sendmail does, but not all.
	oddAddress = map[string]string{"Sendmail": "Sendmail completes addresses without a domain"}
	longLines  = map[string]string{"Postfix": "Postfix breaks lines of a body above 998 octets", "Sendmail": "Sendmail breaks lines of a body above 990 octets"}
)

// matrix are the messages that each MTA relays.
var matrix = []row{
	{name: "plain", body: "Hello.\r\n"},
	{name: "plain-to-7bit", to: seven, body: "Hello.\r\n"},
	{name: "8bit", header: []string{mime8}, body: grüße, parameters: " BODY=8BITMIME"},
	{name: "8bit-to-7bit", to: seven, header: []string{mime8}, body: grüße, parameters: " BODY=8BITMIME", breaks: reencoded},
	{name: "8bit-undeclared", header: []string{mime8}, body: grüße},
	{name: "8bit-undeclared-to-7bit", to: seven, header: []string{mime8}, body: grüße, breaks: reencoded},
	{name: "8bit-no-mime", body: grüße},
	{name: "8bit-no-mime-to-7bit", to: seven, body: grüße},
	{name: "8bit-header", header: []string{"Subject: Grüße", mime8}, body: grüße},
	{name: "8bit-header-to-7bit", to: seven, header: []string{"Subject: Grüße"}, body: "Hello.\r\n"},
	{name: "quoted-printable", to: seven, header: []string{"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"}, body: "Viele Gr=C3=BC=C3=9Fe =\r\nund mehr=20\r\n"},
	{name: "base64", to: seven, header: []string{"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64"}, body: "VmllbGUgR3LDvMOfZQ0K\r\n"},
	{name: "empty-body"},
	{name: "no-line-end", body: "Hello."},
	{name: "trailing-blanks", body: "Hello. \t \r\n \r\n  two  \r\n\r\n\r\n"},
	{name: "dots", body: ".\r\n..\r\n...three\r\n. .\r\nFrom here\r\n>From there\r\n"},
	{name: "controls", body: "a\tb\x0cc\x1b[0m\x7f\r\n"},
	{name: "long-references", header: []string{"References: <" + strings.Repeat("a", 600) + "@x.example> <" + strings.Repeat("b", 600) + "@x.example>"}, body: "Hello.\r\n"},
	{name: "long-id", header: []string{"References: <" + strings.Repeat("a", 1100) + "@x.example>"}, body: "Hello.\r\n"},
	{name: "id-990", header: []string{"References: <a@b>\r\n <" + strings.Repeat("a", 977) + "@x.example>"}, body: "Hello.\r\n"},
	{name: "id-998", header: []string{"References: <a@b>\r\n <" + strings.Repeat("a", 985) + "@x.example>"}, body: "Hello.\r\n"},
	{name: "long-unbroken-subject", header: []string{"Subject: " + strings.Repeat("x", 1100)}, body: "Hello.\r\n", breaks: longLines},
	{name: "long-unsigned", header: []string{"X-Long: " + strings.Repeat("a", 1500)}, body: "Hello.\r\n"},
	{name: "long-subject", header: []string{"Subject: " + strings.Repeat("long ", 300)}, body: "Hello.\r\n"},
	{name: "body-990", body: strings.Repeat("x", 990) + "\r\n"},
	{name: "body-998", body: strings.Repeat("x", 998) + "\r\n", breaks: map[string]string{"Sendmail": "Sendmail breaks lines of a body above 990 octets"}},
	{name: "body-999", body: strings.Repeat("x", 999) + "\r\n", breaks: longLines},
	{name: "bare", header: []string{"From: " + author, "Subject: bare"}, bare: true, body: "Hello.\r\n"},
	{name: "no-to", header: []string{"From: " + author, "Subject: bare", "Date: Sun, 29 Nov 2026 06:00:00 +0000", "Message-ID: <x@y.example>"}, bare: true, body: "Hello.\r\n"},
	{name: "bcc", header: []string{"Bcc: secret@x.example"}, body: "Hello.\r\n"},
	{name: "bcc-only", header: []string{"From: " + author, "Bcc: {rcpt}", "Subject: bcc"}, bare: true, body: "Hello.\r\n"},
	{name: "to-unspaced", header: []string{"To: a@x.example,b@y.example"}, body: "Hello.\r\n"},
	{name: "to-spaced", header: []string{"To: a@x.example, b@y.example"}, body: "Hello.\r\n"},
	{name: "to-wide", header: []string{"To:  a@x.example  ,\r\n\t b@y.example"}, body: "Hello.\r\n"},
	{name: "to-comment", header: []string{"To: a@x.example (a comment), \"Last, First\" <b@y.example>"}, body: "Hello.\r\n"},
	{name: "to-group", header: []string{"To: undisclosed-recipients:;"}, body: "Hello.\r\n"},
	{name: "to-group-members", header: []string{"To: friends: a@x.example, b@y.example;"}, body: "Hello.\r\n"},
	{name: "from-comment", header: []string{"From: " + author + " (Ann)"}, body: "Hello.\r\n"},
	{name: "from-bare", header: []string{"From: " + author}, body: "Hello.\r\n"},
	{name: "from-tight", header: []string{"From:Ann<" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-quoted", header: []string{"From: \"Ann, of old\" <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-encoded", header: []string{"From: =?utf-8?q?J=C3=B6rg?=\r\n <" + author + ">"}, body: "Hello.\r\n"},
	{name: "to-empty-elements", header: []string{"To: ,a@x.example,, b@y.example,"}, body: "Hello.\r\n"},
	{name: "to-upper", header: []string{"To: <A.B@X.EXAMPLE>,  \"C\"<c@y.example>"}, body: "Hello.\r\n"},
	{name: "to-semicolons", header: []string{"To: a@x.example; b@y.example"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-route", header: []string{"To: <@r.example:a@x.example>"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-inner-blanks", header: []string{"To: a @ x.example, Ann  of   old  < b@y.example >"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-8bit", header: []string{"To: Jörg <a@x.example>,b@y.example"}, body: "Hello.\r\n"},
	{name: "to-open-quote", header: []string{"To: \"open <a@x.example>, b@y.example"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-open-comment", header: []string{"To: (open <a@x.example>, b@y.example"}, body: "Hello.\r\n"},
	{name: "to-literal", header: []string{"To: a@[192.0.2.1],b@y.example."}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-percent", header: []string{"To: a%x.example@y.example, x!y, \"quoted local\"@x.example"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-phrase-dots", header: []string{"To: J. R. Doe <a@x.example>, Dr. <b@y.example>"}, body: "Hello.\r\n"},
	{name: "to-text", header: []string{"To: all of you"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-folded-odd", header: []string{"To: Ann\r\n  <a@x.example>\r\n ,b@y.example"}, body: "Hello.\r\n"},
	{name: "cc-many-unspaced", header: []string{"Cc: " + strings.TrimSuffix(strings.Repeat("somebody.with.a.name@department.example,", 60), ",")}, body: "Hello.\r\n"},
	{name: "from-apostrophe", header: []string{"From: Ann O'Neill <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-apostrophe-quoted", header: []string{"From: \"Ann O'Neill\" <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-encoded-dot", header: []string{"From: =?utf-8?q?J._R=C3=B6?= <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-encoded-mixed", header: []string{"From: =?utf-8?q?J=C3=B6rg?= O'Neill <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-dot-8bit", header: []string{"From: Dr. J\u00f6rg <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-comment-in-phrase", header: []string{"From: Ann (B. C.) Doe <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-partly-quoted", header: []string{"From: \"Ann\" O'Neill <" + author + ">"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "to-at", header: []string{"To: ann@x.example <ann@x.example>"}, body: "Hello.\r\n"},
	{name: "to-at-quoted", header: []string{"To: 'ann@x.example' <ann@x.example>"}, body: "Hello.\r\n"},
	{name: "to-brackets", header: []string{"To: [List] Ann <ann@x.example>"}, body: "Hello.\r\n"},
	{name: "from-colon", header: []string{"From: Re: Ann <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-folded-dot", header: []string{"From: Dr.\r\n Ann\r\n  <" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-tight-dot", header: []string{"From: A. Doe<" + author + ">"}, body: "Hello.\r\n"},
	{name: "from-dot-and-comment", header: []string{"From: (x) A. (b.) C <" + author + ">"}, body: "Hello.\r\n"},
	{name: "to-backslash", header: []string{"To: A \\ B <a@x.example>"}, body: "Hello.\r\n"},
	{name: "from-trailing-comment", header: []string{"From: A. Doe <" + author + "> (x)"}, body: "Hello.\r\n"},
	{name: "cc-many", header: []string{"Cc: " + strings.TrimSuffix(strings.Repeat("somebody.with.a.name@department.example, ", 60), ", ")}, body: "Hello.\r\n"},
	{name: "reply-sender", header: []string{"Reply-To: <a@x.example>,<b@y.example>", "Sender: <list@" + "x.example>"}, body: "Hello.\r\n"},
	{name: "unqualified", header: []string{"Cc: root"}, body: "Hello.\r\n", breaks: oddAddress},
	{name: "empty-fields", header: []string{"Subject:", "X-Empty:", "Cc: "}, body: "Hello.\r\n"},
	{name: "names", header: []string{"SUBJECT: in capitals", "mime-version: 1.0", "content-type: text/plain"}, body: "Hello.\r\n"},
	{name: "tabs", header: []string{"Subject:\ttab\tand  blanks \t", "Keywords:a,\r\n\tb"}, body: "Hello.\r\n"},
	{name: "space-before-colon", header: []string{"In-Reply-To : <x@y.example>"}, body: "Hello.\r\n"},
	{name: "twice", header: []string{"Subject: one", "Subject: two", "To: a@x.example", "To: b@x.example"}, body: "Hello.\r\n"},
	{name: "message-id-odd", header: []string{"Message-ID: not an id", "References: <a@b.example>\r\n\t<c@d.example>", "In-Reply-To: \"x\" of Monday"}, body: "Hello.\r\n"},
	{name: "date-odd", header: []string{"Date: Monday"}, body: "Hello.\r\n"},
	{name: "resent", header: []string{"Resent-From: <a@x.example>", "Resent-To: <b@x.example>", "Resent-Date: Sun, 29 Nov 2026 06:00:00 +0000", "Resent-Message-ID: <r@x.example>"}, body: "Hello.\r\n"},
	{name: "one-click", header: []string{"List-Unsubscribe: <https://x.example/u>,<mailto:u@x.example>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"}, body: "Hello.\r\n"},
	{name: "return-path", header: []string{"Return-Path: <a@x.example>", "Return-Receipt-To: a@x.example,b@x.example", "Disposition-Notification-To: a@x.example", "Errors-To: a@x.example,b@x.example", "Apparently-To: c@x.example"}, body: "Hello.\r\n"},
	{name: "content-length", header: []string{"Content-Length: 5", "Lines: 1", "Status: RO", "Priority: urgent", "Precedence: bulk"}, body: "Hello.\r\n"},
}
