package peers

import (
	"bytes"
	"strings"
)

// Entry is an entry of a file that a list names.
type Entry struct {
	Text string
	Line int // from 1
}

// Files has the entries of each file that a list names, by the file's path.
type Files map[string][]Entry

// ParseEntries returns the entries of a file of hosts or domains: one a line, or
// several with commas between, and "#" before a remark.
func ParseEntries(text []byte) []Entry {
	var list []Entry
	n := 0
	for line := range bytes.Lines(text) {
		n++
		plain, _, _ := strings.Cut(string(line), "#")
		for one := range strings.SplitSeq(plain, ",") {
			if one = strings.TrimSpace(one); one != "" {
				list = append(list, Entry{one, n})
			}
		}
	}
	return list
}

// ListFiles returns the paths of the files that the lists among the settings name.
func ListFiles(all []Setting) []string {
	var paths []string
	for _, s := range all {
		if o := optionNamed(s.Peer, s.Name); o == nil || o.kind != dataset && o.kind != hostFile {
			continue
		}
		e, _ := parseDataset(s.Value)
		for _, one := range e {
			if path, ok := strings.CutPrefix(one, "file:"); ok {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
