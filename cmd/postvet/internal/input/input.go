// Package input opens what a person names to be read: files, pipes and standard
// input. It bounds how long a pipe may have no writer, and how much is read of a
// file that is wanted whole.
package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Timeout is how long a command waits for a pipe to have a writer, and for
// standard input to begin if the command line does not name it.
const Timeout = 2 * time.Second

// errNoWriter is the error of a pipe that nobody writes to.
var errNoWriter = errors.New("is a pipe that nobody writes to")

// Open opens a file or a pipe. It waits for a slow writer of a pipe, but not longer
// than [Timeout] for one to come: a pipe that nobody writes to is an error. Errors
// name the file as those of package os do.
func Open(name string) (io.ReadCloser, error) { return open(name, Timeout) }

func open(name string, timeout time.Duration) (io.ReadCloser, error) {
	// Without O_NONBLOCK the call itself waits for a writer.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode()&fs.ModeNamedPipe == 0 {
		return f, nil
	}
	var first []byte
	if err == nil {
		first, err = firstOctet(f, timeout)
	}
	if err != nil {
		_ = f.Close()
		return nil, pathError(name, err)
	}
	return pipe{io.MultiReader(bytes.NewReader(first), f), f}, nil
}

type pipe struct {
	io.Reader
	io.Closer
}

// firstOctet waits for the first octet of a pipe. As long as the pipe has no
// writer, a read returns at once with nothing; with one it waits for data.
func firstOctet(r io.Reader, timeout time.Duration) ([]byte, error) {
	var b [1]byte
	for end := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		n, err := r.Read(b[:])
		switch {
		case n > 0:
			return b[:], nil
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case time.Now().After(end):
			return nil, errNoWriter
		}
	}
}

// OpenRegular opens a regular file. A pipe or a device might never end, and
// nothing may keep a run over many files waiting.
func OpenRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no regular file")
	}
	if err != nil {
		_ = f.Close()
		return nil, pathError(name, err)
	}
	return f, nil
}

// ReadFile reads a file of at most the given number of MB. A larger one is an
// error: it is another file than was meant.
func ReadFile(name string, megabytes int) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	most := megabytes << 20
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("is larger than %d MB", megabytes)
	}
	if err != nil {
		return nil, pathError(name, err)
	}
	return text, nil
}

// pathError names the file of an error.
func pathError(name string, err error) error {
	return &fs.PathError{Op: "read", Path: name, Err: Cause(err)}
}

// Cause returns an error without the system call and the file's name, for where
// the name stands beside it.
func Cause(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
