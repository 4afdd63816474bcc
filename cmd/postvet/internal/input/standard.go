package input

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"
)

// Standard returns standard input for a command line that names it; nil if it is empty.
// It waits for the first octet without a limit.
func Standard(in *os.File) (io.Reader, error) {
	r := bufio.NewReader(in)
	switch _, err := r.Peek(1); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return r, nil
}

// Unasked returns standard input if it is a file or a pipe with something in it,
// else nil: terminals and /dev/null hold nothing. A script's input may be a pipe
// that nobody writes to; silent reports that nothing came within the timeout.
func Unasked(in *os.File, timeout time.Duration) (r io.Reader, silent bool) {
	if in == nil {
		return nil, false
	}
	info, err := in.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 || info.IsDir() {
		return nil, false
	}
	buffered := bufio.NewReader(in)
	first := make(chan error, 1)
	go func() {
		_, err := buffered.Peek(1)
		first <- err
	}()
	select {
	case err := <-first:
		if err != nil {
			return nil, false
		}
		return buffered, false
	case <-time.After(timeout):
		return nil, true
	}
}
