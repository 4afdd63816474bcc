package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// volatile is the part of a report that differs from run to run: its cost. Lookups that
// are under way at the end may be counted or not.
var volatile = regexp.MustCompile(`"lookups": \d+,\s+"wait_ms": [0-9.e+-]+`)

// TestCheckJSON compares whole reports with testdata/golden.
func TestCheckJSON(t *testing.T) {
	t.Parallel()
	resolver := testResolver(t)
	own := []string{"--ip", "192.0.2.1", "--helo", "mx.good.example", "--mail-from", "bounce@good.example", "--rcpt", "user@test.example"}
	stranger := []string{"--ip", "192.0.2.66", "--helo", "evil.example", "--mail-from", "x@evil.example"}
	for _, tc := range []struct {
		name string
		code int
		args []string
		file string
		// notGiven are the keys of what the arguments do not say.
		notGiven []string
	}{
		{"signed", exitDone, own, "signed.eml", nil},
		{"spoof", exitNo, append(stranger, "--config", "testdata/always.toml"), "spoof.eml", nil},
		{"held", exitNo, stranger, "spoof.eml", nil},
		{"quarantine", exitNo, stranger, "quarantine.eml", nil},
		{"expires", exitDone, nil, "expires.eml", []string{".client.ip", ".client.helo", ".mail_from"}},
		{"two-authors", exitNo, own, "two-authors.eml", nil},
		{"odd", exitNo, append(stranger, "--mail-from", "\"a b\x01\xff\"@evil.example", "--helo", "\xfe\x1b[0m"), "odd.eml", nil},
		{"authenticated", exitDone, append(stranger, "--user", "jane"), "spoof.eml", nil},
		{"no-message", exitDone, own, "", nil},
		{"null-sender", exitDone, []string{"--ip", "192.0.2.1", "--helo", "mx.good.example", "--mail-from", ""}, "", nil},
		{"ipv6", exitDone, []string{"--ip", "::ffff:192.0.2.1", "--helo", "[IPv6:::1]"}, "", []string{".mail_from"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"check", "--json", "--resolver", resolver, "--at", "2026-12-01T12:00:00Z", "--authserv-id", "mx.test.example"}, tc.args...)
			if tc.file != "" {
				args = append(args, filepath.Join("testdata/messages", tc.file))
			}
			code, out, errOut := runIn(t, args...)
			if code != tc.code || errOut != "" {
				t.Errorf("exit code %d, want %d; %s", code, tc.code, errOut)
			}
			lacking(t, out, tc.notGiven...)
			got := volatile.ReplaceAllString(out, `"lookups and wait_ms": 0`)
			golden := filepath.Join("testdata/golden", tc.name+".json")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// contract is the keys on which scripts rely: keys may be added, never renamed.
const contract = `{"client":{"ip":"","helo":"","ptr":""},
 "iprev":{"result":"","reason":""},
 "spf":[{"identity":"","domain":"","result":"","mechanism":"","explanation":"","reason":""}],
 "dkim":[{"domain":"","selector":"","algorithm":"","result":"","reason":"","key_bits":0,"testing":false}],
 "arc":{"result":"","reason":"","instances":0,"sealers":[]},
 "dmarc":{"result":"","author_domain":"","organizational_domain":"","record_domain":"","policy":"","disposition":"","spf_aligned":false,"dkim_aligned":false,"reason":""},
 "verdict":{"action":"","code":"","text":"","rule":"","overrides":[]},
 "authentication_results":"","mail_from":"",
 "trace":[{"at_ms":0,"what":"","text":""}]}`

// lacking reports keys of the contract that a report does not have, or has with
// another type, and any null. Keys of what nobody gave, such as ".client.ip", must not
// be there.
func lacking(t *testing.T, report string, notGiven ...string) {
	t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(contract), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(report), &got); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, report)
	}
	compareShape(t, "", want, got, notGiven)
	if strings.Contains(report, "null") {
		t.Errorf("null in %s", report)
	}
}

func compareShape(t *testing.T, path string, want, got any, notGiven []string) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T", path, got)
			return
		}
		for key, v := range w {
			_, ok := g[key]
			switch absent := slices.Contains(notGiven, path+"."+key); {
			case ok == absent:
				t.Errorf("%s.%s: there %v, want %v", path, key, ok, !absent)
			case ok:
				compareShape(t, path+"."+key, v, g[key], notGiven)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T", path, got)
			return
		}
		for _, e := range g {
			if len(w) > 0 {
				compareShape(t, path+"[]", w[0], e, notGiven)
			}
		}
	default:
		if gotType, wantType := kind(got), kind(want); gotType != wantType {
			t.Errorf("%s is a %s, want a %s", path, gotType, wantType)
		}
	}
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "thing"
}

// TestEmptyReportHasNoNull: the contract holds whatever the checker leaves out.
func TestEmptyReportHasNoNull(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeReportJSON(&b, &result.Report{Results: &result.Results{}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	lacking(t, b.String(), ".client.ip", ".client.helo")
}

// TestTraceHasTheContractsShape is about traces, which goldens do not have since their
// lines vary.
func TestTraceHasTheContractsShape(t *testing.T) {
	t.Parallel()
	code, out, _ := runIn(t, "check", "--json", "--trace", "--resolver", testResolver(t), "--ip", "192.0.2.1",
		"--helo", "mx.good.example", "--mail-from", "a@good.example", "testdata/messages/signed.eml")
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	lacking(t, out)
	var r struct{ Trace []result.Event }
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range r.Trace {
		seen[e.What] = true
	}
	for _, what := range []string{"dns", "spf", "dkim", "dmarc"} {
		if !seen[what] {
			t.Errorf("the trace has no %q: %+v", what, r.Trace)
		}
	}
	if !slices.IsSortedFunc(r.Trace, func(a, b result.Event) int { return int(1e6 * (a.AtMS - b.AtMS)) }) {
		t.Errorf("the trace is not in order of time: %+v", r.Trace)
	}
}

// FuzzReport: texts of strangers do not steer the terminal.
func FuzzReport(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m", "\x9b31m", "a\u202eb", "\xff\xfe", "\r", "ü\n\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := &result.Report{Results: &result.Results{}}
		r.Client.IP, r.Client.PTR, r.Client.Helo, r.Client.Relay, r.Client.RelayHelo = s, s, s, s, s
		r.MailFrom, r.User, r.Author.Problem, r.Faults = s, s, s, []string{s}
		r.SPF = []spf.Result{{Status: spf.Status(s), Domain: s, Mechanism: s, Explanation: s, Reason: s}}
		r.DKIM = []dkim.Result{{Domain: s, Selector: s, Algorithm: s, Reason: s, Changed: []string{s}, Diagnosis: []string{s}}}
		r.Verdict.Text, r.Verdict.Rule, r.Verdict.Why = s, s, []string{s}
		r.AuthenticationResults = s
		r.Trace = []result.Event{{What: "dns", Text: s}}
		var b strings.Builder
		if err := writeReport(&b, r, []dkim.Opinion{{Domain: s, Reason: s}}, []string{s}, true, layout.Screen{}); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.String() {
			if c != '\n' && c != '\t' && !foreign.IsReadable(c) {
				t.Fatalf("%q came through in %q", c, b.String())
			}
		}
	})
}
