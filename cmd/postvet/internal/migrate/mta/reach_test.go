package mta

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestReaches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, socket, ours string
		want               bool
	}{
		{"", "inet:127.0.0.1:8890", "inet:127.0.0.1:8890", true},
		{"", "inet:localhost:8890", "inet:127.0.0.1:8890", true},
		{"", "inet:localhost:8890", "inet6:[::1]:8890", true},
		{"", "inet:192.0.2.7:8890", "inet:127.0.0.1:8890", false},
		{"", "inet:[::1]:8890", "inet:127.0.0.1:8890", false},
		{"", "inet:[::1]:8890", "inet:0.0.0.0:8890", false},
		{"", "inet:192.0.2.7:8890", "inet::8890", true},
		{"", "inet:8890", "inet:127.0.0.1:8890", false},
		{"", "inet:8890@127.0.0.1", "inet:127.0.0.1:8890", false},
		{"", "inet:127.0.0.1:8891", "inet:127.0.0.1:8890", false},
		{"p", "inet:8890@127.0.0.1", "inet:127.0.0.1:8890", true},
		{"p", "inet:8890@localhost", "inet:127.0.0.1:8890", true},
		{"p", "inet6:8890@::1", "inet6:[::1]:8890", true},
		{"p", "inet:8890@[127.0.0.1]", "inet:127.0.0.1:8890", false},
		{"p", "inet:127.0.0.1:8890", "inet:127.0.0.1:8890", false},
		{"p", "inet:8890", "inet:127.0.0.1:8890", false},
		{"p", "inet:8890@mail.example", "inet:mail.example:8890", true},
		{"", "inet:127.0.0.1:smtp", "inet:127.0.0.1:25", true},
		{"", "inet:127.0.0.1:SMTP", "inet:127.0.0.1:26", false},
		{"p", "inet:smtp@127.0.0.1", "inet:127.0.0.1:25", true},
		{"", "inet:127.0.0.1:no-such-service", "inet:127.0.0.1:8890", false},
	} {
		if got := reaches(QueueDirectory, Milter{Name: tc.name, Socket: tc.socket}, tc.ours); got != tc.want {
			t.Errorf("%s (Sendmail's: %v) reaches %s: %v", tc.socket, tc.name != "", tc.ours, got)
		}
	}
}

// TestDaemons is about daemons of Sendmail with lists of their own, and about names
// of filters that no line defines.
func TestDaemons(t *testing.T) {
	t.Parallel()
	const filter = "Xpostvet, S=inet:8890@127.0.0.1, F=T\nXother, S=inet:9@127.0.0.1, F=T\nO InputMailFilters=postvet\n"
	for _, tc := range []struct{ text, want, not string }{
		{filter + "O DaemonPortOptions=Name=MTA, Port=smtp, InputMailFilters=\n", "error MTA asks no filter at all", "ok MTA"},
		{filter + "O DaemonPortOptions=Name=MTA, InputMailFilters=other\n", "error MTA does not ask Postvet: it has a list of its own", "ok MTA"},
		{filter + "O DaemonPortOptions=Name=MTA, InputMailFilters=other;postvet\n", "ok MTA asks Postvet by a list of its own", "error"},
		{filter + "O DaemonPortOptions=Port=587, Name=MSA, M=E, InputMailFilters=\n", "ok MSA does not ask Postvet; it takes mail from own users", "error"},
		{filter + "O DaemonPortOptions=Name=MTA, Port=smtp\n", "ok Sendmail asks Postvet", "MTA asks"},
		{"Xpostvet, S=inet:8890@127.0.0.1, F=T\nO InputMailFilters=postvet, absent\n", "error InputMailFilters names the filter absent, which no line defines", ""},
		{"INPUT_MAIL_FILTER(`postvet', `S=inet:8890@127.0.0.1, F=T')\nDAEMON_OPTIONS(`Name=MTA-v4, Family=inet, InputMailFilters=')dnl\n", "error MTA-v4 asks no filter", ""},
		{"Xpostvet, S=inet:no-such-service@127.0.0.1, F=T\nO InputMailFilters=postvet\n", "error the port \"no-such-service\" of inet:no-such-service@127.0.0.1 is no service in /etc/services", "ok Sendmail asks"},
		{"INPUT_MAIL_FILTER(`postvet', `S=inet:8899@127.0.0.1, F=T')\n", "error Sendmail asks postvet at inet:8899@127.0.0.1, but Postvet listens on inet:127.0.0.1:8890", "does not ask"},
	} {
		file := filepath.Join(t.TempDir(), "sendmail.cf")
		write(t, file, tc.text)
		f, err := CheckSendmail(file, ours, "mx.example.org")
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(f); !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s\nno %q, or %q, in\n%s", tc.text, tc.want, tc.not, got)
		}
	}
}

// TestMilterMaps: a table of Postfix may switch the milters off for some clients.
func TestMilterMaps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), "smtpd_milters = inet:127.0.0.1:8890\nsmtpd_milter_maps = cidr:/etc/postfix/milters\n")
	write(t, filepath.Join(dir, "master.cf"), plainMaster)
	f, err := CheckPostfix(dir, ours, "host")
	if err != nil {
		t.Fatal(err)
	}
	got := lines(f)
	if !strings.Contains(got, "warning whether smtpd on smtp asks Postvet cannot be told for all clients: smtpd_milter_maps = cidr:/etc/postfix/milters") || strings.Contains(got, "ok smtpd on smtp asks") {
		t.Error(got)
	}
}
