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
	"time"
	"unicode"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// List is a list of addresses, names or domains. An entry "file:/path" stands for
// the entries of a file, which is read with the configuration, also on a reload.
type List struct {
	// Entries are the entries in the configuration.
	Entries []string
	// entries are the same with their ends.
	entries []entry
	// Set holds the entries and those of the files. It is nil if there are none.
	Set *addrlist.List
}

// entry is an entry of a list, and its end if it has one.
type entry struct {
	text string
	until
	origin // set for entries of a file
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
func (e *entriesValue) format() string { return formatEntries(e.field.entries) }

// newList returns a list of entries that are known to be valid.
func newList(kinds addrlist.Kind, texts ...string) List {
	l, problem, _ := parseEntries(undated(texts), kinds, 0)
	if problem != "" {
		panic("config: " + problem)
	}
	return l
}

// readEntries returns the list of a TOML value.
func readEntries(v any, kinds, inFiles addrlist.Kind) (l List, problem, remedy string) {
	entries, problem, remedy := entriesOf(v, exampleOf(kinds))
	if problem != "" {
		return List{}, problem, remedy
	}
	return parseEntries(entries, kinds, inFiles)
}

// entriesOf returns the entries of a TOML list. One with an end is an inline table.
func entriesOf(v any, example string) (list []entry, problem, remedy string) {
	all, ok := v.([]any)
	if !ok {
		return nil, "is " + describe(v), example
	}
	texts, list := make([]any, len(all)), make([]entry, len(all))
	for i, e := range all {
		table, ok := e.(map[string]any)
		if !ok {
			texts[i] = e
			continue
		}
		u, given := table[untilKey]
		if _, isText := table["entry"].(string); len(table) != 2 || !given || !isText {
			return nil, fmt.Sprintf("entry %d is a table without the keys entry and until alone", i+1), `write one such as { entry = "mx.example.org", until = 2026-12-31 }`
		} else if list[i].until, problem, remedy = readUntil(u, time.Local); problem != "" {
			return nil, fmt.Sprintf("entry %d: until %s", i+1, problem), remedy
		}
		texts[i] = table["entry"]
	}
	plain, problem, remedy := stringsOf(texts, example, example)
	for i, text := range plain {
		list[i].text = text
	}
	return list, problem, remedy
}

// undated returns entries without an end.
func undated(texts []string) []entry {
	list := make([]entry, len(texts))
	for i, text := range texts {
		list[i].text = text
	}
	return list
}

// formatEntries writes entries as they are written in a file.
func formatEntries(entries []entry) string {
	written := make([]string, len(entries))
	for i, e := range entries {
		if written[i] = strconv.Quote(e.text); e.until.text != "" {
			written[i] = fmt.Sprintf("{ entry = %s, until = %s }", written[i], e.until.text)
		}
	}
	return "[" + strings.Join(written, ", ") + "]"
}

// parseEntries returns the list of the entries and of the files that they name.
func parseEntries(entries []entry, kinds, inFiles addrlist.Kind) (l List, problem, remedy string) {
	var b addrlist.Builder
	for i, e := range entries {
		l.Entries = append(l.Entries, e.text)
		b.Until(e.end)
		if path, isFile := strings.CutPrefix(e.text, filePrefix); isFile {
			problem, remedy = addFile(&b, path, kinds|inFiles)
		} else if err := b.Add(e.text, kinds); err != nil {
			problem, remedy = foreign.Terminal(err.Problem, maxShown), err.Remedy
		}
		if problem != "" {
			return List{}, problem + furtherEntries(entries[i+1:], kinds), remedy
		}
	}
	l.entries = entries
	if set := b.List(); set.Len() > 0 {
		l.Set = set
	}
	return l, "", ""
}

// maxFurther bounds how many bad entries are named after the first one.
const maxFurther = 20

// furtherEntries names the bad entries of a list after the first one.
func furtherEntries(entries []entry, kinds addrlist.Kind) string {
	var bad []string
	for _, e := range entries {
		if strings.HasPrefix(e.text, filePrefix) || new(addrlist.Builder).Add(e.text, kinds) == nil {
			continue
		}
		if len(bad) == maxFurther {
			bad = append(bad, "...")
			break
		}
		bad = append(bad, cite(e.text))
	}
	return badToo("", bad)
}

// badToo returns further bad entries or lines as a part of a problem.
func badToo(what string, bad []string) string {
	if len(bad) == 0 {
		return ""
	}
	return " (bad, too: " + what + strings.Join(bad, ", ") + ")"
}

// addFile adds the entries of a file.
func addFile(b *addrlist.Builder, path string, kinds addrlist.Kind) (problem, remedy string) {
	if _, problem, _ := checkFile(path); problem != "" {
		return problem, "write a path such as " + cite(filePrefix+examplePath(kinds))
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
	var bad []string
	n := 0
	for line := range bytes.Lines(text) {
		if n++; n <= first {
			continue
		}
		if err := new(addrlist.Builder).File("", line, kinds); err == nil {
			continue
		}
		if bad = append(bad, strconv.Itoa(n)); len(bad) == maxFurther {
			bad = append(bad, "...")
			break
		}
	}
	return badToo("line ", bad)
}

// exampleOf returns the remedy for a list of some kinds.
func exampleOf(kinds addrlist.Kind) string {
	switch {
	case kinds&addrlist.MailAddresses != 0:
		return `write a list, such as ["bob@example.org", "example.net"]`
	case kinds&addrlist.Names == 0:
		return `write a list, such as ["127.0.0.0/8", "::1/128"]`
	case kinds&addrlist.Addresses == 0:
		return `write a list, such as ["example.org", ".example.org"]`
	}
	return `write a list, such as ["192.0.2.0/24", "mx.example.org"]`
}

// examplePath returns the path of a file of entries of some kinds.
func examplePath(kinds addrlist.Kind) string {
	switch {
	case kinds&addrlist.MailAddresses != 0:
		return "/etc/postvet/recipients"
	case kinds&addrlist.Names == 0:
		return "/etc/postvet/addresses"
	case kinds&addrlist.Addresses == 0:
		return "/etc/postvet/domains"
	}
	return "/etc/postvet/hosts"
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
	return checkPath(s, "file", "/var/lib/postvet/dns.snapshot")
}

// checkPath is checkFile for a "file" or a "directory", with an example.
func checkPath(s, of, example string) (normal, problem, remedy string) {
	remedy = "write a path such as " + cite(example)
	switch {
	case strings.IndexFunc(s, unicode.IsControl) >= 0:
		return "", cite(s) + " contains a control character", remedy
	case !filepath.IsAbs(s) || of == "file" && strings.HasSuffix(s, "/"):
		return "", cite(s) + " is no absolute path of a " + of, remedy
	}
	return s, "", ""
}

// checkCleanPath is checkPath, and returns the path in its shortest form.
func checkCleanPath(s, of, example string) (normal, problem, remedy string) {
	if normal, problem, remedy = checkPath(s, of, example); problem == "" {
		normal = filepath.Clean(normal)
	}
	return normal, problem, remedy
}
