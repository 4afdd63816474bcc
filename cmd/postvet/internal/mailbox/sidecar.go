package mailbox

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// sidecarSuffix is what the name of an envelope's file has behind the message's.
const sidecarSuffix = ".envelope"

// readSidecar reads "key value" lines.
func (e *Envelope) readSidecar(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxSidecar+1))
	if err != nil {
		return err
	}
	if len(text) > maxSidecar { // half an envelope is another one
		return fmt.Errorf("line %d: the file has more than %d KB", 1+bytes.Count(text, []byte("\n")), maxSidecar>>10)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if err := e.set(strings.TrimSuffix(key, ":"), strings.TrimSpace(value)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

const fieldPrefix = "X-Envelope-"

// fieldKeys are the keys of the fields X-Envelope-..., by the rest of their names.
var fieldKeys = map[string]string{
	"ip": "ip", "helo": "helo", "from": "mail-from", "to": "rcpt", "user": "user", "tls": "tls", "listener": "listener", "time": "time",
}

// readFields reads the X-Envelope fields on top of a header, and returns the
// fields below them.
func (e *Envelope) readFields(header message.Header) (rest message.Header, found bool, err error) {
	for i, f := range header {
		if len(f.Name) <= len(fieldPrefix) || !strings.EqualFold(f.Name[:len(fieldPrefix)], fieldPrefix) {
			return header[i:], found, nil
		}
		key, known := fieldKeys[strings.ToLower(f.Name[len(fieldPrefix):])]
		if !known {
			return header[i:], found, nil
		}
		if err := e.set(key, strings.TrimSpace(f.Value())); err != nil {
			return nil, false, fmt.Errorf("%s: %w", f.Name, err)
		}
		found = true
	}
	return nil, found, nil
}
