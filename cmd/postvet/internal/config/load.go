package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/postvet/postvet/policy/foreign"
)

// maxFile bounds a configuration file: what is larger is another file.
const maxFile = 1 << 20

// Load reads a file on top of the defaults and checks the whole. The error is
// Errors if the file has faults, and another one if it cannot be read.
func Load(path string) (*Config, error) { return LoadWith(path, nil) }

// LoadWith is Load with the variables of an environment, which win over the file.
// Variables that stand for no key are left out: see UnknownVariables.
func LoadWith(path string, environ []string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parse(path, text, environ)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		c.empty = append(c.empty, path)
	}
	if err := c.loadFiles(); err != nil {
		return nil, err
	}
	return c, nil
}

// FromEnvironment is LoadWith without a file.
func FromEnvironment(environ []string) (*Config, error) {
	c, err := parse("", nil, environ)
	if err != nil {
		return nil, err
	}
	if err := c.loadFiles(); err != nil {
		return nil, err
	}
	return c, nil
}

// loadFiles reads the files that keys name.
func (c *Config) loadFiles() error {
	for _, load := range []func() error{c.loadRules, c.loadLogins, c.loadTLSCA, c.loadWebUsers, c.loadPostgres, c.loadSignTables} {
		if err := load(); err != nil {
			return err
		}
	}
	return nil
}

// Emptied returns an error for each file that is empty and was not in the
// configuration before. A program that writes a file in place empties it first,
// and a reload in that moment would activate the defaults.
func (c *Config) Emptied(before *Config) error {
	var errs Errors
	for _, name := range c.empty {
		if !slices.Contains(before.empty, name) {
			errs = append(errs, &Error{File: name, Problem: "is empty, as while it is being written", Remedy: "reload when it is complete; if nothing is to be set, write a comment into it"})
		}
	}
	return errs.orNil()
}

func readBounded(name string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, Errors{{File: name, Problem: "is larger than 1 MB", Remedy: "name a configuration file"}}
	}
	// A byte order mark is no part of the text; editors of other systems write it.
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), nil
}

func decode(name string, text []byte) (map[string]any, *Error) {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, syntaxError(name, err)
	}
	if deeper(tree, maxNesting) {
		return nil, &Error{File: name, Problem: fmt.Sprintf("has keys or lists more than %d deep", maxNesting), Remedy: "no key of Postvet is so deep; remove them"}
	}
	return tree, nil
}

// maxNesting bounds how deep the tables and lists of a file are. The name of each table is made
// of those around it: a dotted key of many parts would take the square of its length.
const maxNesting = 20

// deeper reports whether a value has tables or lists within one another, more than n.
func deeper(v any, n int) bool {
	switch v := v.(type) {
	case map[string]any:
		if n == 0 {
			return true
		}
		for _, x := range v {
			if deeper(x, n-1) {
				return true
			}
		}
	case []any:
		return n == 0 || slices.ContainsFunc(v, func(x any) bool { return deeper(x, n-1) })
	}
	return false
}

// Parse is Load for a text. Errors call it name. It does not read the files of
// rules that the text names.
func Parse(name string, text []byte) (*Config, error) { return parse(name, text, nil) }

func parse(name string, text []byte, environ []string) (*Config, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	tree, fault := decode(name, text)
	if fault != nil {
		return nil, Errors{fault}
	}
	c := Default()
	f := newFile(name, text, c)
	f.read(tree)
	f.errs = append(f.errs, c.setVariables(environ)...)
	// Values are compared with one another if each is valid by itself.
	if len(f.errs) == 0 {
		f.errs = append(c.conflicts(), checkRules(c.rules)...)
	}
	if err := f.errs.orNil(); err != nil {
		return nil, err
	}
	c.DNS.limitAttempt()
	return c, nil
}

// SetFlag sets a key from the command line, over the file. A key that is no list
// takes one value. Call Check after the last flag.
func (c *Config) SetFlag(flag, name string, values ...string) error {
	k, ok := c.key(name)
	if !ok {
		panic("config: no key " + name)
	}
	var v any = values[0]
	if _, isList := k.value.(*listValue); isList {
		list := make([]any, len(values))
		for i, s := range values {
			list[i] = s
		}
		v = list
	}
	// The shadow policy follows, unless its file sets the key.
	follows := c.shadow != nil && c.shadow.origin[name] == c.origin[name]
	if problem, remedy := k.value.set(v); problem != "" {
		return Errors{{File: flag, Problem: problem, Remedy: remedy}}
	}
	c.setOrigin(name, origin{file: flag})
	if follows {
		if err := c.shadow.SetFlag(flag, name, values...); err != nil {
			return err
		}
	}
	// A flag is for a trial: it wins over what the file says beside it.
	if name == "dns.timeout" {
		c.DNS.limitAttempt()
	}
	return nil
}

// Check compares the settings with one another, and reads the file of a flag. Load has
// done so for the file.
func (c *Config) Check() error {
	if err := c.conflicts().orNil(); err != nil {
		return err
	}
	if err := c.loadTLSCA(); err != nil {
		return err
	}
	c.DNS.limitAttempt()
	return nil
}

func syntaxError(name string, err error) *Error {
	e := &Error{
		File: name, Problem: "not TOML: " + strings.TrimPrefix(err.Error(), "toml: "),
		Remedy: "write one key = value per line, strings in quotes",
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		row, column := de.Position()
		e.Line = row
		e.Problem += fmt.Sprintf(" (column %d)", column)
	}
	if strings.Contains(e.Problem, "already") || strings.Contains(e.Problem, "exists") {
		e.Remedy = "write every key and every section once"
	}
	e.Problem = foreign.Terminal(e.Problem, maxShown)
	return e
}
