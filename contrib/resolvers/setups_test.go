//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

// tree is a name server of signed zones, a resolver in front that validates, and Postvet.
type tree struct {
	binary   string
	resolver string
}

// newTree starts Debian's named with zones, which Debian's dnssec-signzone signs, and
// unbound in front of it. The resolver gives the TTL of the zone, whatever its cache has, and both
// keep the order of records. lines are more lines of the resolver's configuration.
func newTree(t *testing.T, zones map[string]*signedZone, lines ...string) *tree {
	t.Helper()
	needPrograms(t)
	s, err := newSite(signer(zones), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	key := newZoneKey(t)
	server, err := s.run(t.Context(), s.program, setting{files: signedFiles(t, key, zones)})
	if err != nil {
		t.Fatal(err)
	}
	settings := "  module-config: \"validator iterator\"\n  trust-anchor: \". DS " + key.ds(".") + "\"\n  ede: yes\n  serve-original-ttl: yes\n  rrset-roundrobin: no\n"
	settings += strings.Join(lines, "")
	x, err := s.run(t.Context(), find("unbound"), setting{lines: settings, behind: server.setting.addr})
	if err != nil {
		t.Fatal(err)
	}
	return &tree{binary: buildPostvet(t), resolver: x.setting.addr.String()}
}

// buildPostvet returns the path of a new binary.
func buildPostvet(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "postvet")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/postvet").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// ask runs Postvet, and returns what it prints and its exit code.
func (w *tree) ask(t *testing.T, command string, args ...string) (out []byte, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, append([]string{command, "--resolver", w.resolver, "--dns-timeout", "20s"}, args...)...)
	cmd.WaitDelay = time.Minute
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	if code == 2 || len(out) == 0 {
		t.Fatalf("%s %q: exit code %d\n%s", command, args, code, stderr.String())
	}
	out = policyID.ReplaceAll(out, []byte("id=20261129120000"))
	return validationReason.ReplaceAll(out, []byte("DNSSEC validation failed (...)")), code
}

// policyID is a proposed version of a policy, which is the time.
var policyID = regexp.MustCompile(`id=20\d{12}`)

// validationReason is what the resolver says in words. It names the fault of which it learned
// first.
var validationReason = regexp.MustCompile(`DNSSEC validation failed \([^)]*\)`)

// found is one finding of a report in JSON.
type found struct {
	Severity, Text, Fix string
	DNSFailure          bool `json:"dns_trouble"`
	Changes             []change
}

// change is one record that a finding has published or removed.
type change struct {
	Remove                 bool
	Name, Type, Data, When string
}

// inspected is what the tests read of a report in JSON.
type inspected struct {
	Name     string
	Verdict  string
	Failed   int
	findings map[string][]found // by the path of their list
}

// parseInspected reads a report, with the findings of all lists in it.
func parseInspected(t *testing.T, text []byte) *inspected {
	t.Helper()
	r := &inspected{findings: map[string][]found{}}
	var tree any
	if err := errors.Join(json.Unmarshal(text, r), json.Unmarshal(text, &tree)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	r.collect(t, "", tree)
	return r
}

func (r *inspected) collect(t *testing.T, path string, node any) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			r.collect(t, path, n)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			below := strings.TrimPrefix(path+"."+name, ".")
			if name != "findings" {
				r.collect(t, below, node[name])
				continue
			}
			text, err := json.Marshal(node[name])
			if err != nil {
				t.Fatal(err)
			}
			var list []found
			if err := json.Unmarshal(text, &list); err != nil {
				t.Fatal(err)
			}
			r.findings[below] = append(r.findings[below], list...)
		}
	}
}

// outline is the verdict of a report, and its findings in a word by the names of their lists.
func (r *inspected) outline(code int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, exit code %d\n", r.Verdict, code)
	for _, path := range slices.Sorted(maps.Keys(r.findings)) {
		var words []string
		for _, f := range r.findings[path] {
			if f.DNSFailure {
				f.Severity = "unknown"
			}
			words = append(words, f.Severity)
		}
		if len(words) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", path, strings.Join(words, ", "))
		}
	}
	return b.String()
}

// TestSetups compares what Postvet says about each domain with testdata. The zones are signed
// and served by a real name server, and a real resolver validates them. What Postvet proposes
// is published, and a part of the lookups fails.
func TestSetups(t *testing.T) {
	t.Parallel()
	setups := readSetups(t)
	w := newTree(t, merge(setups))
	domains := make([]string, len(setups))
	for i, s := range setups {
		domains[i] = s.domain
	}
	truth := w.askMany(t, domains)
	t.Run("mended", func(t *testing.T) {
		t.Parallel()
		publishProposals(t, setups, truth)
	})
	for seed := range uint32(3) {
		t.Run(fmt.Sprint("failing ", seed), func(t *testing.T) {
			t.Parallel()
			compareFailing(t, w.failing(t, seed, 20+15*seed).askMany(t, domains, "--dns-timeout", "400ms"), truth)
		})
	}
	for _, s := range setups {
		t.Run(strings.TrimSuffix(filepath.Base(s.file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			domain, _ := w.ask(t, "domain", s.domain)
			way, _ := w.ask(t, "route", "ann@"+s.domain)
			js, code := w.ask(t, "domain", "--json", s.domain)
			outline := "domain " + parseInspected(t, js).outline(code)
			js, code = w.ask(t, "route", "--json", "ann@"+s.domain)
			outline += "route " + parseInspected(t, js).outline(code)
			s.compare(t, map[string]string{"domain": string(domain), "route": string(way), "json": outline})
		})
	}
}

// compare compares outputs with the wanted ones, or writes them to the file.
func (s *setup) compare(t *testing.T, got map[string]string) {
	t.Helper()
	for i, f := range s.archive.Files {
		g, ok := got[f.Name]
		switch {
		case !ok:
		case *update:
			s.archive.Files[i].Data = []byte(g)
		default:
			if d := cmp.Diff(string(f.Data), g); d != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, d)
			}
		}
	}
	if *update {
		if err := os.WriteFile(s.file, txtar.Format(s.archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
