package peers

import (
	"fmt"
	"strings"
)

// entries is the members of a data set; a file of members is "file:" and its path.
type entries []string

// parseDataset reads a data set of opendkim if it is a list: "a,b", "csl:a,b",
// "/path", "file:/path" or "refile:/path". why says why it cannot, and is "" if it
// can.
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

// isDatabase reports whether data sets of a kind are in a database.
func isDatabase(scheme string) bool {
	switch scheme {
	case "db", "dsn", "ldap", "ldaps", "lua", "memcache", "erlang", "mdb", "socket", "odbx", "repute":
		return true
	}
	return false
}

// withBelow returns the names, each followed by the entry for all names below it.
func withBelow(list []string) []string {
	var both []string
	for _, name := range list {
		both = append(both, name, "."+name)
	}
	return both
}

// withoutDots returns domains in lower case, without a leading dot.
func withoutDots(e entries) []string {
	var list []string
	for _, d := range e {
		list = append(list, strings.ToLower(strings.TrimPrefix(d, ".")))
	}
	return list
}
