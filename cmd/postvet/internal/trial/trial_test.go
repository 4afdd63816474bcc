package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
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

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"b": "", "a/c": "", "a/c.envelope": "", ".hidden": "", ".d/e": "", "a/.f": "", "f": ""})
	if err := os.Symlink("f", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	// A file that is named twice is one message.
	files, err := Files([]string{dir, filepath.Join(dir, "a/.f"), filepath.Join(dir, "a"), filepath.Join(dir, "b")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], dir+"/")
	}
	if d := cmp.Diff([]string{"a/.f", "a/c", "b", "f"}, files); d != "" {
		t.Error(d)
	}
	if _, err := Files([]string{filepath.Join(dir, "absent")}); err == nil {
		t.Error("a name that does not exist")
	}
	// A directory may be named by a link.
	link := filepath.Join(t.TempDir(), "box")
	if err := os.Symlink(filepath.Join(dir, "a"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, link + "/"} {
		if files, err := Files([]string{name}); err != nil || len(files) != 1 || files[0] != link+"/c" {
			t.Errorf("%s: %q, %v", name, files, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	t.Parallel()
	const sidecar = "# how it came\n\nip 192.0.2.1\nhelo mx.example.org\nmail-from <ann@example.org>\nrcpt bob@example.net\nrcpt: <eve@example.net>\n" +
		"user jane\ntls TLSv1.3\nlistener smtp\ntime 2026-05-01T12:00:00Z\n"
	full := envelope{
		client: message.Client{Listener: "smtp"}, helo: "mx.example.org",
		sender: message.Sender{Path: "ann@example.org", User: "jane", TLS: "TLSv1.3"}, recipients: []string{"bob@example.net", "eve@example.net"},
		time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	for _, tt := range []struct {
		name, header, sidecar string
		want                  envelope
		ip                    string
		rest                  string // the first field left
		received              bool
	}{
		{"beside it", "From: x\n", sidecar, full, "192.0.2.1", "From", true},
		{
			"on top",
			"X-Envelope-IP: 192.0.2.1\nx-envelope-helo: mx.example.org\nX-Envelope-From: <ann@example.org>\nX-Envelope-To: bob@example.net\nX-Envelope-To: <eve@example.net>\n" +
				"X-Envelope-User: jane\nX-Envelope-TLS: TLSv1.3\nX-Envelope-Listener: smtp\nX-Envelope-Time: 1777636800\nFrom: x\nX-Envelope-IP: 192.0.2.2\n",
			"", full, "192.0.2.1", "From", true,
		},
		{"beside it wins", "X-Envelope-Helo: other\nFrom: x\n", sidecar, full, "192.0.2.1", "From", false},
		{
			"left by the delivery", "Return-Path: <ann@example.org>\nX-Original-To: bob@example.net\nDelivered-To: eve@example.net\nReceived: x\nReturn-Path: <y>\n", "",
			envelope{sender: message.Sender{Path: "ann@example.org"}, recipients: []string{"bob@example.net"}},
			"", "Return-Path", false,
		},
		{
			"the topmost Received",
			"Return-Path: <ann@example.org>\nReceived: from mx.example.org (mx.example.org [192.0.2.1])\n\tby mx.here.example (Postfix) with ESMTP id 1\n\tfor <bob@example.net>; Fri, 1 May 2026 14:00:00 +0200 (CEST)\n" +
				"Received: from x (x [192.0.2.2]) by mx.example.org; date\n", "",
			envelope{helo: "mx.example.org", sender: message.Sender{Path: "ann@example.org"}, time: time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("", 7200))},
			"192.0.2.1", "Return-Path", true,
		},
		{"a Received that is not asked", "Received: from a (a [192.0.2.1]) by b; x\n", "", envelope{}, "", "Received", false},
		{"a Received without a client", "Received: by b (Postfix, from userid 0); x\n", "", envelope{}, "", "Received", true},
		{"left by others", "Received: x\nReturn-Path: <y>\nDelivered-To: z\n", "", envelope{}, "", "Received", true},
		{"none", "From: x\n", "", envelope{}, "", "From", true},
		{"another field of that kind", "X-Envelope-Color: x\n", "", envelope{}, "", "X-Envelope-Color", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "m")
			if tt.sidecar != "" {
				put(t, filepath.Dir(file), map[string]string{"m.envelope": tt.sidecar})
			}
			header, err := message.NewReader(strings.NewReader(tt.header + "\n")).Header()
			if err != nil {
				t.Fatal(err)
			}
			e, rest, err := envelopeOf(file, header, tt.received)
			if err != nil {
				t.Fatal(err)
			}
			ip := ""
			if e.client.IP.IsValid() {
				ip = e.client.IP.String()
			}
			got := *e
			got.client.IP = tt.want.client.IP
			if d := cmp.Diff(fmt.Sprintf("%+v", tt.want), fmt.Sprintf("%+v", got)); d != "" || ip != tt.ip || rest[0].Name != tt.rest {
				t.Errorf("%s, address %q, then %q", d, ip, rest[0].Name)
			}
		})
	}
}

func TestEnvelopeRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ip 192.0.2.256":                                `line 1: "192.0.2.256" is no address; write one such as 192.0.2.1`,
		"\nhelo x\nfrom a@b":                            `line 3: "from" is not known; write ip, helo, mail-from, rcpt, user, tls, listener or time`,
		"time yesterday":                                `line 1: "yesterday" is no time; write one such as 2026-05-01T12:00:00Z or 1777636800`,
		"helo " + strings.Repeat("x", 2000):             `line 1: helo has 2000 octets; write at most 1024`,
		strings.Repeat("rcpt a@b.example\n", 1001):      `line 1001: there are more than 1000 recipients`,
		"helo " + strings.Repeat("x", 1<<17):            `line 1: helo has 131072 octets; write at most 1024`,
		"ip 192.0.2.1\n" + strings.Repeat("#\n", 1<<17): `line 131068: the file has more than 256 KB`,
	} {
		if err := (&envelope{}).readSidecar(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.30q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// A bad message is named, and stops nothing.
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
	files, err := Files([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, map[string]string{"8-piped": "From: a@bank.example\n\nx\n", "8-round": "From: a@bank.example\n\nx\n"})
	for _, pipe := range []string{"8-pipe", "8-piped.envelope"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
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

// What strangers wrote does not steer the terminal.
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
