package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestControlPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, socket, runtime, want string }{
		{"systemd's directory", "auto", "/run/postvet", "/run/postvet/control.sock"},
		{"the first of several", "auto", "/run/postvet:/run/other", "/run/postvet/control.sock"},
		{"no directory", "auto", "", ""},
		{"no absolute directory", "auto", "run", ""},
		{"none", "", "/run/postvet", ""},
		{"a path", "/tmp/s", "/run/postvet", "/tmp/s"},
	} {
		c := Default()
		c.Control.Socket = tc.socket
		if got := c.ControlPath(tc.runtime); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestControlSocketIn reads files that Load would refuse.
func TestControlSocketIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "auto"},
		{"set", "[control]\nsocket = \"/tmp/s\"\n", "/tmp/s"},
		{"dotted", "control.socket = \"/tmp/s\"\n", "/tmp/s"},
		{"none", "[control]\nsocket = \"\"\n", ""},
		{"other keys are bad", "mode = 5\nnonsense = true\n[control]\nsocket = \"/tmp/s\"\n", "/tmp/s"},
		{"half written", "[control]\nsocket = \"/tmp", "auto"},
		{"half written behind it", "[control]\nsocket = \"/tmp/s\"\n[dns]\nresolv", "/tmp/s"},
		{"inline", "control = { group = \"adm\", socket = \"/tmp/s\" }\n", "/tmp/s"},
		{"in another section", "[socket]\ncontrol.socket = \"/tmp/s\"\n", "auto"},
		{"another type", "control = 5\n", "auto"},
	} {
		file := filepath.Join(dir, "postvet.toml")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ControlSocketIn(file); got != tc.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", tc.name, got, err, tc.want)
		}
	}
	if _, err := ControlSocketIn(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ControlSocketIn(pipe); err == nil {
		t.Error("a pipe is taken for a file")
	}
}
