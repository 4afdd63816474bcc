package config

import (
	"fmt"
	"io"
	"strings"
)

// WriteDefault writes every key with its default and a comment in TOML, which is
// the text of contrib/postvet.toml.
func WriteDefault(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Postvet's configuration. Every key stands here with its default, so an empty\n" +
		"# file means the same. \"postvet config check FILE\" tests a file, and \"postvet\n# reload\" or SIGHUP makes the running service load it.\n" +
		"# Durations are written like \"1.5s\", \"5m\" or \"24h\", sizes like \"64MB\".\n")
	for _, s := range Default().sections() {
		if s.name != "" {
			b.WriteString("\n")
			writeComment(&b, s.comment)
			fmt.Fprintf(&b, "[%s]\n", s.name)
		}
		for i, k := range s.keys {
			if i > 0 || s.name == "" {
				b.WriteString("\n")
			}
			writeComment(&b, k.comment)
			b.WriteString(k.line() + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Write writes the configuration in TOML, with the place that set each key.
func (c *Config) Write(w io.Writer) error {
	var b strings.Builder
	for _, s := range c.sections() {
		if s.name != "" {
			fmt.Fprintf(&b, "\n[%s]\n", s.name)
		}
		for _, k := range s.keys {
			fmt.Fprintf(&b, "%-44s # %s\n", k.line(), c.from(k.name))
		}
		switch s.name {
		case listSection:
			c.writeLists(&b)
		case authorSection:
			c.writeAuthors(&b)
		}
	}
	c.writeRules(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// Shown returns what Write writes, without the hashes of passwords. The journal keeps it, and
// the web page shows it, also to users who are no admins.
func (c *Config) Shown() string {
	var b strings.Builder
	_ = c.Write(&b) // a Builder never fails
	s := b.String()
	for _, a := range c.Web.Users {
		s = strings.ReplaceAll(s, string(a.Hash), "(hash)")
	}
	return s
}

// from returns the place that set a key, "default" if none did.
func (c *Config) from(name string) string {
	if o, ok := c.origin[name]; ok {
		return o.String()
	}
	return "default"
}

// line returns the key with its value as it is written in a file.
func (k key) line() string {
	_, last := split(k.name)
	return last + " = " + k.value.format()
}

func writeComment(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		b.WriteString("# " + strings.TrimSuffix(line, "\n") + "\n")
	}
}
