//go:build linux

package realmta_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
)

// signingOptions are those of a site that signs what comes from our network.
func signingOptions(mta string, lines ...string) realmta.SiteOptions {
	return realmta.SiteOptions{MTA: mta, MTAConfig: lines, Sign: []string{`networks = ["` + realmta.Lister + `"]`, "ed25519 = true"}}
}

// at returns a function that hands a message in at a port.
func at(port string) func(t *testing.T, s *realmta.Site, rcpt string, text []byte) {
	return func(t *testing.T, _ *realmta.Site, rcpt string, text []byte) {
		t.Helper()
		wantReply(t, sendAt(t, realmta.Lister, "127.0.0.1:"+port, false, author, text, rcpt), 250)
	}
}

// TestMatrixPostfix has services of Postfix that change messages after they are signed. Each
// has a finding, and what the finding advises keeps the signature.
func TestMatrixPostfix(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	to, port := startSinks(t)
	ports := map[string]string{}
	for _, name := range []string{"later", "filtered", "again", "filter", "footer", "dropped"} {
		p, err := child.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ports[name] = p
	}
	startFooter(t, ports["footer"])
	f, err := realmta.StartContentFilter(ports["filter"], "127.0.0.1:"+ports["again"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	o := signingOptions("Postfix", relaying("Postfix", port)...)
	smtpd := func(name string) string { return "127.0.0.1:" + ports[name] + " inet n - y - - smtpd\n" }
	o.MTAServices = []string{
		"generic unix - - y - - smtp -o smtp_generic_maps=inline:{{" + author + "=ann@elsewhere.example}}",
		"checks unix - - y - - smtp -o { smtp_header_checks = regexp:{{/^Subject:/ REPLACE Subject: other}} }",
		"short unix - - y - - smtp -o smtp_line_length_limit=70",
		"long unix - - y - - smtp -o smtp_line_length_limit=0",
		smtpd("later") + "  -o smtpd_milters=unix:postvet/postvet.sock,inet:127.0.0.1:" + ports["footer"],
		smtpd("filtered") + "  -o content_filter=smtp:[127.0.0.1]:" + ports["filter"],
		smtpd("again") + "  -o content_filter= -o smtpd_milters=",
		smtpd("dropped") + "  -o cleanup_service_name=dropping",
		"dropping unix n - y - 0 cleanup -o { milter_header_checks = regexp:{{/^DKIM-Signature:/ IGNORE}} }",
	}
	breaks := func(finding string) map[string]string { return map[string]string{"Postfix": finding} }
	long := strings.Repeat("x", 80) + "\r\n"
	play(t, ownSite(t, o), to, []row{
		{name: "plain", body: "Hello.\r\n"},
		{name: "generic", to: "generic.example", body: "Hello.\r\n", breaks: breaks("smtp_generic_maps = inline:{{" + author + "=ann@elsewhere.example}} of generic rewrites addresses")},
		{name: "checks", to: "checks.example", body: "Hello.\r\n", breaks: breaks("smtp_header_checks = regexp:{{/^Subject:/ REPLACE Subject: other}} of checks changes messages after they are signed")},
		{name: "short", to: "short.example", body: long, breaks: breaks("smtp_line_length_limit = 70 of short breaks longer lines")},
		{name: "not-limited", to: "long.example", body: strings.Repeat("x", 1200) + "\r\n"},
		{name: "later", body: "Hello.\r\n", send: at(ports["later"]), breaks: breaks("smtpd on submission asks inet:127.0.0.1:" + ports["footer"] + " after Postvet: if it changes a message, the signature breaks")},
		{name: "filtered", body: "Hello.\r\n", send: at(ports["filtered"]), breaks: breaks("smtpd on 587 hands mail to the content filter smtp:[127.0.0.1]:" + ports["filter"] + " after it is signed")},
		{name: "dropped", body: "Hello.\r\n", send: at(ports["dropped"]), breaks: breaks("milter_header_checks of dropping may drop or change the DKIM-Signature"), unsigned: "Postfix"},
	}, "127.0.0.1:"+ports["later"]+" inet", "submission inet", "127.0.0.1:"+ports["filtered"]+" inet", "587 inet")
}

// TestMatrixSendmail has options of Sendmail that change messages after they are signed, one
// of which each finding names, and those that the findings advise.
func TestMatrixSendmail(t *testing.T) {
	t.Parallel()
	breaks := func(finding string) map[string]string { return map[string]string{"Sendmail": finding} }
	for _, c := range []struct {
		name  string
		lines []string
		rows  []row
	}{
		{
			"masquerading",
			[]string{"MASQUERADE_AS(`masked.example')dnl", "MASQUERADE_DOMAIN(`" + realmta.Good + "')dnl"},
			[]row{{name: "masked", body: "Hello.\r\n", breaks: breaks("MASQUERADE_AS masked.example rewrites the author's address after Postvet has signed it")}},
		},
		{
			"genericstable",
			[]string{"FEATURE(`genericstable', `regex -aann@elsewhere.example ^ann@good')dnl", "GENERICS_DOMAIN(`" + realmta.Good + "')dnl"},
			[]row{{name: "generic", body: "Hello.\r\n", breaks: breaks("genericstable rewrites the author's address after Postvet has signed it")}},
		},
		{
			"options that break",
			[]string{"define(`confEIGHT_BIT_HANDLING', `mimify')dnl", "define(`confMAX_MIME_HEADER_LENGTH', `256/128')dnl"},
			[]row{
				{name: "mimified", to: seven, body: grüße, breaks: breaks("EightBitMode=mimify declares 8-bit text anew")},
				{name: "cut", header: []string{"MIME-Version: 1.0", "Content-Type: text/plain; name=\"" + strings.Repeat("x", 400) + "\""}, body: "Hello.\r\n", breaks: breaks("MaxMimeHeaderLength=256/128 cuts long header fields")},
			},
		},
		{
			"options that keep",
			[]string{"define(`confEIGHT_BIT_HANDLING', `pass8')dnl", "define(`SMTP_MAILER_LL', `0')dnl", "MODIFY_MAILER_FLAGS(`ESMTP', `+8')dnl"},
			[]row{
				{name: "not-limited", body: strings.Repeat("x", 1200) + "\r\n"},
				{name: "just-8bit", to: seven, header: []string{mime8}, body: grüße, parameters: " BODY=8BITMIME"},
			},
		},
		{
			"a milter behind Postvet",
			[]string{"INPUT_MAIL_FILTER(`footer', `S=inet:FOOTER@127.0.0.1, F=T')dnl"},
			[]row{{name: "later", body: "Hello.\r\n", breaks: breaks("Sendmail asks footer after Postvet: if it changes a message, the signature breaks")}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			need(t, "Sendmail")
			to, port := startSinks(t)
			footer, err := child.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			startFooter(t, footer)
			lines := append(strings.Split(strings.ReplaceAll(strings.Join(c.lines, "\n"), "FOOTER", footer), "\n"), relaying("Sendmail", port)...)
			play(t, ownSite(t, signingOptions("Sendmail", lines...)), to, c.rows)
		})
	}
}

// TestMatrixLayouts relays what users send in two of the set-ups: with a content filter
// that hands mail in again, and with a second milter, which both change each message.
func TestMatrixLayouts(t *testing.T) {
	for _, name := range []string{"filter", "rspamd"} {
		t.Run(name, func(t *testing.T) {
			to, port := startSinks(t)
			onLayoutWith(t, name, func(mta string) []string { return relaying(mta, port) }, func(t *testing.T, s *realmta.Site, l *realmta.Layout) {
				first := s.Addr()
				if name == "rspamd" {
					startFooter(t, l.Ports["11332"])
				} else {
					startFilter(t, l)
					if s.Name() == "Sendmail" {
						first = startFirst(t, s, l).Addr()
					}
				}
				login := func(t *testing.T, _ *realmta.Site, rcpt string, text []byte) {
					t.Helper()
					wantReply(t, sendAt(t, realmta.Stranger, "127.0.0.1:"+l.Ports["submission"], true, author, text, rcpt), 250)
				}
				if len(s.Mechanisms()) == 0 {
					t.Log("no SASL mechanism here: a program sends in the place of a user")
					login = func(t *testing.T, _ *realmta.Site, rcpt string, text []byte) {
						t.Helper()
						wantReply(t, sendAt(t, realmta.Exempted, first, false, author, text, rcpt), 250)
					}
				}
				prefix := strings.ToLower(s.Name()) + "-" + name + "-"
				play(t, s, to, []row{
					{name: prefix + "plain", body: "Hello.\r\n", send: login, signatures: 1},
					{name: prefix + "odd", header: []string{"To: a@x.example,b@y.example", "References: <" + strings.Repeat("a", 600) + "@x.example> <" + strings.Repeat("b", 600) + "@x.example>"}, body: ".\r\n two \r\n\r\n", send: login, signatures: 1},
				})
			})
		})
	}
}
