package service

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/atomicfile"
)

// How fast starts that fail follow each other. A port that an upgrade leaves taken for some
// seconds costs no pause; an error that lasts costs few starts, until somebody mends it.
const (
	startsAtOnce  = 5 // that may fail without a pause
	longestPause  = 30 * time.Second
	managersPause = 5 * time.Second // of a service manager; a start that comes later is not its doing
)

// startsFile is where failed starts are counted.
const startsFile = "failed-starts.json"

// Starts counts the starts of the service that fail one after the other. Service managers start
// it again each second without end, and those that know no growing pauses are in use for years, so
// that the process itself makes them. Its methods may be called on nil.
type Starts struct {
	file  string
	began time.Time
	now   func() time.Time
	last  failedStarts
}

// failedStarts is what a process leaves to the next.
type failedStarts struct {
	N     int       `json:"n"`
	Ended time.Time `json:"ended"` // the last of them, with its pause
}

// NewStarts returns the count of a process that starts now. It is kept in the directory of a
// service manager, and nil without one: then a person waits for the answer.
func NewStarts(directory string, now func() time.Time) *Starts {
	if directory == "" || os.Getpid() == 1 { // engines of containers make pauses
		return nil
	}
	s := &Starts{file: filepath.Join(directory, startsFile), began: now(), now: now}
	text, err := os.ReadFile(s.file)
	if err == nil && json.Unmarshal(text, &s.last) == nil {
		if pause := s.began.Sub(s.last.Ended); pause > managersPause || pause < -longestPause {
			s.last = failedStarts{}
		}
	}
	return s
}

// Succeeded notes that the service serves.
func (s *Starts) Succeeded() {
	if s != nil {
		_ = os.Remove(s.file)
		s.file = ""
	}
}

// Failed notes that the start failed, and returns how long the process waits before its end, and
// how many starts have failed. A service that has served does not wait.
func (s *Starts) Failed() (pause time.Duration, n int) {
	if s == nil || s.file == "" {
		return 0, 0
	}
	n = max(s.last.N, 0) + 1
	if n > startsAtOnce {
		pause = min(time.Second<<min(n-startsAtOnce-1, 10), longestPause)
	}
	text, err := json.Marshal(failedStarts{n, s.now().Add(pause)})
	if err == nil {
		err = atomicfile.Write(s.file, 0o600, func(f *os.File) error {
			_, err := f.Write(text)
			return err
		})
	}
	if err != nil {
		return 0, n // the next process would not know
	}
	return pause, n
}

// Wait waits for a pause before the process ends, and tells systemd. A signal ends it, as somebody
// has made a change. It reports whether that was to stop the service.
func (s *Starts) Wait(pause time.Duration, n int, signals <-chan os.Signal) (stopped bool) {
	notifySystemd(fmt.Sprintf("STATUS=%d starts have failed one after the other; the next one comes in %s", n, pause))
	select {
	case <-time.After(pause):
		return false
	case sig := <-signals:
		_ = os.Remove(s.file)
		return sig != syscall.SIGHUP
	}
}
