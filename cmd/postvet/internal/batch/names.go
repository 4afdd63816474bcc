package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// MaxNames bounds the domains of one list, and maxOctets its size.
const (
	MaxNames  = 10000
	maxOctets = 4 << 20
)

// The errors of lists.
var (
	ErrEmpty   = errors.New("has no names")
	ErrTooLong = fmt.Errorf("has more than %d names, or more than %d MB", MaxNames, maxOctets>>20)
)

// ReadNames reads a list of domains: one a line, where "#" begins a comment. A name that
// stands there twice is one name. Lines that are no names are kept: their reports say so.
func ReadNames(r io.Reader) ([]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxOctets+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxOctets:
		return nil, ErrTooLong
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // some editors begin a file of UTF-8 so
	var names []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if normal, ok := message.NormalizeDomain(name); ok {
			name = normal
		} else {
			name = foreign.Cut(name, advice.MaxText)
		}
		if seen[name] {
			continue
		}
		if len(names) == MaxNames {
			return nil, ErrTooLong
		}
		seen[name] = true
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, ErrEmpty
	}
	return names, nil
}
