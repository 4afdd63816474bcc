package mtasetup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// units returns a folder with the packaged socket units.
func units(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, at := range map[string]string{"postvet.socket": "/run/postvet/postvet.sock", "postvet-postfix.socket": "/var/spool/postfix/postvet/postvet.sock"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("[Socket]\nListenStream="+at+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	unitSendmail = "unix:/run/postvet/postvet.sock"
	unitPostfix  = "unix:/var/spool/postfix/postvet/postvet.sock"
)

// TestSockets: the key listen, the running service and the units count in this order.
func TestSockets(t *testing.T) {
	t.Parallel()
	dir := units(t)
	for _, tc := range []struct {
		name, listen string
		sources      Sources
		want         string
	}{
		{"listen", `listen = ["inet:8@127.0.0.1"]`, Sources{Running: []string{unitSendmail}, UnitFolders: []string{dir}}, "inet:127.0.0.1:8, as listen says (p.toml:1)"},
		{"the running service", "", Sources{Running: []string{"inet:*:8890"}, Control: "/c", UnitFolders: []string{dir}}, "inet:*:8890, as the running service says (/c)"},
		{"it knows what is passed", `listen = ["systemd:postvet"]`, Sources{Running: []string{unitSendmail}, Control: "/c"}, unitSendmail + ", as the running service says (/c)"},
		{"nobody knows what is passed", `listen = ["systemd:postvet"]`, Sources{UnitFolders: []string{dir}}, "systemd:postvet, as listen says (p.toml:1)"},
		{"the units", "", Sources{UnitFolders: []string{dir}}, unitSendmail + ", " + unitPostfix + ", as systemd's postvet.socket and postvet-postfix.socket say"},
		{"a service that refuses", "", Sources{Refused: "permission denied", UnitFolders: []string{dir}}, unitSendmail + ", " + unitPostfix + ", as systemd's postvet.socket and postvet-postfix.socket say; the running service was not asked: permission denied"},
		{"nothing", "", Sources{}, "inet:127.0.0.1:8890, as by default"},
	} {
		c, err := config.Parse("p.toml", []byte(tc.listen+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := tc.sources.Sockets(c).String(); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// TestForMTAs: an MTA is told the socket that a service with the new file has.
func TestForMTAs(t *testing.T) {
	t.Parallel()
	packaged := []string{units(t)}
	for _, tc := range []struct {
		name, listen             string
		sources                  Sources
		postfix, sendmail, known string
	}{
		{"the packaged units", "", Sources{UnitFolders: packaged}, "unix:postvet/postvet.sock", unitSendmail, "as systemd's"},
		{"one unit is disabled", "", Sources{Running: []string{unitSendmail}, Control: "/c", UnitFolders: packaged}, unitSendmail, unitSendmail, "as the running service says (/c)"},
		{"the file before said listen", "", Sources{Running: []string{"inet:127.0.0.1:9"}, UnitFolders: packaged}, "unix:postvet/postvet.sock", unitSendmail, "as systemd's"},
		{"without units", "", Sources{Running: []string{"inet:*:9"}, Control: "/c"}, "inet:127.0.0.1:9", "inet:9@127.0.0.1", "as the running service says"},
		{"the flag", "inet:127.0.0.1:7", Sources{Running: []string{unitSendmail}, UnitFolders: packaged}, "inet:127.0.0.1:7", "inet:7@127.0.0.1", "as --socket says"},
		{"the flag names a passed socket", "systemd:postvet", Sources{UnitFolders: packaged}, "unix:postvet/postvet.sock", unitSendmail, "as systemd's"},
		{"nothing", "", Sources{}, "inet:127.0.0.1:8890", "inet:8890@127.0.0.1", "as by default"},
	} {
		sockets, postfix, sendmail, err := tc.sources.ForMTAs(tc.listen)
		known := sockets.String()
		if err != nil || postfix != tc.postfix || sendmail != tc.sendmail || !strings.Contains(known, tc.known) {
			t.Errorf("%s: %s, %s, %s, %v", tc.name, postfix, sendmail, known, err)
		}
	}
	if _, _, _, err := (Sources{}).ForMTAs("systemd:postvet"); err == nil {
		t.Error("a passed socket that nobody knows: no error")
	}
}
