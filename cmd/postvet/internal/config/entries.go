package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// List is a list of addresses, names or domains. An entry "file:/path" stands for
// the entries of a file, which is read with the configuration, also on a reload.
type List struct {
	// Entries are the entries in the configuration.
	Entries []string
	// Set holds the entries and those of the files. It is nil if there are none.
	Set *addrlist.List
}

// filePrefix begins an entry that names a file.
const filePrefix = "file:"

// entriesValue is a List.
type entriesValue struct {
	field *List
	// kinds are the kinds that the list may hold. Its files may also hold inFiles.
	kinds, inFiles addrlist.Kind
	initial        []string
}

func entries(field *List, kinds, inFiles addrlist.Kind, initial ...string) value {
	return &entriesValue{field, kinds, inFiles, initial}
}

func (e *entriesValue) set(v any) (problem, remedy string) {
	l, problem, remedy := readEntries(v, e.kinds, e.inFiles)
	if problem == "" {
		*e.field = l
	}
	return problem, remedy
}

func (e *entriesValue) setDefault()    { *e.field = newList(e.kinds, e.initial...) }
func (e *entriesValue) format() string { return formatList(e.field.Entries) }

// newList returns a list of entries that are known to be valid.
func newList(kinds addrlist.Kind, entries ...string) List {
	l, problem, _ := parseEntries(entries, kinds, 0)
	if problem != "" {
		panic("config: " + problem)
	}
	return l
}

// readEntries returns the list of a TOML value.
func readEntries(v any, kinds, inFiles addrlist.Kind) (l List, problem, remedy string) {
	example := exampleOf(kinds)
	entries, problem, remedy := stringsOf(v, example, example)
	if problem != "" {
		return List{}, problem, remedy
	}
	return parseEntries(entries, kinds, inFiles)
}

// parseEntries returns the list of the entries and of the files that they name.
func parseEntries(entries []string, kinds, inFiles addrlist.Kind) (l List, problem, remedy string) {
	var b addrlist.Builder
	for _, s := range entries {
		if path, isFile := strings.CutPrefix(s, filePrefix); isFile {
			problem, remedy = addFile(&b, path, kinds|inFiles)
		} else if err := b.Add(s, kinds); err != nil {
			problem, remedy = foreign.Terminal(err.Problem, maxShown), err.Remedy
		}
		if problem != "" {
			return List{}, problem, remedy
		}
	}
	l.Entries = entries
	if set := b.List(); set.Len() > 0 {
		l.Set = set
	}
	return l, "", ""
}

// addFile adds the entries of a file.
func addFile(b *addrlist.Builder, path string, kinds addrlist.Kind) (problem, remedy string) {
	if _, problem, remedy := checkFile(path); problem != "" {
		return problem, remedy
	}
	text, problem := readList(path)
	if problem != "" {
		return problem, "name a readable file of entries, one a line"
	}
	if err := b.File(path, text, kinds); err != nil {
		return foreign.Terminal(fmt.Sprintf("%s:%d: %s", err.File, err.Line, err.Problem), maxShown) + furtherLines(text, err.Line, kinds), err.Remedy
	}
	return "", ""
}

// furtherLines names the bad lines of a file after the first one.
func furtherLines(text []byte, first int, kinds addrlist.Kind) string {
	const most = 20
	var bad []string
	n := 0
	for line := range bytes.Lines(text) {
		if n++; n <= first {
			continue
		}
		if err := new(addrlist.Builder).File("", line, kinds); err == nil {
			continue
		}
		if bad = append(bad, strconv.Itoa(n)); len(bad) == most {
			bad = append(bad, "...")
			break
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return " (bad, too: " + "line " + strings.Join(bad, ", ") + ")"
}

// exampleOf returns the remedy for a list of some kinds.
func exampleOf(kinds addrlist.Kind) string {
	switch {
	case kinds&addrlist.Names == 0:
		return `write a list, such as ["127.0.0.0/8", "::1/128"]`
	case kinds&addrlist.Addresses == 0:
		return `write a list, such as ["example.org", ".example.org"]`
	}
	return `write a list, such as ["192.0.2.0/24", "mx.example.org"]`
}

// readList reads a file of entries. It refuses pipes and devices, which might never
// end.
func readList(path string) (text []byte, problem string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, listFault(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cite(path) + " is no file"
	}
	if text, err = io.ReadAll(io.LimitReader(f, addrlist.MaxBytes+1)); err != nil {
		return nil, listFault(path, err)
	}
	return text, ""
}

func listFault(path string, err error) string {
	return fmt.Sprintf("%s cannot be read: %v", cite(path), cause(err))
}

// checkFile accepts an absolute path of a file: the working directory may be any.
func checkFile(s string) (normal, problem, remedy string) {
	remedy = `write a path such as "/var/lib/postvet/dns.snapshot"`
	switch {
	case strings.IndexFunc(s, unicode.IsControl) >= 0:
		return "", cite(s) + " contains a control character", remedy
	case !filepath.IsAbs(s) || strings.HasSuffix(s, "/"):
		return "", cite(s) + " is no absolute path of a file", remedy
	}
	return s, "", ""
}
