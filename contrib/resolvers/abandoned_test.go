//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// abandonedKey has this test's binary start that program and wait to be killed.
const abandonedKey = "POSTVET_TEST_ABANDONED"

// abandon starts a program and waits to be killed. It writes the ids of the processes.
func abandon(name string) int {
	s, err := newSite(find(name), newZone().String())
	if err == nil {
		err = s.alone(context.Background())
	}
	if err == nil {
		shell := s.processes[0].shell.Pid()
		err = json.NewEncoder(os.Stdout).Encode(append(children(shell), shell))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
	return 0
}

// TestAbandoned kills a process that has started a program.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range shortPrograms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			maker := exec.CommandContext(t.Context(), self)
			maker.Env = append(os.Environ(), abandonedKey+"="+name)
			maker.WaitDelay = patience
			var stderr bytes.Buffer
			maker.Stderr = &stderr
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
			var pids []int
			if err := json.NewDecoder(out).Decode(&pids); err != nil || len(pids) < 2 {
				_ = maker.Process.Kill()
				t.Fatalf("it does not start: %v %v %v\n%s", pids, err, maker.Wait(), stderr.String())
			}
			for _, pid := range pids {
				if !runs(pid) {
					t.Fatalf("process %d does not run: this shows nothing", pid)
				}
			}
			if err := maker.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = maker.Wait() // says that it was killed
			for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
				left := 0
				for _, pid := range pids {
					if runs(pid) {
						left++
					}
				}
				if left == 0 {
					return
				}
				if time.Now().After(late) {
					t.Fatalf("%d of %v run still", left, pids)
				}
			}
		})
	}
}

// runs reports whether a process runs, and is no zombie.
func runs(pid int) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	return err == nil && !bytes.Contains(status, []byte("\nState:\tZ"))
}
