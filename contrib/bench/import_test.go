//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImportedConfigurationBehaves plays the same messages through Debian's
// opendkim, opendmarc and pyspf-milter, and through Postvet under the
// configuration that "postvet config import" makes of theirs. Where the two do
// not do the same, the list that import prints must say so.
func TestImportedConfigurationBehaves(t *testing.T) {
	inNamespaces(t, compareImports)
}

// inNamespaces runs the test again where it has a network of its own, with the command
// built; there it plays.
func inNamespaces(t *testing.T, play func(*testing.T)) {
	t.Helper()
	if os.Getenv(insideKey) != "" {
		play(t)
		return
	}
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	if os.Geteuid() != 0 {
		t.Skip("root is needed, for a network of its own and for the peers")
	}
	for _, c := range contestants() {
		if why := c.missing(); why != "" && c.name == "pyspf+opendkim+opendmarc" {
			t.Skip(why)
		}
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "postvet-import-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "postvet"), "./cmd/postvet")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The kernel ends children when the thread that started them does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	only := "^" + t.Name() + "$"
	if _, part, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		only += "/" + part
	}
	cmd := exec.Command(os.Args[0], "-test.run="+only, "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideKey+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Skipf("no namespaces: %v", err)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// compareImports runs in the namespaces.
func compareImports(t *testing.T) {
	bin := os.Getenv(insideKey)
	if err := setUp(bin); err != nil {
		t.Skip(err) // such as in a container that may not mount
	}
	cases, zone, err := importCases()
	if err != nil {
		t.Fatal(err)
	}
	dns, err := serveDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	played, ran := 0, 0
	for _, s := range setups {
		n := 0
		t.Run(s.name, func(t *testing.T) { n = s.compare(t, bin, cases) })
		if played += n; n > 0 {
			ran++
		}
	}
	const least = 500
	if ran == len(setups) && played < least {
		t.Errorf("%d messages were compared, want at least %d", played, least)
	}
	t.Logf("%d messages in %d of %d set-ups", played, ran, len(setups))
}

// imported is what is read of "postvet config import --json".
type imported struct {
	TOML        string `json:"toml"`
	Differences []struct {
		Option string `json:"option"`
		Text   string `json:"text"`
	} `json:"differences"`
	Items []struct {
		Option string `json:"option"`
		Note   string `json:"note"`
	} `json:"items"`
}

// lines returns what the list says, one line for each option.
func (m *imported) lines() []string {
	var all []string
	for _, d := range m.Differences {
		all = append(all, "differs: "+d.Option+": "+d.Text)
	}
	for _, i := range m.Items {
		all = append(all, i.Option+": "+i.Note)
	}
	return all
}

// compare plays the cases through the peers of a set-up and through Postvet, and
// returns how many there were.
func (s *setup) compare(t *testing.T, bin string, cases []Case) int {
	var flags []string
	theirs, err := launch(&contestant{name: s.name, start: func(p *place) (programs []program, err error) {
		programs, flags, err = s.programs(p)
		return programs, err
	}}, bin, bin)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.stop()
	want := playAll(t, theirs.chain, cases)
	out, err := exec.Command(bin+"/postvet", append([]string{"config", "import", "--json"}, flags...)...).Output()
	if err != nil {
		exit := (*exec.ExitError)(nil)
		errors.As(err, &exit)
		t.Fatalf("import: %v %s", err, exit.Stderr)
	}
	var made imported
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	ours, err := launch(&contestant{name: "postvet", start: func(p *place) ([]program, error) {
		conf := filepath.Join(p.dir, "postvet.toml")
		socket := p.socket("postvet")
		if err := os.WriteFile(conf, []byte(made.TOML), 0o644); err != nil {
			return nil, err
		}
		return []program{{[]string{bin + "/postvet", "serve", "--config", conf, "--listen", "unix:" + socket, "--resolver", "127.0.0.1:53"}, socket}}, nil
	}}, bin, bin)
	if err != nil {
		t.Fatalf("%v\n%s", err, made.TOML)
	}
	defer ours.stop()
	got := playAll(t, ours.chain, cases)

	said := map[string]int{}
	failed := map[string]int{}
	example := map[string]string{}
	for i := range cases {
		if got[i] == want[i] {
			continue
		}
		change := want[i] + " -> " + got[i]
		if text := made.explains(cases[i].Kind, change); text != "" {
			said[text]++
			continue
		}
		k := strings.Fields(cases[i].Kind) // client, sender, author, signature
		group := fmt.Sprintf("%s %s: %s", k[0], k[3], change)
		failed[group]++
		example[group] = cases[i].Kind
	}
	for text, n := range said {
		t.Logf("%4d differ as the list says: %s", n, text)
	}
	for _, d := range made.Differences {
		if line := "differs: " + d.Option + ": " + d.Text; said[line] == 0 {
			if unseen(line, made.TOML) {
				continue
			}
			t.Errorf("the list says what no message shows: %s", line)
		}
	}
	lines := []string{}
	for text, n := range failed {
		lines = append(lines, fmt.Sprintf("%4d x %s, such as %s", n, text, example[text]))
	}
	slices.Sort(lines)
	if len(lines) > 0 {
		t.Errorf("differences that the list does not name:\n%s\n%s", strings.Join(lines[:min(len(lines), 60)], "\n"), made.TOML)
		t.Log(strings.Join(made.lines(), "\n"))
	}
	return len(cases)
}

// explains returns the line of the list that says that cases of a kind may change
// so, "" if there is none.
func (m *imported) explains(kind, change string) string {
	for _, e := range explanations {
		if !e.kind.MatchString(kind) || !e.change.MatchString(change) {
			continue
		}
		for _, line := range m.lines() {
			if e.line.MatchString(line) {
				return line
			}
		}
	}
	return ""
}

// unseen reports whether a line of the list is about what the actions cannot show: an
// entry that matches nothing in both, the results of mail of which none is refused, or
// signatures, which contrib/realmta compares.
func unseen(line, toml string) bool {
	return strings.HasPrefix(line, "differs: Mode: signatures expire") || strings.HasPrefix(line, "differs: Mode: a key signs once") || strings.Contains(line, " matched nothing in ") || strings.Contains(toml, "\nmode = \"monitor\"\n")
}

// explanation says which line of the list names which change.
type explanation struct{ kind, change, line *regexp.Regexp }

func explained(kind, change, line string) explanation {
	return explanation{regexp.MustCompile(kind), regexp.MustCompile(change), regexp.MustCompile(line)}
}

// playAll returns what a chain does with each case: accept, hold, reject, tempfail
// or discard.
func playAll(t *testing.T, chain []string, cases []Case) []string {
	t.Helper()
	actions := make([]string, len(cases))
	for i := range cases {
		start := time.Now()
		s, err := openSession(chain, cases[i].Client)
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.message(&cases[i], fmt.Sprintf("4C%08X", i))
		s.close()
		if err != nil {
			t.Fatalf("%s: %v", cases[i].Kind, err)
		}
		actions[i] = v.Action
		if took := time.Since(start); took > 5*time.Second {
			t.Logf("%s took %v", cases[i].Kind, took)
		}
	}
	return actions
}
