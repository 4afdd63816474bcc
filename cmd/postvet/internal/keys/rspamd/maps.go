// Package rspamd reads how Rspamd names the files of keys: by a template, or by maps of
// domains to paths and selectors (path_map and selector_map of dkim_signing.conf).
package rspamd

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Options name the files.
type Options struct {
	// Path is the template of the path for domains that PathMap lacks, "" for none.
	// Selector is the selector of domains that SelectorMap lacks.
	Path, Selector string
	// PathMap and SelectorMap are files, "" for none.
	PathMap, SelectorMap string
}

// Maps say where the keys of domains are.
type Maps struct {
	opt              Options
	paths, selectors map[string]string
}

// maxMap bounds a file, in octets.
const maxMap = 64 << 20

// Load reads the maps. The error names file and line of the first fault, and counts the
// others.
func Load(o Options) (*Maps, error) {
	m := &Maps{opt: o}
	var err error
	if m.paths, err = readMap(o.PathMap, CheckPath); err != nil {
		return nil, err
	}
	m.selectors, err = readMap(o.SelectorMap, func(s string) string {
		if n, ok := message.NormalizeDomain(s); !ok || n != s || strings.ContainsAny(s, `/\`) {
			return "is no selector in lower case and A-labels"
		}
		return ""
	})
	return m, err
}

// CheckPath returns what is wrong with a template of a path, "" if nothing is.
func CheckPath(s string) string {
	plain := strings.NewReplacer("$domain", "", "$selector", "").Replace(s)
	switch {
	case !strings.HasPrefix(s, "/"):
		return "is no absolute path"
	case strings.Contains(plain, "$"):
		return "has a variable other than $domain and $selector"
	case strings.HasSuffix(s, "/") || strings.Contains(s, "/../"):
		return "names no file"
	}
	return ""
}

// readMap reads a map: a domain, white space and its value in each line. "#" begins a
// remark at the start of a line.
func readMap(path string, check func(string) string) (map[string]string, error) {
	found := map[string]string{}
	if path == "" {
		return found, nil
	}
	f, err := input.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMap+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, input.Cause(err))
	case len(text) > maxMap:
		return nil, fmt.Errorf("%s: larger than %d MB", path, maxMap>>20)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s: not a text file", path)
	}
	first, faults, n := "", 0, 0
	for line := range bytes.Lines(text) {
		n++
		plain := strings.TrimSpace(string(line))
		if plain == "" || plain[0] == '#' {
			continue
		}
		if problem := addTo(found, plain, check); problem != "" {
			if faults++; faults == 1 {
				first = fmt.Sprintf("%s:%d: %s; write a domain, a blank and its value", path, n, problem)
			}
		}
	}
	switch {
	case faults > 1:
		return nil, fmt.Errorf("%s (and %d more lines)", first, faults-1)
	case faults == 1:
		return nil, fmt.Errorf("%s", first)
	}
	return found, nil
}

func cite(s string) string {
	const most = 80
	return foreign.TerminalQuote(foreign.HideKeys(s), most)
}

func addTo(found map[string]string, line string, check func(string) string) (problem string) {
	name, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	value = strings.TrimSpace(value)
	domain, ok := message.NormalizeDomain(name)
	switch {
	case !ok || !strings.Contains(domain, "."):
		return cite(name) + " is no domain"
	case value == "":
		return cite(name) + " has no value"
	}
	if why := check(value); why != "" {
		return cite(value) + " " + why
	}
	found[domain] = value
	return ""
}

// Len returns how many domains the maps have.
func (m *Maps) Len() (paths, selectors int) { return len(m.paths), len(m.selectors) }

// Keys returns where the key of an address's domain is. A file of the template may be
// missing: the domain then has no key.
func (m *Maps) Keys(author message.Mailbox) []stored.Key {
	path, listed := m.paths[author.Domain]
	if !listed {
		path = m.opt.Path
	}
	if path == "" {
		return nil
	}
	selector, ok := m.selectors[author.Domain]
	if !ok {
		selector = m.opt.Selector
	}
	return []stored.Key{{
		Domain: author.Domain, Selector: selector, MayLack: !listed,
		Path: strings.NewReplacer("$domain", author.Domain, "$selector", selector).Replace(path),
	}}
}
