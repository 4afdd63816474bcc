package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpFitsTerminals has the help of each command fit a terminal of 80 columns, with
// the lines about flags.
func TestHelpFitsTerminals(t *testing.T) {
	t.Parallel()
	commands := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		commands++
		var out bytes.Buffer
		c.SetOut(&out)
		if err := c.Help(); err != nil || out.Len() == 0 {
			t.Errorf("%s --help: %v", c.CommandPath(), err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > helpColumns {
				t.Errorf("%s --help has a line of %d columns: %s", c.CommandPath(), utf8.RuneCountInString(line), line)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(nil)) // without the command completion, whose texts are cobra's
	if commands < 40 {
		t.Errorf("only %d commands were asked for help", commands)
	}
}
