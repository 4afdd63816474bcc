//go:build linux

package realmta_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// abandonedKey has this test's binary start that MTA and wait to be killed.
const abandonedKey = "POSTVET_TEST_ABANDONED"

// abandoned describes the site of the second process.
type abandoned struct {
	Addr    string
	Folders []string
}

// abandon starts a site and waits to be killed; it never stops the site.
func abandon(mta string) int {
	s, err := newSite(realmta.SiteOptions{MTA: mta})
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(abandoned{s.Addr(), s.Folders()})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
	return 0
}

// TestAbandoned kills a program that has an MTA and Postvet, while a client is
// in the middle of a session.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			binary, err := shared.binary()
			if err != nil {
				t.Fatal(err)
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			maker := exec.CommandContext(t.Context(), self)
			maker.Env = append(os.Environ(), abandonedKey+"="+mta, "POSTVET_BINARY="+binary)
			var stderr bytes.Buffer
			maker.Stderr, maker.WaitDelay = &stderr, 10*time.Second
			in, err := maker.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out, err := maker.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := maker.Start(); err != nil {
				t.Fatal(err)
			}
			var left abandoned
			if err := json.NewDecoder(out).Decode(&left); err != nil {
				t.Fatalf("it does not start: %v", errors.Join(err, maker.Wait(), errors.New(stderr.String())))
			}
			t.Cleanup(func() {
				if t.Failed() {
					showFiles(t, left.Folders, "postvet.log", "maillog", "console")
				}
			})
			c, err := realmta.Dial(t.Context(), realmta.Stranger, left.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			cmd(t, c, 2, "EHLO client.example")
			cmd(t, c, 2, "MAIL FROM:<a@b.example>")

			family := descendants(t, maker.Process.Pid)
			// At least Postvet, the MTA, and the process that serves the
			// session.
			if len(family) < 3 || len(left.Folders) != 2 {
				t.Fatalf("processes %v, folders %v: this shows nothing", family, left.Folders)
			}
			t.Cleanup(func() {
				for _, p := range alive(t, family, left.Folders) {
					t.Errorf("process %d is left: %s", p.pid, p.command())
					_ = syscall.Kill(p.pid, syscall.SIGKILL)
				}
			})
			if err := maker.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = maker.Wait() // says that it was killed
			eventually(t, "all that it started ends", func() bool { return len(alive(t, family, left.Folders)) == 0 })

			startAlone(t, mta) // any start removes them, also that of another test
			eventually(t, "the next start removes the folders", func() bool {
				for _, dir := range left.Folders {
					if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
						return false
					}
				}
				return true
			})
		})
	}
}

// showFiles shows the ends of logs that another process's site has written.
func showFiles(t *testing.T, folders []string, names ...string) {
	t.Helper()
	for _, dir := range folders {
		for _, name := range names {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				t.Logf("--- %s ---\n%s", filepath.Join(dir, name), tail(string(b)))
			}
		}
	}
}

// processID identifies a process. The time of its start tells it from a later
// process with the same number.
type processID struct {
	pid   int
	start string
}

// command returns the command line.
func (p processID) command() string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}

// within reports whether the process works in a folder, or has it on its
// command line.
func (p processID) within(dir string) bool {
	for _, link := range []string{"cwd", "root"} {
		if at, _ := os.Readlink(fmt.Sprintf("/proc/%d/%s", p.pid, link)); at == dir || strings.HasPrefix(at, dir+"/") {
			return true
		}
	}
	return strings.Contains(p.command(), dir)
}

// running returns the processes of the machine with their parents.
func running(t *testing.T) map[processID]int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes in /proc (%v)", err)
	}
	all := map[processID]int{}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		pid, _, _ := strings.Cut(string(stat), " ")
		// pid (comm) state ppid ... starttime: comm may hold blanks.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(f) < 20 || f[0] == "Z" {
			continue
		}
		p := processID{start: f[19]}
		p.pid, _ = strconv.Atoi(pid)
		all[p], _ = strconv.Atoi(f[1])
	}
	return all
}

// descendants returns the children of a process, their children, and so on.
func descendants(t *testing.T, pid int) map[processID]bool {
	t.Helper()
	all := running(t)
	in, found := map[int]bool{pid: true}, map[processID]bool{}
	for grown := true; grown; {
		grown = false
		for p, parent := range all {
			if in[parent] && !found[p] {
				in[p.pid], found[p], grown = true, true, true
			}
		}
	}
	return found
}

// alive returns the processes of the family that still run, and those that work
// in one of the folders.
func alive(t *testing.T, family map[processID]bool, folders []string) []processID {
	t.Helper()
	var found []processID
	for p := range running(t) {
		if family[p] || p.within(folders[0]) || p.within(folders[1]) {
			found = append(found, p)
		}
	}
	return found
}
