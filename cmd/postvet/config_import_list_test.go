package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
)

// TestImportLists: the list of an import has the commands that copy a peer's list, or
// says where it was copied to. A file that is there is no reason to lose it.
func TestImportLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hosts, conf, copies := filepath.Join(dir, "opendmarc", "ignore.hosts"), filepath.Join(dir, "opendmarc.conf"), filepath.Join(dir, "lists")
	err := errors.Join(os.Mkdir(filepath.Dir(hosts), 0o755), os.WriteFile(hosts, []byte("192.0.2.1\n"), 0o600), os.WriteFile(conf, []byte("IgnoreHosts "+hosts+"\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	code, out, list := runIn(t, "config", "import", "--opendmarc", conf)
	const to = "/etc/postvet/lists/ignore.hosts"
	for _, want := range []string{
		"\nlist: " + hosts + "\n  exempt.addresses names it, and it may vanish when opendmarc is purged.",
		"\n  mkdir -p -m 0755 /etc/postvet/lists && cp -n " + hosts + " " + to + " && chmod 0644 " + to + "\n",
		"write \"file:" + to + "\" in exempt.addresses",
	} {
		if code != exitDone || !strings.Contains(list, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, list)
		}
	}
	if !strings.Contains(out, `"file:`+hosts+`"`) {
		t.Errorf("the configuration: %s", out)
	}
	code, out, list = runIn(t, "config", "import", "--opendmarc", conf, "--copy-lists", copies)
	if code != exitDone || !strings.Contains(out, `addresses = ["file:`+copies+`/ignore.hosts"]`) || !strings.Contains(list, "copied to") || strings.Contains(list, "cp -n") {
		t.Errorf("copied: exit code %d, %s\n%s", code, out, list)
	}
	if err := os.WriteFile(filepath.Join(copies, "ignore.hosts"), []byte("192.0.2.7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, list = runIn(t, "config", "import", "--opendmarc", conf, "--copy-lists", copies)
	if code != exitFailed || out != "" || list != "postvet: "+copies+"/ignore.hosts: is another file already; name another folder with --copy-lists, or replace files that exist with --force\n" {
		t.Errorf("another file: exit code %d, %s%s", code, out, list)
	}
}

// TestImportListWidth: the list keeps within 80 columns, whatever is in the files, except
// for single words and what is to be copied.
func TestImportListWidth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []migrate.File
	for peer, text := range map[peers.Peer]string{
		peers.OpenDKIM:  "Mode v\nOn-BadSignature reject\nPeerList " + strings.Repeat("192.0.2.1,", 50) + "192.0.2.2\nMaximumSignaturesToVerify 3\nKeepAuthResults yes\n",
		peers.OpenDMARC: "RejectFailures yes\nHistoryFile /run/opendmarc/" + strings.Repeat("long", 30) + "\nRejectString " + strings.Repeat("word ", 60) + "\n",
		peers.PySPF:     "Mail_From_reject = SPF_Not_Pass\nWhitelist = 192.0.2.0/24\n",
		peers.OpenARC:   "Mode v\nResponseDisabled reject\n",
	} {
		name := filepath.Join(dir, string(peer)+".conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, migrate.File{Peer: peer, Name: name})
	}
	i, err := migrate.Read(files, "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := writeImport(&b, i); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(b.String()) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if utf8.RuneCountInString(line) > importWidth && strings.Contains(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "reports: ") {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	if n < 60 {
		t.Errorf("only %d lines:\n%s", n, b.String())
	}
}
