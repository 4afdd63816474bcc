package input

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fifo makes a named pipe.
func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPipeWithoutWriter is about a pipe that would keep a command waiting forever.
func TestPipeWithoutWriter(t *testing.T) {
	t.Parallel()
	name := fifo(t)
	_, err := open(name, 20*time.Millisecond)
	if want := "read " + name + ": is a pipe that nobody writes to"; !errors.Is(err, errNoWriter) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestPipeWithSlowWriter is about a writer that comes late and is slow.
func TestPipeWithSlowWriter(t *testing.T) {
	t.Parallel()
	name := fifo(t)
	wrote := make(chan error, 1)
	opened := make(chan struct{})
	go func() {
		w, err := os.OpenFile(name, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			wrote <- err
			return
		}
		defer w.Close()
		for _, s := range []string{"From: ", "a\n", "\nbody\n"} {
			time.Sleep(50 * time.Millisecond) // longer than the reader's pause
			if _, err := w.WriteString(s); err != nil {
				wrote <- err
				return
			}
		}
		close(opened)
		wrote <- nil
	}()
	r, err := open(name, 2*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "From: a\n\nbody\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	<-opened
}

func TestOpenRegular(t *testing.T) {
	t.Parallel()
	for _, name := range []string{fifo(t), t.TempDir(), os.DevNull} {
		_, err := OpenRegular(name)
		if err == nil || Cause(err).Error() != "is no regular file" || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenRegular(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	for size, want := range map[int]string{0: "", 1 << 20: "", 1<<20 + 1: "read " + name + ": is larger than 1 MB"} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := ReadFile(name, 1)
		if want == "" && (err != nil || len(text) != size) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%d octets: %d, %v", size, len(text), err)
		}
	}
	var pe *fs.PathError
	if _, err := ReadFile(filepath.Dir(name), 1); !errors.As(err, &pe) || !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a folder: %v", err)
	}
}
