package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/postvet/postvet/policy/result"
)

// TestReloadRules changes the files of rules under an open connection. Faulty
// ones are refused by file and line, and the old rules stay active.
func TestReloadRules(t *testing.T) {
	t.Parallel()
	dir, resolver := t.TempDir(), testResolver(t)
	socket, file, rules, shadow := filepath.Join(dir, "s"), filepath.Join(dir, "postvet.toml"), filepath.Join(dir, "rules.toml"), filepath.Join(dir, "next.toml")
	writeConfig(t, file, "listen = [\"unix:"+socket+"\"]\nauthserv_id = \"mx.test.example\"\nrules = [\"rules.toml\"]\nshadow_rules = [\"next.toml\"]\n[dns]\nresolvers = [\""+resolver+"\"]\n")
	const refuse = "[[rule]]\nname = \"no-evil\"\nmail_from = [\"evil.example\"]\naction = \"reject\"\ntext = \"{rule}\"\n"
	writeConfig(t, rules, refuse)
	writeConfig(t, shadow, strings.Replace(refuse, "reject\"\ntext = \"{rule}", "discard", 1))
	s := startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)

	spoof := testMessage(t, "spoof.eml")
	m := dialMTA(t, "unix", socket)
	m.connect("192.0.2.66", "evil.example")
	verdict := func() string { // without the reference, which each refusal has
		t.Helper()
		_, v := m.end(m.begin("x@evil.example", spoof))
		text, ref, found := strings.Cut(v, "; ref ")
		if _, err := result.ParseReference(ref); found && err != nil {
			t.Errorf("the reply %q has no reference", v)
		}
		if strings.HasPrefix(v, "reply ") != found {
			t.Errorf("a reference in %q: %t", v, found)
		}
		return text
	}
	if v := verdict(); v != "reply 550 5.7.1 no-evil" {
		t.Fatalf("the rule gave %q", v)
	}
	s.waitLog(`"shadow":"discard no-evil"`, 1)

	for n, faulty := range []struct{ text, want string }{
		{strings.Replace(refuse, "evil.example", "evil..example", 1), rules + `:3: rule no-evil: mail_from: `},
		{strings.Replace(refuse, "mail_from", "if = 'form == 1'\nmail_from", 1), rules + `:3: rule no-evil: if: column 1: unknown name form; did you mean from?`},
		{refuse + refuse, rules + `:6: rule no-evil: the name is that of `},
		{"mode = \"off\"\n", rules + `:1: mode: `},
	} {
		writeConfig(t, rules, faulty.text)
		s.signal(syscall.SIGHUP)
		line := s.waitLog("configuration refused, the old one stays in force", n+1)
		if !strings.Contains(line, faulty.want) {
			t.Errorf("the log says %s", line)
		}
		if v := verdict(); v != "reply 550 5.7.1 no-evil" {
			t.Fatalf("after refused rules the rule gave %q", v)
		}
	}
	writeConfig(t, rules, strings.Replace(refuse, "reject\"", "tempfail\"", 1))
	s.signal(syscall.SIGHUP)
	s.waitLog(`"msg":"configuration reloaded"`, 1)
	if v := verdict(); v != "reply 451 4.7.1 no-evil" {
		t.Fatalf("the new rule gave %q", v)
	}
	s.signal(syscall.SIGTERM)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}
