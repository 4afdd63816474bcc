package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// States remembers which keys the DNS has shown, by fingerprint, and keeps that in a
// file over restarts. A key that was published goes on signing while the DNS fails. The
// key files themselves stay as they are: their directory may be read-only. States is
// safe for concurrent use.
type States struct {
	file string // "" to keep nothing

	mu    sync.Mutex
	known map[string]state
	dirty bool
}

// state is what is known of one key.
type state struct {
	Name      string    `json:"name"` // of the record
	Published time.Time `json:"published"`
}

// maxStates bounds the file, in octets. A key takes some 170.
const maxStates = 64 << 20

// statesFile is the file's content.
type statesFile struct {
	Version int              `json:"version"`
	Keys    map[string]state `json:"keys"`
}

// LoadStates reads a file of states; "" keeps them in memory alone. A file that does
// not exist is empty. With an error, the states are empty too, and can be used: keys
// then sign once the DNS shows them.
func LoadStates(file string) (*States, error) {
	s := &States{file: file, known: map[string]state{}}
	if file == "" {
		return s, nil
	}
	f, err := input.OpenRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, input.Cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStates+1))
	switch {
	case err != nil:
		return s, fmt.Errorf("%s: %w", file, input.Cause(err))
	case len(data) > maxStates:
		return s, fmt.Errorf("%s: larger than %d MB", file, maxStates>>20)
	}
	var content statesFile
	if err := json.Unmarshal(data, &content); err != nil || content.Version != 1 {
		return s, fmt.Errorf("%s: not a file of key states", file)
	}
	if content.Keys != nil {
		s.known = content.Keys
	}
	return s, nil
}

// Published reports whether the DNS has shown the key with a fingerprint.
func (s *States) Published(fingerprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.known[fingerprint]
	return ok
}

// SetPublished notes that the DNS shows a key under a name.
func (s *States) SetPublished(fingerprint, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.known[fingerprint]; ok && known.Name == name {
		return
	}
	s.known[fingerprint] = state{Name: name, Published: time.Now().UTC().Truncate(time.Second)}
	s.dirty = true
}

// Save writes the states if they have changed. The old file stays until the new one is
// complete.
func (s *States) Save() error {
	s.mu.Lock()
	if !s.dirty || s.file == "" {
		s.mu.Unlock()
		return nil
	}
	data, err := json.MarshalIndent(statesFile{Version: 1, Keys: s.known}, "", " ")
	s.dirty = false
	s.mu.Unlock()
	if err == nil {
		err = replace(s.file, append(data, '\n'))
	}
	if err != nil {
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
		return fmt.Errorf("%s: %w", s.file, input.Cause(err))
	}
	return nil
}

// replace writes a file under another name and renames it.
func replace(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o640), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
