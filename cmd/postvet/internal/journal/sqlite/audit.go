package sqlite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// auditName is the file in which it is written who searched for a person. When it is full,
// it becomes auditName.1.
const (
	auditName = "audit.log"
	maxAudit  = 4 << 20
)

// Audited is a search for a person or a client, or what was forgotten, and who asked.
type Audited struct {
	At time.Time `json:"at"`
	// UID is the user of this machine. It is -1 for a user of the web page, whose name is
	// Web. Web is "" if nothing but the rights of the page's socket is known.
	UID int    `json:"uid"`
	Web string `json:"web,omitempty"`
	// Address is where the user of the web page is, "" if that is not known.
	Address string      `json:"address,omitempty"`
	Do      string      `json:"do"`
	Query   *rows.Query `json:"query"`
}

// Audit writes down a search for a person or a client, and what is forgotten. It sets the
// time.
func Audit(dir string, a Audited) error {
	a.At = time.Now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, auditName)
	switch info, err := os.Stat(path); {
	case err != nil: // there is none yet, or opening it fails too
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file; remove it", path)
	case info.Size() > maxAudit:
		_ = os.Rename(path, path+".1")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// auditTail bounds what is read of the end of the file, in octets.
const auditTail = 256 << 10

// ReadAudit returns the newest of what was written down, the newest first, at most n. Lines
// that cannot be read are left out.
func ReadAudit(dir string, n int) ([]Audited, error) {
	list := []Audited{}
	f, err := input.OpenRegular(filepath.Join(dir, auditName))
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return list, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return list, err
	}
	from := max(0, info.Size()-auditTail)
	text, err := io.ReadAll(io.NewSectionReader(f, from, auditTail))
	if err != nil {
		return list, err
	}
	lines := bytes.Split(text, []byte("\n"))
	if from > 0 {
		lines = lines[1:] // the first one is cut off
	}
	for i := len(lines) - 1; i >= 0 && len(list) < n; i-- {
		var a Audited
		if json.Unmarshal(lines[i], &a) == nil && !a.At.IsZero() {
			list = append(list, a)
		}
	}
	return list, nil
}
