// Package filelock locks files among processes. A lock ends with the process, however that
// ends.
package filelock

import "errors"

// ErrHeld is the error of a file that another process has locked.
var ErrHeld = errors.New("another process holds the lock")
