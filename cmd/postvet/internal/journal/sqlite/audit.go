package sqlite

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// auditName is the file in which it is written who searched for a person. When it is full,
// it becomes auditName.1.
const (
	auditName = "audit.log"
	maxAudit  = 4 << 20
)

// Audit writes down a search for a person or a client, and what is forgotten. uid is the
// user who asked.
func Audit(dir string, uid int, do string, q *rows.Query) error {
	line, err := json.Marshal(struct {
		At    time.Time   `json:"at"`
		UID   int         `json:"uid"`
		Do    string      `json:"do"`
		Query *rows.Query `json:"query"`
	}{time.Now().UTC().Truncate(time.Millisecond), uid, do, q})
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
