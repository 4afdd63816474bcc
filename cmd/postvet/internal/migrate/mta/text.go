package mta

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds a file of the MTA's; what is larger is another file.
const maxFile = 4 << 20

// readText reads a file of the MTA's. What is no text is an error: read as one
// it would be a configuration that sets nothing.
func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxFile:
		err = errors.New("is larger than 4 MB")
	case bytes.IndexByte(text, 0) >= 0:
		err = errors.New("is no text")
	default:
		return string(text), nil
	}
	return "", &fs.PathError{Op: "read", Path: path, Err: err}
}
