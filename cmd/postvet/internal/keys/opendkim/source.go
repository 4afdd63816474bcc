package opendkim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
)

// source is a data set of opendkim: a file, a file of patterns, or a list.
type source struct {
	path    string // "" for a list
	list    string
	pattern bool
}

// maxTable bounds a table, in octets. A line has some 100.
const maxTable = 64 << 20

// parseSource reads the name of a data set: "/path", "file:/path", "refile:/path", or a
// list as "csl:key=value,key=value".
func parseSource(name string) (s source, problem, remedy string) {
	scheme, rest, ok := strings.Cut(name, ":")
	switch {
	case strings.HasPrefix(name, "/"):
		s.path = name
	case ok && scheme == "file":
		s.path = rest
	case ok && scheme == "refile":
		s.path, s.pattern = rest, true
	case ok && scheme == "csl", strings.Contains(name, "="):
		s.list = strings.TrimPrefix(name, "csl:")
		return s, "", ""
	default:
		return s, "is no table in a file", `write a path, "refile:" and a path for a table with patterns, or a list such as "csl:key=value"`
	}
	if !strings.HasPrefix(s.path, "/") {
		return s, "names no absolute path", `write one such as "refile:/etc/opendkim/SigningTable"`
	}
	return s, "", ""
}

// CheckSource returns what is wrong with the name of a table, and what would be right.
func CheckSource(name string) (problem, remedy string) {
	_, problem, remedy = parseSource(name)
	return problem, remedy
}

// row is a line of a table.
type row struct {
	line       int
	key, value string
}

// rows calls f for each line of a table. "#" begins a remark, as opendkim has it.
func (s source) rows(f func(row)) error {
	if s.path == "" {
		n := 0
		for one := range strings.SplitSeq(s.list, ",") {
			n++
			key, value, _ := strings.Cut(one, "=")
			if key, value = strings.TrimSpace(key), strings.TrimSpace(value); key != "" || value != "" {
				f(row{n, key, value})
			}
		}
		return nil
	}
	file, err := input.OpenRegular(s.path)
	if err != nil {
		return input.Cause(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTable+1))
	switch {
	case err != nil:
		return input.Cause(err)
	case len(text) > maxTable:
		return fmt.Errorf("larger than %d MB", maxTable>>20)
	case bytes.IndexByte(text, 0) >= 0:
		return errors.New("not a text file")
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		plain, _, _ := strings.Cut(line, "#")
		if plain = strings.TrimSpace(plain); plain == "" {
			continue
		}
		if strings.HasPrefix(plain, "-----BEGIN ") {
			return errors.New("a file of a key or certificate, not a table")
		}
		key, value := plain, ""
		if i := strings.IndexAny(plain, " \t"); i >= 0 {
			key, value = plain[:i], strings.TrimSpace(plain[i:])
		}
		f(row{n, key, value})
	}
	return nil
}
