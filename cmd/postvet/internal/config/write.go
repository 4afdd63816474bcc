package config

import (
	"fmt"
	"io"
	"strings"
)

// WriteDefault writes every key with its default and a comment, in TOML: the
// text of contrib/postvet.toml.
func WriteDefault(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Postvet's configuration. Every key stands here with its default, so an\n" +
		"# empty file means the same. \"postvet config check FILE\" tests a file; SIGHUP\n# makes a running Postvet load it.\n" +
		"# Durations are written like \"1.5s\", \"5m\" or \"24h\", sizes like \"64MB\".\n")
	c := Default()
	eachSection(func(section, comment string, keys []*key) {
		if section != "" {
			b.WriteString("\n")
			writeComment(&b, comment)
			fmt.Fprintf(&b, "[%s]\n", section)
		}
		for i, k := range keys {
			if i > 0 || section == "" {
				b.WriteString("\n")
			}
			writeComment(&b, k.comment)
			_, last := split(k.name)
			fmt.Fprintf(&b, "%s = %s\n", last, k.format(c))
		}
	})
	_, err := io.WriteString(w, b.String())
	return err
}

// Write writes what is in force, in TOML, with the place that set each key.
func (c *Config) Write(w io.Writer) error {
	var b strings.Builder
	eachSection(func(section, _ string, keys []*key) {
		if section != "" {
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		for _, k := range keys {
			_, last := split(k.name)
			line := last + " = " + k.format(c)
			fmt.Fprintf(&b, "%-44s # %s\n", line, c.from(k.name))
		}
		if section == listSection {
			c.writeLists(&b)
		}
		if section == authorSection {
			c.writeAuthors(&b)
		}
	})
	c.writeRules(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Config) from(name string) string {
	o, ok := c.origin[name]
	switch {
	case !ok:
		return "default"
	case o.line == 0:
		return o.file
	}
	return fmt.Sprintf("%s:%d", o.file, o.line)
}

func eachSection(f func(section, comment string, keys []*key)) {
	for _, s := range sections {
		var in []*key
		for i := range keys {
			if section, _ := split(keys[i].name); section == s.name {
				in = append(in, &keys[i])
			}
		}
		f(s.name, s.comment, in)
	}
}

func writeComment(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		b.WriteString("# " + strings.TrimSuffix(line, "\n") + "\n")
	}
}
