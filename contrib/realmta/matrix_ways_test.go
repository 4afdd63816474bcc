//go:build linux

package realmta_test

import (
	"context"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// forwarded begins the sender that a forwarder writes into the envelope.
const forwarded = "SRS0=abcd=AB=" + realmta.Good + "=srs"

// forwarding are lines for an MTA that forwards mail for two of its addresses, the second
// with a sender of its own (SRS).
func forwarding(mta string) []string {
	if mta == "Postfix" {
		return []string{
			"virtual_alias_maps = inline:{{row-alias@" + realmta.Domain + "=row-alias@" + eight + "},{row-srs@" + realmta.Domain + "=row-srs@" + eight + "}}",
			"sender_canonical_classes = envelope_sender",
			"sender_canonical_maps = inline:{{srs@" + realmta.Good + "=" + forwarded + "@" + realmta.Domain + "}}",
		}
	}
	return []string{
		"LOCAL_RULE_0",
		"Rrow-alias < @ " + realmta.Domain + " . >\t$@ $>Recurse row-alias@" + eight,
		"Rrow-srs < @ " + realmta.Domain + " . >\t$@ $>Recurse row-srs@" + eight,
		"LOCAL_RULESETS",
		"SEnvFromSMTP",
		"Rsrs < @ " + realmta.Good + " . >\t$: " + forwarded + " < @ " + realmta.Domain + " . >",
		"divert(0)dnl",
	}
}

// ways are messages that take other ways into the MTA and through it.
var ways = []row{
	{name: "program", body: "Hello.\r\n", send: submit},
	{name: "program-no-line-end", body: "Hello.", send: submit},
	{name: "program-8bit", header: []string{mime8}, body: grüße, send: submit},
	{
		name: "sendmail-t", header: []string{"From: " + author, "To: {rcpt}", "Bcc: row-hidden@" + eight, "Subject: from a program"}, bare: true, body: "Hello.\r\n",
		send: func(t *testing.T, s *realmta.Site, _ string, text []byte) {
			t.Helper()
			m, ok := s.MTA.(interface {
				SubmitToHeader(ctx context.Context, from string, msg []byte) error
			})
			if !ok {
				t.Fatal("no sendmail -t")
			}
			if err := m.SubmitToHeader(t.Context(), author, text); err != nil {
				t.Fatal(err)
			}
		},
		check: func(t *testing.T, got realmta.Relayed) {
			t.Helper()
			if strings.Contains(string(got.Message), "row-hidden") {
				t.Errorf("Bcc is shown:\n%s", got.Message)
			}
		},
	},
	{
		name: "dsn", header: []string{"From: <somebody@" + eight + ">"}, body: "Hello.\r\n",
		send: func(t *testing.T, s *realmta.Site, rcpt string, text []byte) {
			t.Helper()
			wantReply(t, sendOn(t, connect(t, s, realmta.Lister), rcpt, realmta.RefusedBySink+"row@"+eight, text), 250)
		},
		check: func(t *testing.T, got realmta.Relayed) {
			t.Helper()
			if !strings.HasPrefix(got.Mail, "<>") {
				t.Errorf("MAIL FROM:%s", got.Mail)
			}
		},
		breaks: map[string]string{"Sendmail": "Sendmail's own notices of failure pass no milter and are not signed"}, unsigned: "Sendmail",
	},
	{
		name: "alias", body: "Hello.\r\n", signatures: 1,
		send: func(t *testing.T, s *realmta.Site, _ string, text []byte) {
			t.Helper()
			wantReply(t, sendOn(t, connect(t, s, realmta.GoodClient), author, "row-alias@"+realmta.Domain, signed(t, s, text)), 250)
		},
	},
	{
		name: "srs", body: "Hello.\r\n", signatures: 1,
		send: func(t *testing.T, s *realmta.Site, _ string, text []byte) {
			t.Helper()
			wantReply(t, sendOn(t, connect(t, s, realmta.GoodClient), "srs@"+realmta.Good, "row-srs@"+realmta.Domain, signed(t, s, text)), 250)
		},
		check: func(t *testing.T, got realmta.Relayed) {
			t.Helper()
			if !strings.HasPrefix(got.Mail, "<"+forwarded+"@"+realmta.Domain+">") {
				t.Errorf("MAIL FROM:%s", got.Mail)
			}
		},
	},
	{
		name: "smtputf8", header: []string{"From: Jörg <jörg@bücher.example>", "To: Grüße <grüße@bücher.example>, <{rcpt}>", "Subject: Grüße", mime8}, body: grüße, signatures: 1,
		only: "Postfix", unless: "Debian builds it without SMTPUTF8",
		send: func(t *testing.T, s *realmta.Site, rcpt string, text []byte) {
			t.Helper()
			c := connect(t, s, realmta.Lister)
			cmd(t, c, 2, "MAIL FROM:<jörg@bücher.example> SMTPUTF8 BODY=8BITMIME")
			cmd(t, c, 2, "RCPT TO:<"+rcpt+">")
			if reply, err := c.Data(text); err != nil || reply.Code != 250 {
				t.Fatal(reply, err)
			}
		},
		check: func(t *testing.T, got realmta.Relayed) {
			t.Helper()
			if !strings.Contains(got.Mail, "SMTPUTF8") || !strings.Contains(string(got.Message), "d="+realmta.Umlaut+";") {
				t.Errorf("MAIL FROM:%s\n%s", got.Mail, got.Message)
			}
		},
	},
}

// submit hands a message in as a program on the machine does.
func submit(t *testing.T, s *realmta.Site, rcpt string, text []byte) {
	t.Helper()
	if err := s.Submit(t.Context(), author, rcpt, text); err != nil {
		t.Fatal(err)
	}
}
