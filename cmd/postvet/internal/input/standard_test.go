package input

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUnasked(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	dir, err := os.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	name := filepath.Join(t.TempDir(), "m")
	if err := os.WriteFile(name, []byte("From: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ended, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ended.Close()
	w.Close()
	filled, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer filled.Close()
	if _, err := w.WriteString("Subject: x\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()

	for _, tc := range []struct {
		name string
		in   *os.File
		want string
	}{
		{"none", nil, ""},
		{"device", null, ""},
		{"directory", dir, ""},
		{"closed", closed, ""},
		{"pipe that ended", ended, ""},
		{"pipe", filled, "Subject: x\n"},
		{"file", file, "From: x\n"},
	} {
		r, silent := Unasked(tc.in, 2*time.Minute)
		if (r != nil) != (tc.want != "") || silent {
			t.Errorf("%s: %v, silent %v", tc.name, r, silent)
			continue
		}
		if r == nil {
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != tc.want {
			t.Errorf("%s: got %q, %v", tc.name, got, err)
		}
	}
}

func TestStandard(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"", "x", "From: x\n"} {
		in, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := w.WriteString(want); err != nil {
			t.Fatal(err)
		}
		w.Close()
		r, err := Standard(in)
		if err != nil || (r != nil) != (want != "") {
			t.Errorf("%q: %v, %v", want, r, err)
			continue
		}
		if r == nil {
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", want, got, err)
		}
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if r, err := Standard(dir); r != nil || err == nil {
		t.Errorf("a folder: %v, %v", r, err)
	}
}

// TestSilence: a pipe that nobody writes to does not hang a script.
func TestSilence(t *testing.T) {
	t.Parallel()
	silent, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer w.Close()
	if r, silent := Unasked(silent, 10*time.Millisecond); r != nil || !silent {
		t.Errorf("%v, silent %v", r, silent)
	}
}
