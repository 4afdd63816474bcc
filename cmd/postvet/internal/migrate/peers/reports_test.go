package peers

import (
	"strings"
	"testing"
)

// imported returns the configuration and the list that files lead to.
func imported(t *testing.T, files map[Peer]string) string {
	t.Helper()
	names := map[Peer]string{OpenDMARC: "opendmarc.conf", OpenDMARCReports: "job", Rspamd: "local.d/dmarc.conf", MailDMARC: "mail-dmarc.ini"}
	var all []Setting
	for peer, text := range files {
		settings, err := Read(peer, names[peer], []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, settings...)
	}
	p, err := Translate(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := p.TOML("")
	for _, i := range p.Items {
		out += i.Name + ": " + string(i.Outcome) + ": " + strings.Join(i.Keys, ", ") + ": " + i.Note + "\n"
	}
	for _, x := range p.Traps {
		out += "trap: " + x.Text + "\n"
	}
	for _, x := range p.Differences {
		out += "differs: " + x.Text + "\n"
	}
	return out
}

func TestReportSettings(t *testing.T) {
	t.Parallel()
	const job = `#!/bin/sh
# opendmarc-reports --report-email=not@this.example
MAIL='dmarc@Example.org'
cd /var/lib/opendmarc && /usr/sbin/opendmarc-import --dbuser=x --dbpasswd=secret --input=history
opendmarc-reports --dbpasswd secret --report-email="$MAIL" \
  --report-org "Example GmbH" --day --interval=86400 --smtp-server=localhost --smtp-port=2525; opendmarc-expire --expire=90
`
	for _, tc := range []struct {
		name      string
		files     map[Peer]string
		want, not []string
	}{
		{"opendmarc alone", map[Peer]string{OpenDMARC: "HistoryFile /h\nFailureReports true\n"}, []string{
			"collect = true", `directory = "/var/lib/postvet"`, "HistoryFile: changed: report.collect: messages are counted; write submitter, email, from",
			"FailureReports: without counterpart",
		}, []string{"\nsend = ", "behind Postvet for"}},
		{"opendmarc with a sender", map[Peer]string{OpenDMARC: "HistoryFile /h\nFailureReports true\nFailureReportsSentBy dmarc@mx.Example.org\nNoReportsList bad.example,.worse.example\nReportCommand /usr/sbin/sendmail -t\nFailureReportsOnNone yes\nFailureReportsBcc a@b.example\n"}, []string{
			"[report]\n", `submitter = "mx.example.org"`, `from = "dmarc@mx.example.org"`, `email = "dmarc@mx.example.org"`, "send = \"known\"\n\n[report.failure]", `exclude = ["bad.example", "worse.example"]`,
			"ReportCommand: changed", "FailureReportsOnNone: changed", "FailureReportsBcc: without counterpart", "FailureReports: changed: report.failure.send", "trap: two that report on the same mail",
		}, nil},
		{"opendmarc without reports", map[Peer]string{OpenDMARC: "FailureReports false\nSyslog true\n"}, []string{"FailureReports: kept"}, []string{"\n[report"}},
		{"failure reports alone", map[Peer]string{OpenDMARC: "FailureReports true\n"}, []string{"failure reports go out beside aggregate ones alone"}, []string{"\n[report"}},
		{"job", map[Peer]string{OpenDMARC: "HistoryFile /h\n", OpenDMARCReports: job}, []string{
			`email = "dmarc@example.org"`, `from = "dmarc@example.org"`, `submitter = "example.org"`, `org_name = "Example GmbH"`, `smtp = "127.0.0.1:2525"`, `send = "known"`,
			`retention = "2160h0m0s"`, "reports day: kept", "reports interval: changed", "reports dbpasswd: changed", "import dbpasswd: changed", "import: changed",
		}, []string{"secret", "not@this"}},
		{"job for domains", map[Peer]string{OpenDMARCReports: "opendmarc-reports --report-email a@example.org --domain good.example --nodomain bad.example --test\n"}, []string{
			`known = ["good.example"]`, `exclude = ["bad.example"]`, `send = "listed"`, "reports test: without counterpart",
		}, nil},
		{"job without an address", map[Peer]string{OpenDMARCReports: "opendmarc-reports --report-email=$UNKNOWN --smtp-server=mail.example.org\n"}, []string{
			"collect = true", "it is no address", `smtp = "mail.example.org:25"`, "the server must offer TLS",
		}, []string{"\nsend = "}},
		{"Rspamd", map[Peer]string{Rspamd: "actions { reject = \"reject\"; }\nreporting {\n enabled = true;\n email = 'no-reply@Example.com';\n domain = 'example.com';\n org_name = 'Example';\n bcc_addrs = [\"p@example.com\"];\n smtp = '127.0.0.1'; smtp_port = 10025;\n only_domains = \"/etc/rspamd/only.map\"; exclude_domains = [a.example, b.example];\n max_entries = 1k; unheard_of = 1;\n}\n"}, []string{
			`send = "listed"`, `submitter = "example.com"`, `from = "no-reply@example.com"`, `org_name = "Example"`, `smtp = "127.0.0.1:10025"`, `known = ["file:/etc/rspamd/only.map"]`, `exclude = ["a.example", "b.example"]`,
			"reporting bcc_addrs: without counterpart", "reporting max_entries: changed", "reporting unheard_of: without counterpart", "actions reject: changed", "trap: write enabled = false",
		}, []string{"[sign"}},
		{"Rspamd of old", map[Peer]string{Rspamd: "reporting = true;\n"}, []string{"collect = true"}, []string{"[sign"}},
		{"Rspamd without reports", map[Peer]string{Rspamd: "reporting { enabled = false; email = 'a@example.com'; }\n"}, []string{"reporting enabled: kept"}, []string{"collect", "send ="}},
		{"Mail::DMARC", map[Peer]string{MailDMARC: "; a comment\n[organization]\ndomain = Example.com\norg_name = My Great Company\nemail = noreply@example.com\nextra_contact_info = http://www.example.com/dmarc\n[report_store]\nbackend = SQL\npass = secret\n[smtp]\nsmarthost = mail.example.com\nsmartuser = u\nsmartpass = secret\ncc = x@example.com\n[report_sign]\nkeyfile = /k\n[other]\nx = y\nempty =\n"}, []string{
			`submitter = "example.com"`, `contact = "http://www.example.com/dmarc"`, `smtp = "mail.example.com:587"`, `auth_file = "/etc/postvet/smtp.login"`, `send = "known"`,
			"report_store backend: changed", "smtp smartpass: changed", "smtp cc: without counterpart", "report_sign keyfile: without counterpart", "other x: without counterpart",
		}, []string{"secret", "empty"}},
		{"Mail::DMARC without a smarthost", map[Peer]string{MailDMARC: "[organization]\ndomain = example.com\nemail = a@example.com\n[smtp]\nhostname = mx\n"}, []string{
			"differs: without a smarthost", `send = "known"`,
		}, []string{"smtp ="}},
	} {
		got := imported(t, tc.files)
		for _, w := range tc.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q is missing in\n%s", tc.name, w, got)
			}
		}
		for _, n := range tc.not {
			if strings.Contains(got, n) {
				t.Errorf("%s: %q is in\n%s", tc.name, n, got)
			}
		}
	}
}

func TestReportFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		peer       Peer
		text, want string
	}{
		{OpenDMARCReports, "echo hello\n", "f:1: calls none of opendmarc-import, opendmarc-reports and opendmarc-expire; name the script or crontab that does"},
		{OpenDMARCReports, "opendmarc-check example.org\n", "f:1: calls none of"},
		{OpenDMARCReports, "opendmarc-reports --report-email=a@b\nopendmarc-reports --report-email=c@d\n", "f:2: reports report-email: is \"c@d\" here and \"a@b\" in line 1"},
		{MailDMARC, "[organization\n", "f:1: [organization: is a section without an end; write [name]"},
		{MailDMARC, "[x]\nnothing\n", "f:2: nothing: has no value"},
	} {
		if _, err := Read(tc.peer, "f", []byte(tc.text)); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.text, err, tc.want)
		}
	}
	settings, err := Read(OpenDMARCReports, "f", []byte("opendmarc-reports --smtp-port=smtp\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Translate(settings, nil); err == nil || !strings.Contains(err.Error(), "is no number") {
		t.Error(err)
	}
}

// FuzzReportFiles: no script and no ini file takes the readers down, and no password is
// shown.
func FuzzReportFiles(f *testing.F) {
	f.Add("A=b; opendmarc-reports --dbpasswd=$A --report-email \"x@y.example\" \\\n --smtp-port=25 # c\n")
	f.Add("[smtp]\nsmartpass=x\n[organization]\ndomain=example.org\nemail=a@b.example\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, peer := range []Peer{OpenDMARCReports, MailDMARC} {
			settings, err := Read(peer, "f", []byte(text))
			if err != nil {
				continue
			}
			p, err := Translate(settings, nil)
			if err != nil {
				continue
			}
			for line := range strings.Lines(p.TOML("")) {
				if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\n\r\x00") {
					t.Errorf("%q breaks a line", line)
				}
			}
		}
	})
}
