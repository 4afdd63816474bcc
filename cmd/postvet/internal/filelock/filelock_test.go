package filelock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fileKey names a file that this test, as another process, tries to lock.
const fileKey = "POSTVET_FILELOCK_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(fileKey); path != "" {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			os.Exit(3)
		}
		held := Held(f)
		switch err := Try(f); {
		case errors.Is(err, ErrHeld) && held:
			os.Exit(1)
		case err != nil || held:
			os.Exit(3)
		}
		os.Exit(0) // with the lock, which ends with the process
	}
	os.Exit(m.Run())
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	other := func() int {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), fileKey+"="+path)
		_ = cmd.Run() // its exit code counts
		return cmd.ProcessState.ExitCode()
	}
	if got := other(); got != 0 {
		t.Errorf("another process before: %d, want 0", got)
	}
	if err := Try(f); err != nil {
		t.Fatalf("after a process that ended with the lock: %v", err)
	}
	if got := other(); got != 1 {
		t.Errorf("another process meanwhile: %d, want 1", got)
	}
	f.Close()
	if got := other(); got != 0 {
		t.Errorf("another process after: %d, want 0", got)
	}
}
