package migrate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRead(t *testing.T) {
	t.Parallel()
	i, err := Read([]File{
		{peers.OpenDMARC, write(t, "opendmarc.conf", "AuthservID mx.example.org\nSocket inet:8893@localhost\n")},
		{peers.OpenDKIM, write(t, "opendkim.conf", "# nothing\n")},
	}, "unix:/run/postvet.sock")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`authserv_id = "mx.example.org"`, `listen = ["unix:/run/postvet.sock"]`} {
		if !strings.Contains(i.TOML, want) {
			t.Errorf("no %s in\n%s", want, i.TOML)
		}
	}
	if len(i.Unset) != 1 || i.Unset[0].Peer != peers.OpenDKIM {
		t.Errorf("files that set nothing: %+v", i.Unset)
	}
	if err := i.EditMTA(write(t, "main.cf", "smtpd_milters = inet:localhost:8893\n"), mtasetup.Sources{}); err != nil || i.Edit.Lines[0].New != "smtpd_milters = unix:/run/postvet.sock" {
		t.Errorf("%v, %+v", err, i.Edit)
	}
	if err := i.EditMTA(write(t, "sendmail.mc", "INPUT_MAIL_FILTER(`opendmarc', `S=inet:8893@localhost')dnl\n"), mtasetup.Sources{}); err != nil || !strings.Contains(i.Edit.Lines[0].New, "S=unix:/run/postvet.sock, F=T") {
		t.Errorf("%v, %+v", err, i.Edit)
	}
}

// TestReadFaults: a fault of the new configuration is named by its place in the
// peer's file.
func TestReadFaults(t *testing.T) {
	t.Parallel()
	file := write(t, "opendmarc.conf", "Syslog true\nAuthservID mx.example.org\nIgnoreHosts /absent/hosts\n")
	_, err := Read([]File{{peers.OpenDMARC, file}}, "")
	var faults peers.Faults
	if !errors.As(err, &faults) || len(faults) != 1 || faults[0].File != file || faults[0].Line != 3 || faults[0].Option != "IgnoreHosts" {
		t.Errorf("%v", err)
	}
	var unreadable *fs.PathError
	if _, err := Read([]File{{peers.OpenDMARC, filepath.Dir(file)}}, ""); !errors.As(err, &unreadable) {
		t.Errorf("a folder: %v", err)
	}
}

// TestTrustedClients: hosts that the MTA trusts and the new configuration checks stand
// among the notes on the MTA's file, and so do filters that hand mail back.
func TestTrustedClients(t *testing.T) {
	t.Parallel()
	i, err := Read([]File{{peers.OpenDMARC, write(t, "opendmarc.conf", "RejectFailures true\nSocket inet:8893@localhost\n")}}, "")
	if err != nil {
		t.Fatal(err)
	}
	main := write(t, "main.cf", "smtpd_milters = inet:localhost:8893\nmynetworks = 127.0.0.1 192.0.2.7\ncontent_filter = scan:[127.0.0.1]:10024\n")
	notes := func() string {
		if err := i.EditMTA(main, mtasetup.Sources{}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(i.Edit.Notes, "\n")
	}
	const printer = `[exempt] addresses = ["127.0.0.1", "192.0.2.7"]`
	if got := notes(); !strings.Contains(got, printer) || strings.Contains(got, "10025") {
		t.Errorf("without master.cf: %s", got)
	}
	master := filepath.Join(filepath.Dir(main), "master.cf")
	if err := os.WriteFile(master, []byte("smtp inet n - n - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := notes(); !strings.Contains(got, printer) || !strings.Contains(got, "smtpd on 127.0.0.1:10025 takes mail back from a content filter") {
		t.Errorf("with master.cf: %s", got)
	}
	mc := write(t, "sendmail.mc", "INPUT_MAIL_FILTER(`opendmarc', `S=inet:8893@localhost')dnl\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(mc), "access"), []byte("Connect:192.0.2.7 RELAY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	main = mc
	if got := notes(); !strings.Contains(got, printer) {
		t.Errorf("Sendmail: %s", got)
	}
}
