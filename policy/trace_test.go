package policy_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// traceTime is when the messages of testdata/traces arrive.
var traceTime = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// timing is what differs from run to run: how long a lookup took, whether one
// of two checks that ask the same found the other's answer, and how a resolver
// words what went wrong.
var timing = regexp.MustCompile(` \((from the cache|\d+\.\d ms)\)$| \(dnscache: .*\)`)

// TestTraces compares the whole trace of typical failures with what an
// administrator is to read, in testdata/traces. Beyond the parts of an ordinary
// golden there are
//
//	signed  the message as it was signed, if it was changed afterwards
//	trace   what is wanted of the trace
//
// and the envelope's keys "signature" and "seal", see attackSignature, and
// "help-url".
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/traces/*.txtar")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d traces: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive := playTrace(t, file)
			text := txtar.Format(archive)
			if *update {
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// playTrace returns the archive of a file with what is found now as its parts
// want and trace.
func playTrace(t *testing.T, file string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{rules: rules.Rules{AuthservID: "mx.test.example"}, exempt: policy.Exempt{Authenticated: true, Local: true}}
	var signed []byte
	var signatures []string
	var rest []txtar.File
	for _, f := range archive.Files {
		switch f.Name {
		case "envelope":
			signatures = g.readTraceEnvelope(t, string(f.Data))
		case "zone":
			g.zone = string(f.Data)
		case "message":
			g.message = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
		case "signed":
			signed = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
		case "want", "trace":
			continue
		default:
			t.Fatalf("unknown part %q", f.Name)
		}
		rest = append(rest, f)
	}
	if signed == nil {
		signed = g.message
	}
	for _, line := range signatures {
		kind, text, _ := strings.Cut(line, " ")
		s := parseSignature(t, text)
		field := s.sign(signed)
		if kind == "seal" {
			field = s.seal(signed)
		}
		signed = append([]byte(field), signed...)
		g.message = append([]byte(field), g.message...)
		g.zone += fmt.Sprintf("%s. TXT \"%s\"\n", zoneName(s.name), s.keyRecord())
	}
	server, _ := dnstest.Start(t, g.zone)
	// On a busy machine nothing but what is to time out may.
	resolver, err := server.Resolver(dnscache.Options{Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resolver.Close() })
	began := time.Now()
	checker := policy.NewChecker(policy.Options{
		Resolver: resolver, AuthservID: g.rules.AuthservID, Exempt: g.exempt, Trace: true,
		Now: func() time.Time { return traceTime.Add(time.Since(began)) },
	})
	res := converse(t, checker, g)
	v := g.rules.Decide(res)
	archive.Files = append(rest,
		txtar.File{Name: "want", Data: []byte(showVerdict(v))},
		txtar.File{Name: "trace", Data: []byte(showTrace(append(res.Trace, explain.TraceVerdict(res, &v)...)))})
	return archive
}

// readTraceEnvelope reads an envelope and returns its signatures and seals.
func (g *golden) readTraceEnvelope(t *testing.T, text string) []string {
	t.Helper()
	var rest, signatures []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		switch key, value, _ := strings.Cut(line, " "); key {
		case "signature", "seal":
			signatures = append(signatures, line)
		case "help-url":
			g.rules.HelpURL = value
		default:
			rest = append(rest, line)
		}
	}
	g.readEnvelope(t, strings.Join(rest, "\n"))
	return signatures
}

// showVerdict writes what the client, the log and the JSON have to say.
func showVerdict(v result.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s\n", v.Action, v.Rule)
	if v.Code != "" {
		fmt.Fprintf(&b, "reply %s %s\n", v.Code, v.Text)
	}
	for _, w := range v.Why {
		fmt.Fprintf(&b, "why   %s\n", w)
	}
	for _, h := range v.Hints {
		fmt.Fprintf(&b, "hint  %s: %s\n", h.Word, h.Text)
	}
	return b.String()
}

// showTrace writes a trace without what differs from run to run.
func showTrace(trace []result.Event) string {
	var b strings.Builder
	for _, s := range explain.Sections(trace) {
		b.WriteString(s.Title + "\n")
		var asked, told []string
		for _, e := range s.Events {
			text := timing.ReplaceAllString(e.Text, "")
			if e.What == "dns" {
				asked = append(asked, "  dns  "+text+"\n")
			} else {
				told = append(told, "       "+text+"\n")
			}
		}
		slices.Sort(asked)
		b.WriteString(strings.Join(append(slices.Compact(asked), told...), ""))
	}
	return b.String()
}
