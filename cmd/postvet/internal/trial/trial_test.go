package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// put writes files below a folder.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRun: a message that cannot be evaluated is named, and the run goes on.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"1-spoof": "From: a@bank.example\n\nx\n", "1-spoof.envelope": "ip 192.0.2.66\nhelo evil.example\nmail-from x@evil.example\nrcpt user@test.example\n",
		"2-empty": "", "3-no-mail": "nothing of a message\n", "4-large": "From: a@bank.example\n\n" + strings.Repeat("x", 5000) + "\n",
		"5-bad": "From: a@bank.example\n\nx\n", "5-bad.envelope": "ip x\n",
		"6-unknown-client": "From: a@none.example\n\nx\n",
		"7-two-authors":    "From: a@one.example\nFrom: a@two.example\n\nx\n",
	})
	files, err := mailbox.Files([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, map[string]string{"8-piped": "From: a@bank.example\n\nx\n", "8-round": "From: a@bank.example\n\nx\n"})
	for _, pipe := range []string{"8-pipe", "8-piped.envelope"} {
		if err := unix.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("8-round.envelope", filepath.Join(dir, "8-round.envelope")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"8-absent", "8-pipe", "8-piped", "8-round"} {
		files = append(files, filepath.Join(dir, name))
	}
	files = append(files, dir)
	_, resolver := dnstest.Start(t, "bank.example. TXT \"v=spf1 -all\"\n_dmarc.bank.example. TXT \"v=DMARC1; p=reject\"\n")
	done := 0
	o := Options{
		Checker: func(now func() time.Time) *policy.Checker {
			return policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example", Now: now})
		},
		Now: time.Now, Before: &rules.Rules{}, After: &rules.Rules{Mode: rules.Monitor}, MaxBytes: 4000, Jobs: 4,
		Progress: func(n int) { done = n },
	}
	rows, err := Run(t.Context(), files, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		name := filepath.Base(r.File)
		if r.Problem != "" {
			got = append(got, name+": "+r.Problem)
			continue
		}
		got = append(got, fmt.Sprintf("%s: %s, %s, %s to %s, no client %v", name, r.Author, r.DMARC, r.Before.Action, r.After.Action, r.NoClient))
	}
	want := []string{
		"1-spoof: bank.example, fail p=reject, reject to accept, no client false",
		"2-empty: holds no header field, and so no message",
		"3-no-mail: holds no header field, and so no message",
		"4-large: is larger than limits.header_bytes and limits.body_bytes allow",
		`5-bad: its envelope, line 1: "x" is no address; write one such as 192.0.2.1`,
		"6-unknown-client: none.example, none, accept to accept, no client true",
		"7-two-authors: 2 From fields, none, reject to accept, no client true",
		"8-absent: no such file or directory",
		"8-pipe: is no regular file",
		"8-piped: its envelope: is no regular file",
		"8-round: its envelope: too many levels of symbolic links",
		filepath.Base(dir) + ": is no regular file",
	}
	if d := cmp.Diff(want, got); d != "" || done != len(files) {
		t.Errorf("%d done\n%s", done, d)
	}
	r := NewReport(rows, true, false)
	if r.Messages != 3 || r.Differing != 2 || len(r.Unreadable) != 9 || r.WithoutClient != 2 || len(r.Rows) != 2 {
		t.Errorf("%+v", r)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, files, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if rows, err := Run(t.Context(), nil, o); err != nil || len(rows) != 0 {
		t.Errorf("of nothing: %v %v", rows, err)
	}
}

// TestReportIsPrintable: texts of strangers do not steer the terminal.
func TestReportIsPrintable(t *testing.T) {
	t.Parallel()
	hostile := "x\x1b[2J\r\n\u202e\x00"
	v := Verdict{Action: result.Reject, Code: "550 5.7.1", Rule: "r"}
	var b strings.Builder
	r := NewReport([]Row{{File: hostile, Author: strings.Repeat(hostile, 20), DMARC: "fail", Before: &Verdict{Action: result.Accept, Rule: "s"}, After: v, Differs: true}}, true, false)
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\r\x00\u202e") {
		t.Errorf("%q", b.String())
	}
}
