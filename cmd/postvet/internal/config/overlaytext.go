package config

import (
	"maps"
	"slices"
	"strings"
)

// maxOverlayText bounds a text from elsewhere. The time to read a text grows with the square of
// its keys, and cannot be cut short: of 1 MB it is a minute of a processor.
const maxOverlayText = 128 << 10

// OverlayText is [Config.Overlay] for a text from elsewhere, which errors call name. It may
// name no file but those that the configuration names: a text that a user of the web page
// wrote must not show what is in other files.
func (c *Config) OverlayText(name string, text []byte) (*Config, error) {
	return c.over(func(o *Config) error {
		if len(text) > maxOverlayText {
			return Errors{{File: name, Problem: "is larger than 128 KiB", Remedy: "write fewer rules"}}
		}
		tree, fault := decode(name, text)
		if fault != nil {
			return Errors{fault}
		}
		if err := c.refuseFiles(newFile(name, text, o), "", tree).orNil(); err != nil {
			return err
		}
		errs := o.readRuleText(name, text, false)
		if len(errs) == 0 {
			errs = append(checkRules(o.rules), o.conflicts()...)
		}
		return errs.orNil()
	})
}

// refuseFiles returns a fault for each file of entries that a value names and that the
// configuration does not.
func (c *Config) refuseFiles(f *file, key string, v any) (errs Errors) {
	switch v := v.(type) {
	case string:
		path, isFile := strings.CutPrefix(strings.TrimPrefix(v, "!"), filePrefix)
		if isFile && !slices.ContainsFunc(c.Files(), func(n NamedFile) bool { return n.Path == path }) {
			errs = append(errs, &Error{
				File: f.name, Line: f.lineAround(key), Key: key,
				Problem: cite(v) + " is a file that the configuration does not name", Remedy: "write its entries here",
			})
		}
	case []any:
		for _, one := range v {
			errs = append(errs, c.refuseFiles(f, key, one)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			errs = append(errs, c.refuseFiles(f, strings.TrimPrefix(key+"."+name, "."), v[name])...)
		}
	}
	return errs
}

// lineAround returns the line of a key, or that of the section around it.
func (f *file) lineAround(key string) int {
	for key != "" {
		if line, ok := f.lines[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return 0
}
