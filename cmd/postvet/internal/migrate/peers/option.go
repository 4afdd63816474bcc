package peers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is what an option's value is.
type kind int

const (
	text    kind = iota
	boolean      // only its first letter counts
	number
	dataset // see parseDataset
	action  // a word of actionWords, or its first letter
)

// option is one option that a peer knows.
type option struct {
	name string
	kind kind
	// words are all values of a text that has only some.
	words []string
	// byDefault is the value without a setting, "" for none.
	byDefault string
	// fate and note are what is said of it unless a translator knows better.
	fate Fate
	note string
}

// What is said of many options.
const (
	noteSigning = "Postvet does not sign: leave it to opendkim in signing mode (Mode s)"
	noteService = "systemd's unit does that"
	noteLog     = "the log goes to standard error, which systemd's journal keeps; see [log]"
	noteReports = "Postvet sends no reports; without them domain owners do not hear of their mail here"
	noteTest    = "it is for tests of the peer's own; \"postvet check\" evaluates stored messages"
)

// find returns an option by name in any case, nil if the peer has none such.
func find(peer Peer, name string) *option {
	list := options[peer]
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

var options = map[Peer][]option{
	OpenDKIM:  opendkimOptions,
	OpenDMARC: opendmarcOptions,
	PySPF:     pyspfOptions,
	OpenARC:   openarcOptions,
}

func unknownOption(s Setting) *Fault {
	f := &Fault{File: s.File, Line: s.Line, Option: s.Name, Problem: "is no option of " + string(s.Peer), Remedy: "correct or remove the line"}
	for peer, list := range options {
		for _, o := range list {
			switch {
			case peer == s.Peer && similar(o.name, s.Name):
				f.Remedy = fmt.Sprintf("did you mean %s?", o.name)
				return f
			case peer != s.Peer && strings.EqualFold(o.name, s.Name):
				f.Remedy = fmt.Sprintf("%s has it; is this the right file?", peer)
			}
		}
	}
	return f
}

// similar reports whether two names differ in one letter, or in signs.
func similar(a, b string) bool {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
	}
	a, b = plain(a), plain(b)
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i == len(a) || a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}

// check says what is wrong with a value, and what would be right.
func (o *option) check(value string) (problem, remedy string) {
	switch o.kind {
	case boolean:
		if value == "" || !strings.ContainsRune("tTyY1fFnN0", rune(value[0])) {
			return fmt.Sprintf("%q is neither yes nor no", value), "write yes or no"
		}
	case number:
		if _, err := strconv.Atoi(value); err != nil {
			return fmt.Sprintf("%q is no number", value), "write a whole number"
		}
	case action:
		if !oneOf(actionWords, value) && (len(value) != 1 || !strings.Contains("adqrt", strings.ToLower(value))) {
			return fmt.Sprintf("%q is no action", value), "write one of " + strings.Join(actionWords, ", ")
		}
	case text:
		if o.words != nil && !oneOf(o.words, value) {
			return fmt.Sprintf("%q is not known", value), "write one of " + strings.Join(o.words, ", ")
		}
	case dataset:
		if _, why := parseDataset(value); why != "" && o.fate != Gone {
			return why, "write the entries into a text file, one a line, and name that"
		}
	}
	return "", ""
}

var actionWords = []string{"accept", "discard", "quarantine", "reject", "tempfail"}

func oneOf(words []string, value string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, value) })
}

// truth reads a boolean as the peers do.
func truth(value string) bool {
	return value != "" && strings.ContainsRune("tTyY1", rune(value[0]))
}

// entries are the members of a data set: themselves, or "file:" and a path.
type entries []string

// parseDataset reads opendkim's data sets as far as they are lists: "a,b",
// "csl:a,b", "/path", "file:/path" and "refile:/path". why says why it cannot.
func parseDataset(value string) (e entries, why string) {
	scheme, rest, ok := strings.Cut(value, ":")
	switch {
	case strings.HasPrefix(value, "/"):
		return entries{"file:" + value}, ""
	case ok && (scheme == "file" || scheme == "refile"):
		if !strings.HasPrefix(rest, "/") {
			return nil, fmt.Sprintf("the file %q has no absolute path", rest)
		}
		return entries{"file:" + rest}, ""
	case ok && scheme == "csl":
		value = rest
	case ok && isDatabase(scheme):
		return nil, "a " + scheme + ": data set is a database, which Postvet does not read"
	}
	for _, one := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		e = append(e, one)
	}
	if len(e) == 0 {
		return nil, "the list is empty"
	}
	return e, ""
}

func isDatabase(scheme string) bool {
	switch scheme {
	case "db", "dsn", "ldap", "ldaps", "lua", "memcache", "erlang", "mdb", "socket", "odbx", "repute":
		return true
	}
	return false
}
