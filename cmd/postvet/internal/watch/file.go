package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/atomicfile"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// State is what is kept over a restart.
type State struct {
	Version int                `json:"version"`
	Domains map[string]*Domain `json:"domains"`
	// Pending are the events that no mail has told yet, Omitted how many more there were.
	Pending []Event `json:"pending"`
	Omitted int     `json:"omitted"`
	// Mailed is when a mail was sent last, Daily when the last day was told.
	Mailed time.Time `json:"mailed"`
	Daily  time.Time `json:"daily"`
}

// version is the version of the file, maxFile bounds it.
const (
	version = 1
	maxFile = 256 // MB
)

// Load reads a state. A file that is not there is an empty state.
func Load(file string) (*State, error) {
	empty := &State{Version: version, Domains: map[string]*Domain{}}
	text, err := input.ReadFile(file, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return empty, nil
	case err != nil:
		return empty, err
	}
	s := &State{}
	if err := json.Unmarshal(text, s); err != nil {
		return empty, fmt.Errorf("%s is damaged: %w", file, err)
	}
	if s.Version != version {
		return empty, fmt.Errorf("%s has version %d, this program reads %d", file, s.Version, version)
	}
	s.mend()
	return s, nil
}

// mend puts in what a file has left out, so that the rest of the package need not look.
func (s *State) mend() {
	if s.Domains == nil {
		s.Domains = map[string]*Domain{}
	}
	for name, d := range s.Domains {
		if d == nil {
			delete(s.Domains, name)
			continue
		}
		if d.Records == nil {
			d.Records = map[ID]*Record{}
		}
		if d.Faults == nil {
			d.Faults = map[string]*Fault{}
		}
		for id, r := range d.Records {
			if r == nil {
				delete(d.Records, id)
			}
		}
		for text, f := range d.Faults {
			if f == nil {
				delete(d.Faults, text)
			}
		}
	}
}

// notAfter sets times that are yet to come to now: the clock went wrong, and by them nothing
// would be told or sent for years.
func (s *State) notAfter(now time.Time) {
	set := func(times ...*time.Time) {
		for _, t := range times {
			if t.After(now) {
				*t = now
			}
		}
	}
	set(&s.Mailed, &s.Daily)
	for _, d := range s.Domains {
		set(&d.First, &d.Checked, &d.Determined)
		for i := range d.Changes {
			set(&d.Changes[i].At)
		}
		for _, r := range d.Records {
			set(&r.ToldAt)
		}
		for _, f := range d.Faults {
			set(&f.Since, &f.Gone, &f.ToldAt)
		}
	}
}

// setAside keeps a file that is not read, so that the state which takes its place does not
// end what a newer version, or somebody who mends the file, can read.
func setAside(file string) error {
	err := os.Rename(file, file+".unread")
	if err == nil {
		return fmt.Errorf("it is kept as %s", file+".unread")
	}
	return err
}

// forget drops the domains that have not been watched for long.
func (s *State) forget(watched []string, now time.Time) {
	for name, d := range s.Domains {
		if now.Sub(d.Checked) > keepFor && !slices.Contains(watched, name) {
			delete(s.Domains, name)
		}
	}
}

// save writes a state as a whole or not at all.
func (s *State) save(file string) error {
	return atomicfile.Write(file, 0o640, func(f *os.File) error { return json.NewEncoder(f).Encode(s) })
}
