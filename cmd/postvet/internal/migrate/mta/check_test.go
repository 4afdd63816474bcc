package mta

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

var ours = Postvet{
	Listen: []string{"inet:127.0.0.1:8890"}, Postfix: "inet:127.0.0.1:8890", Sendmail: "inet:8890@127.0.0.1", AuthservID: "mx.example.org",
	VerdictTimeout: 30 * time.Second, EarlyTimeout: time.Second,
}

// lines returns findings, one a line: "error TEXT; FIX".
func lines(f finding.List) string {
	var b strings.Builder
	for _, one := range f {
		b.WriteString(string(one.Severity) + " " + one.Text + "; " + one.Fix + "\n")
	}
	return b.String()
}

const plainMaster = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_milters=\n127.0.0.1:10025 inet n - n - - smtpd\n  -o receive_override_options=no_milters\n"

func TestCheckPostfix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, main, master string
		want, not          []string
	}{
		{
			name: "all is well", main: "compatibility_level = 3.6\nmyhostname = mx.example.org\nsmtpd_milters = inet:localhost:8890\n", master: plainMaster,
			want: []string{"ok smtpd on smtp asks Postvet (inet:localhost:8890)", "ok smtpd on submission does not ask Postvet", "ok mail waits while", "ok milter_content_timeout is 5m0s", "ok the authserv-id mx.example.org"},
			not:  []string{"error", "warning"},
		},
		{
			name: "nothing set", main: "", master: plainMaster,
			want: []string{"error smtpd on smtp does not ask Postvet; smtpd_milters = inet:127.0.0.1:8890 in main.cf", "warning the authserv-id is mx.example.org, the MTA calls itself host"},
		},
		{
			name: "a service of its own list", main: "smtpd_milters = inet:127.0.0.1:8890", master: "smtp inet n - y - - smtpd\n2525 inet n - y - - smtpd -o smtpd_milters=inet:9999",
			want: []string{"ok smtpd on smtp asks", "error smtpd on 2525 does not ask Postvet"},
		},
		{
			name: "peers, order and settings", master: plainMaster,
			main: "smtpd_milters = unix:opendkim/opendkim.sock, inet:127.0.0.1:8890, unix:opendmarc/opendmarc.sock\nmilter_default_action = accept\nmilter_protocol = 2\nmilter_content_timeout = 20s\nmilter_command_timeout = 1\nnon_smtpd_milters = $smtpd_milters\n",
			want: []string{
				"warning unix:opendmarc/opendmarc.sock is asked about each message too", "warning unix:opendkim/opendkim.sock is asked before Postvet",
				"error mail passes unchecked while Postvet is away", "error milter_protocol = 2", "error milter_content_timeout is 20s, but Postvet may take 30s",
				"error milter_command_timeout is 1s, but Postvet may take 1s", "warning non_smtpd_milters has Postvet",
			},
		},
		{
			name: "Postvet's entry has settings of its own", master: plainMaster,
			main: "smtpd_milters = { inet:127.0.0.1:8890, default_action=accept, content_timeout=20s }\n",
			want: []string{
				"error mail passes unchecked while Postvet is away, with forged results inside (default_action=accept in Postvet's entry of smtpd_milters); default_action=tempfail in Postvet's entry of smtpd_milters",
				"error content_timeout in Postvet's entry of smtpd_milters is 20s, but Postvet may take 30s",
			},
			not: []string{"mail waits"},
		},
		{
			name: "and does not share those of the others", master: plainMaster,
			main: "smtpd_milters = { inet:127.0.0.1:8890, default_action=tempfail } inet:127.0.0.1:11332\nmilter_default_action = accept\n",
			want: []string{"ok mail waits while Postvet is away (default_action=tempfail in Postvet's entry of smtpd_milters)"},
			not:  []string{"error"},
		},
		{
			name: "a service with settings of its own", main: "smtpd_milters = inet:opendmarc:1 inet:127.0.0.1:8890",
			master: "smtp inet n - y - - smtpd\n2525 inet n - y - - smtpd -o milter_default_action=accept\n",
			want: []string{
				"ok smtpd on smtp: mail waits while Postvet is away (milter_default_action = tempfail)",
				"error smtpd on 2525: mail passes unchecked while Postvet is away, with forged results inside (milter_default_action=accept in master.cf); milter_default_action=tempfail in master.cf",
				"ok milter_protocol is 6",
			},
		},
		{
			name: "users at an address of its own", main: "smtpd_milters =", master: "192.0.2.1:587 inet n - y - - smtpd\n192.0.2.1:25 inet n - y - - smtpd\n",
			want: []string{"ok smtpd on 192.0.2.1:587 does not ask Postvet", "error smtpd on 192.0.2.1:25 does not ask Postvet"},
		},
		{
			name: "milters are switched off", main: "smtpd_milters = inet:127.0.0.1:8890\nreceive_override_options = no_milters\n", master: "smtp inet n - y - - smtpd\n",
			want: []string{"error smtpd on smtp does not ask Postvet: receive_override_options has no_milters; take no_milters out"},
		},
		{name: "no smtpd", main: "", master: "pickup unix n - y 60 1 pickup\n", want: []string{"error master.cf has no service that runs smtpd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.cf"), c.main)
			write(t, filepath.Join(dir, "master.cf"), c.master)
			f, err := CheckPostfix(dir, ours, "host")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, lines(f), c.want, c.not)
		})
	}
	if _, err := CheckPostfix(t.TempDir(), ours, "host"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without main.cf: %v", err)
	}
}

// TestFoundOnce: two services with one list have the same finding once.
func TestFoundOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), "smtpd_milters = unix:opendmarc/opendmarc.sock inet:127.0.0.1:8890\n")
	write(t, filepath.Join(dir, "master.cf"), "smtp inet n - y - - smtpd\nsmtpd pass - - y - - smtpd\n")
	f, err := CheckPostfix(dir, ours, "host")
	if err != nil {
		t.Fatal(err)
	}
	got := lines(f)
	for _, w := range []string{"is asked about each message too", "is asked before Postvet"} {
		if n := strings.Count(got, w); n != 1 {
			t.Errorf("%q stands %d times in\n%s", w, n, got)
		}
	}
}

// TestNoText is about files that would pass for ones that set nothing.
func TestNoText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"is no text": "smtpd_milters\x00= inet:127.0.0.1:8890\n", "is larger than 4 MB": strings.Repeat("#\n", 3<<20)} {
		for _, bad := range []string{"main.cf", "master.cf", "sendmail.cf"} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.cf"), "")
			write(t, filepath.Join(dir, "master.cf"), plainMaster)
			file := filepath.Join(dir, bad)
			write(t, file, text)
			_, err := CheckPostfix(dir, ours, "host")
			if bad == "sendmail.cf" {
				_, err = CheckSendmail(file, ours, "host")
			}
			if err == nil || err.Error() != "read "+file+": "+name {
				t.Errorf("%s: %v", bad, err)
			}
		}
	}
}

// TestAnsweredAtOnce: if a recipient is answered at once, the MTA's timeout for it does
// not matter.
func TestAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), "smtpd_milters = inet:127.0.0.1:8890\n")
	write(t, filepath.Join(dir, "master.cf"), plainMaster)
	for early, want := range map[time.Duration]bool{0: false, time.Second: true} {
		o := ours
		o.EarlyTimeout = early
		f, err := CheckPostfix(dir, o, "host")
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(f); strings.Contains(got, "milter_command_timeout") != want || strings.Contains(got, "within 0s") {
			t.Errorf("recipients are answered within %v:\n%s", early, got)
		}
	}
}

// TestPassedSockets is about sockets whose addresses only systemd knows.
func TestPassedSockets(t *testing.T) {
	t.Parallel()
	o := ours
	o.Listen, o.Postfix, o.Sendmail = []string{"systemd:postvet"}, "", ""
	for milters, want := range map[string]string{
		"inet:127.0.0.1:1": "warning whether %s asks Postvet cannot be told: systemd:postvet is a socket of systemd's; compare",
		"":                 "error %s does not ask Postvet",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "main.cf"), "smtpd_milters = "+milters+"\n")
		write(t, filepath.Join(dir, "master.cf"), "smtp inet n - y - - smtpd\n")
		f, err := CheckPostfix(dir, o, "host")
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(f); !strings.Contains(got, strings.Replace(want, "%s", "smtpd on smtp", 1)) || strings.Contains(got, "smtpd_milters = in main.cf") {
			t.Errorf("Postfix, %q:\n%s", milters, got)
		}
		text := ""
		if milters != "" {
			text = "INPUT_MAIL_FILTER(`x', `S=" + milters + "')\n"
		}
		file := filepath.Join(dir, "sendmail.mc")
		write(t, file, text)
		if f, err = CheckSendmail(file, o, "host"); err != nil {
			t.Fatal(err)
		}
		if got := lines(f); !strings.Contains(got, strings.Replace(want, "%s", "Sendmail", 1)) || strings.Contains(got, "S=,") {
			t.Errorf("Sendmail, %q:\n%s", milters, got)
		}
	}
}

// TestCheckPostfixSocket is about unix sockets as a chrooted smtpd sees them.
func TestCheckPostfixSocket(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	queue := t.TempDir()
	path := filepath.Join(queue, "postvet", "postvet.sock")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := ours
	o.Listen, o.Postfix = []string{"unix:" + path}, "unix:"+path
	for _, c := range []struct{ milter, want string }{
		{"unix:postvet/postvet.sock", "ok the user " + me.Username + " can open the socket " + path},
		{"unix:/postvet/postvet.sock", "ok the user " + me.Username + " can open the socket " + path},
		{"unix:" + path, "runs in a chroot at " + queue + " and looks for " + path + " below it; smtpd_milters = unix:postvet/postvet.sock"},
		{"unix:absent/postvet.sock", "smtpd on smtp asks unix:absent/postvet.sock, but Postvet listens on unix:" + path + "; smtpd_milters = unix:postvet/postvet.sock in main.cf"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "main.cf"), "queue_directory = "+queue+"\nmail_owner = "+me.Username+"\nsmtpd_milters = "+c.milter+"\n")
		write(t, filepath.Join(dir, "master.cf"), "smtp inet n - y - - smtpd\n")
		f, err := CheckPostfix(dir, o, "host")
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(f); !strings.Contains(got, c.want) {
			t.Errorf("%s: no %q in\n%s", c.milter, c.want, got)
		}
	}
}

// TestCanConnect is about accounts that are not root.
func TestCanConnect(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "reach")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stranger := account.Account{Name: "stranger", UID: 54321, GIDs: []int{54321}}
	ofGroup := account.Account{Name: "member", UID: 54321, GIDs: []int{os.Getgid()}}
	for _, c := range []struct {
		name         string
		who          account.Account
		folder, sock fs.FileMode
		want         string
	}{
		{"shut out of the folder", stranger, 0o700, 0o666, "may not enter " + dir},
		{"shut out of the socket", stranger, 0o755, 0o660, "may not open the socket"},
		{"the group comes in", ofGroup, 0o750, 0o660, "can open the socket"},
		{"the group may only read", ofGroup, 0o750, 0o640, "may not open the socket"},
	} {
		if err := errors.Join(os.Chmod(dir, c.folder), os.Chmod(path, c.sock)); err != nil {
			t.Fatal(err)
		}
		var f check
		f.canConnect(c.who, path)
		if got := lines(f.List); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	var f check
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	f.isSafe(path)
	if got := lines(f.List); !strings.Contains(got, "Sendmail calls the socket unsafe") {
		t.Errorf("a folder that all may write to: %q", got)
	}
	f = check{}
	f.isSafe("here/s") // and does not look for the root of a path that has none
	f.canConnect(stranger, filepath.Join(dir, "absent"))
	if got := lines(f.List); !strings.Contains(got, "there is no socket at") {
		t.Error(got)
	}
}

func TestCheckSendmail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want, not  []string
	}{
		{
			name: "all is well", text: "Djmx.example.org\nO InputMailFilters=postvet\nXpostvet, S=inet:8890@127.0.0.1, F=T, T=C:30s;S:10s;R:60s;E:5m\n",
			want: []string{"ok Sendmail asks Postvet", "ok mail waits", "ok the filter's timeout E is 5m0s"}, not: []string{"error", "warning"},
		},
		{
			name: "defined and not listed", text: "Xpostvet, S=inet:8890@127.0.0.1, F=T\n",
			want: []string{"error Sendmail does not ask Postvet; add to sendmail.mc: INPUT_MAIL_FILTER(`postvet', `S=inet:8890@127.0.0.1, F=T"},
		},
		{
			name: "lets mail pass", text: "INPUT_MAIL_FILTER(`opendmarc', `S=inet:8893@localhost')\nINPUT_MAIL_FILTER(`postvet', `S=inet:8890@127.0.0.1, T=E:20s;R:2s')\n",
			want: []string{"error mail passes unchecked", "error the filter's timeout E is 20s", "error the filter's timeout R is 2s", "warning opendmarc is asked about each message too", "warning opendmarc is asked before"},
		},
		{
			name: "a path that is not whole", text: "O InputMailFilters=postvet\nXpostvet, S=local:postvet.sock, F=T\n",
			want: []string{"ok Sendmail asks Postvet (local:postvet.sock)", "warning the path of the socket local:postvet.sock is not absolute"},
		},
		{name: "refuses mail", text: "INPUT_MAIL_FILTER(`p', `S=inet:8890@127.0.0.1, F=R')\n", want: []string{"warning while Postvet is away, F=R (mail is refused for good)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "sendmail.cf")
			write(t, file, c.text)
			o := ours
			o.Listen = append(o.Listen, "unix:/run/postvet.sock")
			f, err := CheckSendmail(file, o, "mx.example.org")
			if err != nil {
				t.Fatal(err)
			}
			got := lines(f)
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
			for _, n := range c.not {
				if strings.Contains(got, n) {
					t.Errorf("has %q:\n%s", n, got)
				}
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
