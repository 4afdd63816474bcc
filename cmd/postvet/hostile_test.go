package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/foreign"
)

// TestHostileMessages: whatever a file holds, there is a defined result.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	resolver, dir := testResolver(t), t.TempDir()
	noise := make([]byte, 200000)
	chaos := rand.NewChaCha8([32]byte{1})
	_, _ = chaos.Read(noise)
	signature := "DKIM-Signature: v=1; a=rsa-sha256; d=good.example; s=rsa; h=from; bh=AAAA; b=AAAA\n"
	for _, tc := range []struct {
		name, text, rule string
	}{
		{"empty", "", "ambiguous-author"},
		{"only a line end", "\n", "ambiguous-author"},
		{"no line end", "From: a@good.example", "dmarc-reject"},
		{"header without end", "From: a@good.example\nSubject: x\n", "dmarc-reject"},
		{"no header", "\nbody\n", "ambiguous-author"},
		{"no body", "From: a@good.example\n\n", "dmarc-reject"},
		{"From without value", "From:\n\nx\n", "ambiguous-author"},
		{"two From fields", "From: a@good.example\nFrom: a@good.example\n\nx\n", "ambiguous-author"},
		{"unreadable From", "From: <<a@@good.example>>\n\nx\n", "ambiguous-author"},
		{"NUL in From", "From: a@good.example\x00@evil.example\n\nx\n", "ambiguous-author"},
		{"NUL in body", "From: a@good.example\n\n\x00\x00\n", "dmarc-reject"},
		{"bare CR", "From: a@good.example\rFrom: b@evil.example\n\nx\r\r\n", ""},
		{"line that is no field", "From: a@good.example\nthis is no field\nFrom: b@evil.example\n\nx\n", "dmarc-reject"},
		{"10,000 fields", "From: a@good.example\n" + strings.Repeat("X: y\n", 10000) + "\nx\n", "oversize"},
		{"field of 1 MB", "From: a@good.example\nX: " + strings.Repeat("y", 1<<20) + "\n\nx\n", "oversize"},
		{"1,000 signatures", "From: a@good.example\n" + strings.Repeat(signature, 1000) + "\nx\n", "dmarc-reject"},
		{"line of 2 MB", "From: a@good.example\n" + signature + "\n" + strings.Repeat("x", 2<<20), "dmarc-reject"},
		{"noise", string(noise), ""},
		{"noise as body", "From: a@good.example\n" + signature + "\n" + string(noise), "dmarc-reject"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, strings.ReplaceAll(tc.name, " ", "-"))
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			code, out, errOut := runIn(t, "check", "--config", "testdata/always.toml", "--json", "--resolver", resolver, "--authserv-id", "mx.test.example",
				"--ip", "192.0.2.66", "--helo", "evil.example", "--mail-from", "x@evil.example", file)
			if took := time.Since(start); took > patience {
				t.Errorf("took %v", took)
			}
			if code != exitNo || errOut != "" {
				t.Errorf("exit code %d, %s", code, errOut)
			}
			lacking(t, out)
			var r struct {
				Verdict struct{ Action, Rule, Code, Text string }
				Faults  []string
			}
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatal(err)
			}
			if len(r.Faults) > 0 {
				t.Errorf("faults %q", r.Faults)
			}
			if tc.rule != "" && r.Verdict.Rule != tc.rule {
				t.Errorf("rule %s, want %s", r.Verdict.Rule, tc.rule)
			}
			if r.Verdict.Action != "reject" || r.Verdict.Code == "" || r.Verdict.Text == "" {
				t.Errorf("verdict %+v", r.Verdict)
			}
			// The report for a person must bear the same input.
			if code, out, _ := runIn(t, "check", "--trace", "--resolver", resolver, "--ip", "192.0.2.66", file); code != exitNo || strings.ContainsAny(out, "\x00\x1b\r") {
				t.Errorf("exit code %d, %q", code, out)
			}
		})
	}
}

// TestHostileImport: what stands in a file of another program does not reach the
// terminal, be it an option that is taken, one that is not, or a line to change.
func TestHostileImport(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2J\x07\u009b2J\u202e\u200b\x7fx"
	fill := func(text string) string { return strings.ReplaceAll(text, "@", hostile) }
	for _, tc := range []struct {
		name, peer, text string
		code             int
	}{
		{"kept by opendkim", "opendkim", "PidFile /run/@\nSelector s@\nSocket inet:8891 @\nKeyFile refile:/@\nLogWhy yes # @\n", exitDone},
		{"unknown to opendkim", "opendkim", "Selector s@\n@ yes\nBad@ @\n", exitNo},
		{"refused by opendkim", "opendkim", "LogWhy @\nInternalHosts 192.0.2.1,@\n", exitNo},
		{"kept by opendmarc", "opendmarc", "PidFile /run/@\nHistoryFile /@\nSocket local:/@\n", exitDone},
		{"refused by opendmarc", "opendmarc", "AuthservID mx@.example\nIgnoreMailFrom a@.example\n", exitNo},
		{"refused by pyspf-milter", "pyspf", "HELO_reject = @\nWhitelist = @\n@ = 1\n@\n", exitNo},
		{"refused by openarc", "openarc", "Selector s@\n@ x\n", exitNo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, order := filepath.Join(dir, "peer.conf"), filepath.Join(dir, "main.cf")
			for name, text := range map[string]string{
				file: fill(tc.text), order: fill("smtpd_milters = inet:127.0.0.1:8891, unix:/@\nmilter_default_action = @\n"),
			} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, more := range []string{"", "--json"} {
				args := []string{"config", "import", "--" + tc.peer, file, "--milter-order", order}
				if more != "" {
					args = append(args, more)
				}
				code, out, errOut := runIn(t, args...)
				if code != tc.code || out+errOut == "" {
					t.Errorf("exit code %d, want %d: %s", code, tc.code, errOut)
				}
				for _, r := range out + errOut {
					if r != '\n' && !foreign.IsReadable(r) {
						t.Fatalf("%q came through in %q", r, out+errOut)
					}
				}
			}
		})
	}
}
