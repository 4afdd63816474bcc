package service

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestStarts: the pauses between starts that fail grow. The count begins again after a start that
// serves, and with one that comes later than a service manager would make it.
func TestStarts(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	// fails starts the service some times; each fails after 2 s, and the next begins after another.
	fails := func(times int) (pauses []int) {
		for range times {
			s := NewStarts(dir, clock)
			now = now.Add(2 * time.Second)
			pause, _ := s.Failed()
			pauses = append(pauses, int(pause.Seconds()))
			now = now.Add(pause + time.Second)
		}
		return pauses
	}
	want := func(what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: pauses %v, want %v", what, got, want)
		}
	}
	all := []int{0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30}
	want("at first", fails(13), all...)
	now = now.Add(managersPause)
	want("after a while", fails(7), all[:7]...)
	now = now.Add(-time.Hour)
	want("after the clock was set back", fails(7), all[:7]...)
	now = now.Add(-3 * time.Second)
	want("by a clock that is a little slow", fails(1), 4)

	s := NewStarts(dir, clock)
	s.Succeeded()
	if pause, n := s.Failed(); pause != 0 || n != 0 {
		t.Errorf("a service that has served waits %v, as %d starts failed", pause, n)
	}
	want("after one that served", fails(6), all[:6]...)

	file := filepath.Join(dir, startsFile)
	for _, text := range []string{"", "{", `{"n": -9, "ended": "` + now.Format(time.RFC3339) + `"}`, `[]`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want("after "+text, fails(1), 0)
	}
	if err := os.WriteFile(file, []byte(`{"n": 999999999, "ended": "`+now.Format(time.RFC3339)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want("after very many", fails(1), 30)
	dir = filepath.Join(dir, "none")
	want("without the directory", fails(7), 0, 0, 0, 0, 0, 0, 0)
	none := NewStarts("", clock)
	none.Succeeded()
	if pause, _ := none.Failed(); pause != 0 {
		t.Errorf("without a service manager: %v", pause)
	}
}

// TestStartsWait: a signal ends a pause, and the next start is the first one again.
func TestStartsWait(t *testing.T) {
	t.Parallel()
	for sig, stops := range map[os.Signal]bool{syscall.SIGTERM: true, syscall.SIGINT: true, syscall.SIGHUP: false} {
		s := NewStarts(t.TempDir(), time.Now)
		s.last.N = 20
		pause, n := s.Failed()
		signals := make(chan os.Signal, 1)
		signals <- sig
		began := time.Now()
		if stopped := s.Wait(pause, n, signals); stopped != stops || time.Since(began) > longestPause/2 {
			t.Errorf("%v: stopped %t after %v", sig, stopped, time.Since(began))
		}
		if _, err := os.Stat(s.file); !os.IsNotExist(err) {
			t.Errorf("%v: the count is kept: %v", sig, err)
		}
	}
	s := NewStarts(t.TempDir(), time.Now)
	if _, n := s.Failed(); n != 1 {
		t.Errorf("%d starts failed", n)
	}
	if s.Wait(time.Millisecond, 1, nil) {
		t.Error("it was stopped by nobody")
	}
	if _, err := os.Stat(s.file); err != nil {
		t.Errorf("the count is lost: %v", err)
	}
}
