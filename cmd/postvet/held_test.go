package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

// TestHeld holds messages and lists them: with the running service, with the stopped one,
// and in the bare files. A queue id that a shell would not take for a word gets no command.
func TestHeld(t *testing.T) {
	t.Parallel()
	withinDay(t, time.Minute)
	dir := filepath.Join(t.TempDir(), "journal")
	s, socket, file := startControlled(t, "[journal]\ndirectory = \""+dir+"\"\nprivacy = \"addresses\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	for _, id := range []string{"3A7B812345", "3A7B812346", "$(reboot)"} {
		m.hold(id)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, out, _ := runIn(t, "held", "--socket", socket); strings.Contains(out, "3 messages held") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("the messages are not listed: %s", out)
		}
	}
	for _, from := range [][]string{{"--socket", socket}, {"--config", file}, {"--journal", dir}} {
		if from[0] == "--config" {
			s.signal(syscall.SIGTERM)
			s.waitExit()
		}
		ask := func(want int, args ...string) string {
			t.Helper()
			out, errOut := runFor(t, want, append(append([]string{"held"}, args...), from...)...)
			return out + errOut
		}
		var doc struct{ Groups []held.Group }
		if err := json.Unmarshal([]byte(ask(exitDone, "--json")), &doc); err != nil || len(doc.Groups) != 1 || len(doc.Groups[0].Messages) != 3 {
			t.Fatalf("%+v, %v", doc, err)
		}
		g := doc.Groups[0]
		one, bad := g.Messages[1], g.Messages[0]
		if bad.Queue != "$(reboot)" || len(bad.Release)+len(bad.Delete) > 0 {
			t.Errorf("%+v", bad)
		}
		if g.Author != "held.example" || one.From != "x@evil.example" || one.Rule != "dmarc-quarantine" || one.Recipients != 1 || len(one.To) != 1 || len(one.Why) == 0 || one.State != "" {
			t.Errorf("%+v", one)
		}
		id := one.Queue
		text := ask(exitDone, "--day", "today", "--rule", "dmarc-quarantine", "--domain", "held.example")
		for _, want := range []string{"held.example: 3 messages held, the oldest for ", "from  x@evil.example to ", "why   ", "      postsuper -H " + id + "\n", "      postsuper -d " + id + "\n", "All of them:\n", "      postsuper -H 3A7B812346 -H 3A7B812345\n", "no command."} {
			if !strings.Contains(text, want) {
				t.Errorf("held %q lacks %q:\n%s", from, want, text)
			}
		}
		if text := ask(exitDone, "--markdown"); !strings.Contains(text, "# Held mail\n") || !strings.Contains(text, "```text\npostsuper -H "+id+" -H ") {
			t.Error(text)
		}
		out, _ := runFor(t, exitDone, append([]string{"held", "--csv", "--limit", "2"}, from...)...)
		cells, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if len(cells) != 3 || cells[2][2] != id || cells[2][14] != "postsuper -H "+id {
			t.Errorf("%q, %v", cells, err)
		}
		ask(exitNo, "--day", "yesterday")
		ask(exitNo, "--rule", "judgement")
		ask(exitNo, "--domain", "other.example")
		ask(exitUsage, "--day", "tomorrow")
		ask(exitUsage, "--mta", "exim")
		ask(exitUsage, "--json", "--csv")
		ask(exitUsage, "--limit", "0")
		ask(exitUsage, "--mta", "postfix", "--fleet")
	}
}

// TestHeldAsksTheMTA lists what the MTA still holds. It is not asked without --mta, and its
// failure is an error.
func TestHeldAsksTheMTA(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	s, socket, _ := startControlled(t, "[journal]\ndirectory = \""+dir+"\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	const id = "3A7B812345"
	m.hold(id)
	s.signal(syscall.SIGTERM)
	s.waitExit()
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, tc := range []struct {
		name, mta, program, script string
		want                       int
	}{
		{"held by Postfix", "postfix", "postqueue", `echo '{"queue_name": "hold", "queue_id": "` + id + `"}'`, exitDone},
		{"released", "postfix", "postqueue", `echo '{"queue_name": "deferred", "queue_id": "` + id + `"}'`, exitNo},
		{"not JSON", "postfix", "postqueue", "echo mail queue is empty", exitNo},
		{"a failure", "postfix", "postqueue", "echo no >&2; exit 1", exitFailed},
		{"empty quarantine", "sendmail", "mailq", "echo '/var/spool/mqueue is empty'", exitNo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(bin, tc.program), []byte("#!/bin/sh\n"+tc.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			out, errOut := runFor(t, tc.want, "held", "--mta", tc.mta, "--json", "--journal", dir)
			if (tc.want == exitDone) != strings.Contains(out, `"state": "held"`) {
				t.Errorf("%s%s", out, errOut)
			}
		})
	}
}

// hold sends a message that is held, with a queue id.
func (m *milterClient) hold(id string) {
	m.t.Helper()
	body := m.begin("x@evil.example", testMessage(m.t, "quarantine.eml"))
	m.send('D', "Ei\x00"+id+"\x00")
	changes, verdict := m.end(body)
	if !slices.ContainsFunc(changes, func(c string) bool { return c[0] == 'q' }) {
		m.t.Fatalf("the message is not held: %q, %q", changes, verdict)
	}
}

// TestHeldCap: of a domain no more is held than allowed, which is told once.
func TestHeldCap(t *testing.T) {
	t.Parallel()
	s, socket, _ := startControlled(t, "[policy]\nhold_per_domain = 1\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.hold("3A7B812345")
	for range 2 {
		if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "quarantine.eml"))); !strings.HasPrefix(verdict, "reply 451 4.7.1 The message is to be held for review") {
			t.Errorf("verdict %q", verdict)
		}
	}
	s.waitLog(`"overrides":["local_policy policy.hold_per_domain (tempfail)"]`, 2)
	s.waitLog("as much mail is held today as allowed; more is not held", 1)
}

// TestHeldCapAfterRestart: what was held before a restart counts for the caps, of the domain
// and of the day.
func TestHeldCapAfterRestart(t *testing.T) {
	t.Parallel()
	withinDay(t, time.Minute)
	dir := filepath.Join(t.TempDir(), "journal")
	s, socket, file := startControlled(t, fmt.Sprintf("[policy]\nhold_per_domain = 2\n[journal]\ndirectory = %q\n", dir))
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.hold("3A7B812345")
	m.hold("3A7B812346")
	s.signal(syscall.SIGTERM)
	s.waitExit()
	s = startService(t, nil, "--config", file)
	s.waitLog(`"msg":"mail that was held today before the start is counted for the caps","messages":2`, 1)
	m = dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "quarantine.eml"))); !strings.HasPrefix(verdict, "reply 451 4.7.1 The message is to be held for review") {
		t.Errorf("verdict %q", verdict)
	}
}

// TestHeldDigest: a service finds at its start that a digest is overdue, and mails what the
// one before has held.
func TestHeldDigest(t *testing.T) {
	t.Parallel()
	mta := &submissiontest.Server{}
	dir := filepath.Join(t.TempDir(), "journal")
	more := fmt.Sprintf("[journal]\ndirectory = %q\nprivacy = \"addresses\"\n[report]\nsmtp = %q\n", dir, mta.Start(t))
	s, socket, file := startControlled(t, more)
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	m.hold("3A7B812345")
	m.hold("$(reboot)")
	s.signal(syscall.SIGTERM)
	s.waitExit()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "[policy]\n", "[policy]\nhold_digest = \"postmaster@good.example\"\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s = startService(t, nil, "--config", file)
	if !eventually(func() bool { return len(mta.Messages()) == 1 }) {
		t.Fatal("no mail")
	}
	got := mta.Messages()[0]
	parsed, err := mail.ReadMessage(bytes.NewReader(got.Data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if err != nil || got.From != "postvet@mx.test.example" || got.To != "postmaster@good.example" || parsed.Header.Get("Auto-Submitted") != "auto-generated" ||
		parsed.Header.Get("Subject") != "Held mail at mx.test.example: 2 messages of 1 author domain" {
		t.Errorf("%+v, %v: %s", got, err, got.Data)
	}
	for _, want := range []string{"held.example: 2 messages held, ", "from  x@evil.example to user@test.example", "      postsuper -H 3A7B812345\r\n", "no command."} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the mail lacks %q:\n%s", want, body)
		}
	}
	if strings.Contains(string(body), "-H $") {
		t.Errorf("%s", body)
	}
	if !eventually(func() bool { _, err := os.Stat(filepath.Join(dir, "held-digest")); return err == nil }) {
		t.Error("when it was sent is not kept")
	}
	runFor(t, exitDone, "journal", "verify", "--journal", dir)
	s.signal(syscall.SIGTERM)
	s.waitExit()
	s = startService(t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	s.signal(syscall.SIGTERM)
	s.waitExit()
	if n := len(mta.Messages()); n != 1 {
		t.Errorf("%d mails, the next service sent another", n)
	}
}
