package publication

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

const name = "s1._domainkey.example.org"

func TestNew(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]string{
		"": "<nil> <nil>", "nsupdate:ns1.example.net": "nsupdate:ns1.example.net <nil>", "exec:/bin/true": "exec:/bin/true <nil>",
		"nsupdate:":   `<nil> "nsupdate:" is no way to publish; write nsupdate:HOST or exec:/path/of/a/program`,
		"exec:true":   `<nil> "exec:true" is no way to publish; write nsupdate:HOST or exec:/path/of/a/program`,
		"mail:/x":     `<nil> "mail:/x" is no way to publish; write nsupdate:HOST or exec:/path/of/a/program`,
		"/bin/script": `<nil> "/bin/script" is no way to publish; write nsupdate:HOST or exec:/path/of/a/program`,
	} {
		p, err := New(Options{How: how})
		if got := fmt.Sprint(p, " ", err); got != want {
			t.Errorf("%q: %s", how, got)
		}
	}
}

// TestUpdateLooksFirst: a change that is made already is not made again, and what somebody
// else has published is left alone. The updates themselves are tested with a real server in
// contrib/resolvers.
func TestUpdateLooksFirst(t *testing.T) {
	t.Parallel()
	ours := func(text string) bool { return text == "ours" }
	tests := []struct {
		name, zone, value, want string
	}{
		{"made already", dnstest.TXT(name, "new"), "new", ""},
		{"removed already", "", "", ""},
		{"another's record", dnstest.TXT(name, "v=spf1 -all"), "new", `another record stands at ` + name + `: "v=spf1 -all"; remove it`},
		{"another's record beside ours", dnstest.TXT(name, "ours") + dnstest.TXT(name, "\x1b[2J"), "new", `another record stands at ` + name + `: "\x1b[2J"; remove it`},
		{"not to be removed", dnstest.TXT(name, "v=spf1 -all"), "", `another record stands at ` + name + `: "v=spf1 -all"; remove it`},
		{"an alias", name + ". CNAME x.example.net.\n", "new", `another record stands at ` + name + `: "CNAME x.example.net"; remove it`},
		{"ours", dnstest.TXT(name, "ours"), "new", "an error"},
		{"a server that fails", "$FAULT * * SERVFAIL\n", "new", "ns1: the server fails (SERVFAIL)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := dnstest.NewServer(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			p, err := New(Options{How: "nsupdate:ns1", Addresses: func(context.Context, string) ([]netip.AddrPort, error) {
				return []netip.AddrPort{netip.MustParseAddrPort(s.Addr())}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Publish(t.Context(), Change{Name: name, Value: tt.value, TTL: time.Hour, Ours: ours})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if tt.name == "ours" { // the server of the test takes no updates: how it says so is its own affair
				if err == nil {
					t.Error("updated")
				}
				return
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	for want, o := range map[string]Options{
		"no such file": {How: "nsupdate:ns1", KeyFile: "x", ReadSecret: func(string) ([]byte, error) { return nil, errors.New("no such file") }},
		`x: not a TSIG key; expected a key as tsig-keygen writes it: key "NAME" { algorithm hmac-sha256; secret "..."; };`: {How: "nsupdate:ns1", KeyFile: "x", ReadSecret: func(string) ([]byte, error) { return []byte("s3cret"), nil }},
		"ns1: no address":        {How: "nsupdate:ns1", Addresses: func(context.Context, string) ([]netip.AddrPort, error) { return nil, errors.New("no address") }},
		"ns1: it has no address": {How: "nsupdate:ns1", Addresses: func(context.Context, string) ([]netip.AddrPort, error) { return nil, nil }},
	} {
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Publish(t.Context(), Change{Name: name}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestHook: whatever the program does has one result, within the time.
func TestHook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script, want string
		lines              []string
	}{
		{"done", "cat >/dev/null; echo one; echo two >&2", "", []string{"one", "two"}},
		{"reads nothing", "exit 0", "", nil},
		{"not now", "echo no such zone; exit 75", "PROGRAM: exit code 75: no such zone", []string{"no such zone"}},
		{"silent", "exit 1", "PROGRAM: exit code 1", nil},
		{"killed", "kill -9 $$", "PROGRAM: ended by signal: killed", nil},
		{"steers the terminal", `printf '\033[2Jred\n'; exit 1`, `PROGRAM: exit code 1: ?[2Jred`, []string{`?[2Jred`}},
		{"hangs", "sleep 60", "PROGRAM: it did not end within 1s", nil},
		{"hangs with a child", "sleep 60 & sleep 60", "PROGRAM: it did not end within 1s", nil},
		{"leaves a child", "sleep 60 & exit 0", "", nil},
		{"never stops to write", "while :; do echo x; done", "PROGRAM: it did not end within 1s", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), "publish")
			// A child of another test that is being started would keep the file open for writing,
			// and then it cannot be run (ETXTBSY).
			syscall.ForkLock.RLock()
			err := os.WriteFile(program, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700)
			syscall.ForkLock.RUnlock()
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			size := 0
			p, err := New(Options{How: "exec:" + program, Timeout: time.Second, Log: func(line string) {
				lines = append(lines, line)
				size += len(line)
			}})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = p.Publish(t.Context(), Change{Name: name, Value: "v=DKIM1; p=", TTL: time.Hour})
			got := ""
			if err != nil {
				got = strings.Replace(err.Error(), program, "PROGRAM", 1)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if tt.lines != nil && !cmp.Equal(tt.lines, lines) {
				t.Errorf("logged %q", lines)
			}
			if took := time.Since(began); took > 15*time.Second || size > maxOutput {
				t.Errorf("took %v, logged %d octets", took, size)
			}
		})
	}
	for want, program := range map[string]string{"no such file or directory": "/none", "permission denied": "/etc/passwd"} {
		p, err := New(Options{How: "exec:" + program, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Publish(t.Context(), Change{Name: name}); err == nil || err.Error() != program+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
