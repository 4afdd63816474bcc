package mta

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// signing is a Postvet that signs what users send.
func signing(s Signing) Postvet {
	p := ours
	p.Signing = &s
	return p
}

const (
	signedMain   = "compatibility_level = 3.6\nmyhostname = mx.example.org\nsmtpd_milters = inet:127.0.0.1:8890\nnon_smtpd_milters = $smtpd_milters\ninternal_mail_filter_classes = bounce\nsmtp_line_length_limit = 0\n"
	signedMaster = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch\nsmtp unix - - y - - smtp\ncleanup unix n - y - 0 cleanup -o force_mime_input_conversion=yes\n"
)

func TestPostfixSigning(t *testing.T) {
	t.Parallel()
	whole := Signing{Local: true, Lifetime: 7 * 24 * time.Hour, SenderCounts: true}
	for _, c := range []struct {
		name, main, master string
		signing            Signing
		want, not          []string
	}{
		{
			name: "all is well", main: signedMain, master: signedMaster, signing: whole,
			want: []string{"ok smtpd on submission asks Postvet", "ok what programs on this machine submit is signed"}, not: []string{"error", "warning", "note"},
		},
		{
			name: "nothing that users send reaches it", signing: whole,
			main:   "smtpd_milters = inet:127.0.0.1:8890\n",
			master: "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_milters=\n",
			want: []string{
				"warning smtpd on submission does not ask Postvet: the mail of users who log in there is not signed; -o smtpd_milters=inet:127.0.0.1:8890 for submission in master.cf",
				"warning non_smtpd_milters does not have Postvet: what programs on this machine submit (sendmail, cron) is not signed",
				"note a signed message with 8-bit text is encoded anew",
			},
			not: []string{"it takes mail from own users"},
		},
		{
			name: "other programs of users need no signature", main: "smtpd_milters = inet:127.0.0.1:8890\n", master: signedMaster, signing: Signing{},
			not: []string{"error", "non_smtpd_milters", "MAIL FROM", "expires"},
		},
		{
			name: "mail is changed while it is delivered", signing: whole,
			main:   signedMain + "smtp_generic_maps = hash:/etc/postfix/generic\nsmtp_header_checks = pcre:/etc/postfix/out\nsmtp_line_length_limit = 512\nmilter_header_checks = pcre:/etc/postfix/milter\n",
			master: signedMaster,
			want: []string{
				"error smtp_generic_maps = hash:/etc/postfix/generic of smtp rewrites addresses in From, To and Cc after Postvet has signed them",
				"warning smtp_header_checks = pcre:/etc/postfix/out of smtp changes messages after they are signed",
				"error smtp_line_length_limit = 512 of smtp breaks longer lines",
				"warning milter_header_checks of cleanup may drop or change the DKIM-Signature",
			},
		},
		{
			name: "tables within a service", main: signedMain, signing: whole,
			master: signedMaster + "a unix - - y - - smtp -o smtp_generic_maps=inline:{{a=b}}\nb unix - - y - - smtp\n  -o { smtp_header_checks = regexp:{{/^Subject:/ REPLACE Subject: other} {/^X:/ IGNORE}} } -o smtp_line_length_limit=70\nc unix - - y - - smtp -o {smtp_generic_maps=hash:/c\n",
			want: []string{
				"error smtp_generic_maps = inline:{{a=b}} of a rewrites", "warning smtp_header_checks = regexp:{{/^Subject:/ REPLACE Subject: other} {/^X:/ IGNORE}} of b changes",
				"error smtp_line_length_limit = 70 of b",
			},
			not: []string{"of c "},
		},
		{
			name: "only towards a filter", main: signedMain, signing: whole,
			master: signedMaster + "relay unix - - y - - smtp -o smtp_generic_maps=\nlocal unix - n n - - lmtp -o smtp_header_checks=pcre:x\n", not: []string{"error", "warning"},
		},
		{
			name: "milters and filters after it", main: signedMain + "content_filter = amavis:[127.0.0.1]:10024\nreceive_override_options = no_header_body_checks\n", signing: whole,
			master: "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o smtpd_milters=inet:11332,inet:127.0.0.1:8890,unix:opendkim/opendkim.sock\n",
			want: []string{
				"warning smtpd on submission asks unix:opendkim/opendkim.sock after Postvet: if it changes a message, the signature breaks",
				"warning unix:opendkim/opendkim.sock is asked about each message too",
				"warning smtpd on submission hands mail to the content filter amavis:[127.0.0.1]:10024 after it is signed",
				"warning smtpd on submission has no_header_body_checks",
				"warning smtpd on submission lets each user give any MAIL FROM",
			},
			not: []string{"asked before Postvet"},
		},
		{
			name: "signed where the filter hands mail in", main: signedMain + "content_filter = amavis:[127.0.0.1]:10024\n", signing: whole,
			master: "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_milters=\n127.0.0.1:10025 inet n - y - - smtpd\n  -o content_filter=\n",
			not:    []string{"submission does not ask", "after it is signed"},
		},
		{
			name: "signatures that expire in the queue", main: signedMain + "maximal_queue_lifetime = 10\n", master: signedMaster, signing: whole,
			want: []string{"warning a signature is valid for 168 hours (sign.expires), and a message may wait for 240 hours (maximal_queue_lifetime): it may arrive with a signature that has expired; sign.expires = \"288h\" or more"},
		},
		{
			name: "long lines", main: strings.Replace(signedMain, "smtp_line_length_limit = 0\n", "", 1), master: signedMaster, signing: whole,
			want: []string{"note Postfix breaks lines of a body above 998 octets after they are signed (smtp_line_length_limit)"}, not: []string{"error", "warning"},
		},
		{
			name: "notices", main: strings.Replace(signedMain, "bounce", "notify", 1), master: signedMaster, signing: whole,
			want: []string{"note Postfix's own notices of failure are not signed"}, not: []string{"warning"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.cf"), c.main)
			write(t, filepath.Join(dir, "master.cf"), c.master)
			f, err := CheckPostfix(dir, signing(c.signing), "mx.example.org")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(f), c.want, c.not)
		})
	}
}

// compare reports what is missing in a text, and what should not be in it.
func compare(t *testing.T, got string, want, not []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("no %q", w)
		}
	}
	for _, n := range not {
		if strings.Contains(got, n) {
			t.Errorf("has %q", n)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestSendmailSigning(t *testing.T) {
	t.Parallel()
	whole := Signing{Local: true, Lifetime: 7 * 24 * time.Hour}
	filter := "INPUT_MAIL_FILTER(`postvet', `S=inet:8890@127.0.0.1, F=T, T=S:10s;R:60s;E:5m')dnl\n"
	for _, c := range []struct {
		name, text string
		want, not  []string
	}{
		{name: "all is well", text: filter + "DAEMON_OPTIONS(`Name=MTA, Port=smtp')dnl\n", want: []string{"ok Sendmail asks Postvet", "note a signed message with 8-bit text", "note Sendmail breaks lines of a body above 990 octets", "note Sendmail completes addresses without a domain", "note Sendmail's own notices of failure"}, not: []string{"error", "warning the d", "masquerad", "InputMailFilters"}},
		{
			name: "sendmail.mc", text: filter + "INPUT_MAIL_FILTER(`clam', `S=unix:/run/clam, F=T')dnl\nMASQUERADE_AS(`example.org')dnl\nFEATURE(`genericstable', `hash -o /etc/mail/generics')dnl\n" +
				"define(`confEIGHT_BIT_HANDLING', `mimify')dnl\ndefine(`confMAX_MIME_HEADER_LENGTH', `256/128')dnl\ndefine(`SMTP_MAILER_LL', `800')dnl\ndefine(`confTO_QUEUERETURN', `9d')dnl\nDAEMON_OPTIONS(`Name=MSA, Port=submission, InputMailFilters=clam')dnl\n",
			want: []string{
				"warning Sendmail asks clam after Postvet", "error MASQUERADE_AS example.org rewrites the author's address", "error genericstable rewrites", "warning EightBitMode=mimify",
				"error MaxMimeHeaderLength=256/128 cuts long header fields", "above 800 octets", "may wait for 216 hours (Timeout.queuereturn)", "warning MSA does not ask Postvet: the mail of users who log in there is not signed",
			},
		},
		{
			name: "sendmail.cf", text: "Xpostvet, S=inet:8890@127.0.0.1, F=T, T=S:10s;R:60s;E:5m\nO InputMailFilters=postvet\nDMexample.org\nKgenerics hash -o /etc/mail/generics\nO EightBitMode=mimify\nO MaxMimeHeaderLength=256\nO Timeout.queuereturn=9d\nMesmtp,\t\tP=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=800,\n",
			want: []string{"error MASQUERADE_AS example.org", "error genericstable", "warning EightBitMode=mimify", "error MaxMimeHeaderLength=256", "above 800 octets", "may wait for 216 hours"},
		},
		{
			name: "sendmail.cf without all that", text: "Xpostvet, S=inet:8890@127.0.0.1, F=T, T=S:10s;R:60s;E:5m\nO InputMailFilters=postvet\nDM\nO EightBitMode=pass8\n#O MaxMimeHeaderLength=0/0\nO Timeout.queuereturn=5d\nMesmtp,\t\tP=[IPC], F=mDFMuXa, L=0,\n",
			not: []string{"error", "breaks lines", "warning EightBit", "may wait"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "sendmail.cf")
			write(t, file, c.text)
			f, err := CheckSendmail(file, signing(whole), "mx.example.org")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(f), c.want, c.not)
		})
	}
}

// TestLayouts: nothing is wrong with the set-ups in contrib/postfix/signing.
func TestLayouts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../../contrib/postfix/signing/*.txt")
	if err != nil || len(files) != 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			// What every Postfix has.
			text := map[string]string{
				"main.cf":   "compatibility_level = 3.6\nmyhostname = mx.example.org\nmynetworks = 127.0.0.1\n",
				"master.cf": "smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\ncleanup unix n - n - 0 cleanup\n",
			}
			for _, f := range archive.Files {
				text[f.Name] += string(f.Data)
			}
			write(t, filepath.Join(dir, "main.cf"), text["main.cf"])
			write(t, filepath.Join(dir, "master.cf"), text["master.cf"])
			p := exempting(t, "127.0.0.0/8", "192.0.2.10")
			p.Signing = &Signing{Local: !strings.Contains(text["postvet.toml"], "local = false"), Lifetime: 7 * 24 * time.Hour}
			p.Listen = []string{"unix:" + QueueDirectory + "/postvet/postvet.sock"}
			f, err := CheckPostfix(dir, p, "mx.example.org")
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range f {
				// Whether a socket is there is the machine's affair.
				if one.Severity != finding.OK && one.Severity != finding.Note && !strings.Contains(one.Text, "postvet.sock") {
					t.Errorf("%s: %s; %s", one.Severity, one.Text, one.Fix)
				}
			}
		})
	}
}
