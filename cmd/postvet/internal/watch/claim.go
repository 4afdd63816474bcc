package watch

import (
	"errors"
	"os"

	"github.com/postvet/postvet/cmd/postvet/internal/filelock"
)

// errClaimed is the error of a file that another process writes.
var errClaimed = errors.New("another process keeps its state there; name another file in watch.state")

// claim makes the file of the state this process's own until release. Two processes would
// undo what the other has saved. The caller holds w.mu.
func (w *Watcher) claim() error {
	if w.lock != nil {
		return nil
	}
	f, err := os.OpenFile(w.o.File+".lock", os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	if err := filelock.Try(f); err != nil {
		_ = f.Close()
		if errors.Is(err, filelock.ErrHeld) {
			return errClaimed
		}
		return err
	}
	w.lock = f
	return nil
}

// release ends the claim.
func (w *Watcher) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lock != nil {
		_ = filelock.Unlock(w.lock)
		_ = w.lock.Close()
		w.lock = nil
	}
}
