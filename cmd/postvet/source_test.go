package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestUnaskedInput(t *testing.T) {
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
	file, err := os.Open("testdata/messages/spoof.eml")
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
		{"file", file, testMessage(t, "spoof.eml")},
	} {
		var e bytes.Buffer
		s := unaskedInput(tc.in, &e, 20*time.Second)
		if s.present != (tc.want != "") || e.Len() > 0 {
			t.Errorf("%s: %+v, %s", tc.name, s, &e)
			continue
		}
		if !s.present {
			continue
		}
		if got, err := io.ReadAll(s.reader); err != nil || string(got) != tc.want {
			t.Errorf("%s: got %q, %v", tc.name, got, err)
		}
	}
}

// TestSilentInput: a pipe that nobody writes to does not hang a script.
func TestSilentInput(t *testing.T) {
	t.Parallel()
	silent, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer w.Close()
	var e bytes.Buffer
	if s := unaskedInput(silent, &e, 10*time.Millisecond); s.present || !strings.HasPrefix(e.String(), "postvet: standard input is silent") {
		t.Errorf("%+v, %s", s, &e)
	}
}
