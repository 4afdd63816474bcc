package states

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/atomicfile"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// maxFile bounds the file, in octets. A key takes some 400.
const maxFile = 256 << 20

// content is the file's content.
type content struct {
	Version int            `json:"version"`
	Keys    map[string]Key `json:"keys"`
}

// version tells one content of the file from another.
type version struct {
	inode   uint64
	size    int64
	changed time.Time
}

func versionOf(info fs.FileInfo) version {
	v := version{size: info.Size(), changed: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		v.inode = st.Ino
	}
	return v
}

// Open reads a file of states; "" keeps them in memory alone. A file that does not exist
// is empty. With an error, the states are empty too, and can be used.
func Open(file string) (*States, error) {
	s := &States{file: file, known: map[string]Key{}, notes: map[string]note{}}
	if file == "" {
		return s, nil
	}
	return s, s.Refresh()
}

// File returns the name of the file, "" if there is none.
func (s *States) File() string { return s.file }

// Refresh reads the file again if another process has changed it.
func (s *States) Refresh() error {
	if s.file == "" {
		return nil
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	s.mu.Lock()
	before := s.read
	s.mu.Unlock()
	info, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && versionOf(info) == before {
		return nil
	}
	known, now, err := load(s.file)
	if err != nil {
		return err
	}
	s.adopt(known, now)
	return nil
}

// adopt takes what the file says, with the notes that it does not have yet.
func (s *States) adopt(known map[string]Key, now version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.notes {
		known[id] = n.apply(known[id])
	}
	s.known, s.read = known, now
}

// load reads the file.
func load(file string) (map[string]Key, version, error) {
	f, err := input.OpenRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Key{}, version{}, nil
	}
	if err != nil {
		return nil, version{}, fmt.Errorf("%s: %w", file, input.Cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, version{}, fmt.Errorf("%s: %w", file, input.Cause(err))
	case info.Size() > maxFile: // before it is read, every few seconds
		return nil, version{}, fmt.Errorf("%s: larger than %d MB", file, maxFile>>20)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, version{}, fmt.Errorf("%s: %w", file, input.Cause(err))
	case len(data) > maxFile:
		return nil, version{}, fmt.Errorf("%s: larger than %d MB", file, maxFile>>20)
	}
	var c content
	if err := json.Unmarshal(data, &c); err != nil || c.Version != 1 {
		return nil, version{}, fmt.Errorf("%s: not a file of key states; move it away to begin anew", file)
	}
	known := make(map[string]Key, len(c.Keys))
	for id, k := range c.Keys {
		if !strings.Contains(id, "/") { // as it was written before a key could have several names
			id = ID(id, k.Name)
		}
		known[id] = k
	}
	return known, versionOf(info), nil
}

// Update makes a change on what the file says now, and writes it. With an error nothing
// has changed. change must not keep the map.
func (s *States) Update(change func(known map[string]Key)) error {
	if s.file == "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		change(s.known)
		return nil
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	unlock, err := lock(s.file+".lock", patience)
	if err != nil {
		return err
	}
	defer unlock()
	known, _, err := load(s.file)
	if err != nil {
		return err
	}
	s.mu.Lock()
	notes := s.notes
	s.notes = map[string]note{}
	s.mu.Unlock()
	for id, n := range notes {
		known[id] = n.apply(known[id])
	}
	change(known)
	now, err := write(s.file, known)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for id, n := range notes { // for the next time
			if _, newer := s.notes[id]; !newer {
				s.notes[id] = n
			}
		}
		return fmt.Errorf("%s: %w", s.file, input.Cause(err))
	}
	s.adopt(known, now)
	return nil
}

// lazily is how long notes wait that only say when a key signed.
const lazily = 10 * time.Minute

// perKey is how long other notes wait for each key in the file, so that a large file is not
// written all the time.
const perKey = 2 * time.Millisecond

// Save writes what messages have told, if that is worth it.
func (s *States) Save() error {
	s.mu.Lock()
	pause := lazily
	if s.urgent {
		pause = min(lazily, time.Duration(len(s.known))*perKey)
	}
	due := s.file != "" && len(s.notes) > 0 && time.Since(s.saved) > pause
	urgent := s.urgent
	s.urgent = s.urgent && !due
	s.mu.Unlock()
	if !due {
		return nil
	}
	err := s.Update(func(map[string]Key) {})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = time.Now()
	if err != nil {
		s.urgent = urgent
	}
	return err
}

// write replaces the file. The new one has the owner of the old one, or else of the
// directory: root must not lock out the service. The lock is held.
func write(file string, known map[string]Key) (version, error) {
	data, err := json.MarshalIndent(content{Version: 1, Keys: known}, "", " ")
	if err != nil {
		return version{}, err
	}
	var info fs.FileInfo
	err = atomicfile.Write(file, 0o600, func(f *os.File) error {
		_, err := f.Write(append(data, '\n'))
		if err = errors.Join(err, giveTo(f, file), f.Chmod(0o640)); err == nil {
			info, err = f.Stat()
		}
		return err
	})
	if err != nil {
		return version{}, err
	}
	return versionOf(info), nil
}
