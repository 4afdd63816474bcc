package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
)

// List is the value of a key that lists addresses, names or domains. An entry
// "file:/path" stands for those of a file, which is read with the configuration
// and so again at each reload.
type List struct {
	// Entries are as they stand in the configuration.
	Entries []string
	// Set holds them and what is in the files; nil if there is nothing.
	Set *addrlist.List
}

// filePrefix begins an entry that names a file.
const filePrefix = "file:"

// newList makes a list of entries that are known to be good.
func newList(kinds addrlist.Kind, entries ...string) List {
	k := key{kinds: kinds, empty: true}
	l := List{}
	list := make([]any, len(entries))
	for i, e := range entries {
		list[i] = e
	}
	if problem, _ := k.setEntries(&l, list); problem != "" {
		panic("config: " + problem)
	}
	return l
}

// setEntries takes the value of a list, and reads the files that it names.
func (k *key) setEntries(l *List, v any) (problem, remedy string) {
	var b addrlist.Builder
	entries := []string{}
	problem, remedy = k.each(v, func(s string) (string, string) {
		entries = append(entries, s)
		path, isFile := strings.CutPrefix(s, filePrefix)
		if !isFile {
			if err := b.Add(s, k.kinds); err != nil {
				return foreign.Terminal(err.Problem, maxShown), err.Remedy
			}
			return "", ""
		}
		if _, problem, remedy := checkFile(path); problem != "" {
			return problem, remedy
		}
		text, problem := readList(path)
		if problem != "" {
			return problem, "name a readable file of entries, one a line"
		}
		if err := b.File(path, text, k.kinds|k.inFiles); err != nil {
			return foreign.Terminal(fmt.Sprintf("%s:%d: %s", err.File, err.Line, err.Problem), maxShown), err.Remedy
		}
		return "", ""
	})
	if problem == "" && len(entries) == 0 && !k.empty {
		return "is empty", k.example()
	}
	if problem != "" {
		return problem, remedy
	}
	*l = List{Entries: entries}
	if set := b.List(); set.Len() > 0 {
		l.Set = set
	}
	return "", ""
}

// readList reads a file of entries. A pipe or a device might never end, and
// nothing may keep a start or a reload waiting.
func readList(path string) (text []byte, problem string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, listFault(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, foreign.TerminalQuote(path, maxCited) + " is no file"
	}
	if text, err = io.ReadAll(io.LimitReader(f, addrlist.MaxBytes+1)); err != nil {
		return nil, listFault(path, err)
	}
	return text, ""
}

func listFault(path string, err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("%s cannot be read: %v", foreign.TerminalQuote(path, maxCited), err)
}
