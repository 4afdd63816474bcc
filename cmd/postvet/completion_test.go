package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCompletion asks as the shells' scripts do. The last line of an answer says what
// the shell does: 4 completes no files, 6 puts no blank behind a word either, 8 completes
// files with the endings that are listed, 0 all files.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{
		"log-level ":                    "debug info warn error :4",
		"log-level debug ":              ":4",
		"log-level debug --for ":        "10m 1h 24h :4",
		"cache flush ":                  "_dmarc. :6",
		"cache flush _dmarc.a.example ": ":4",
		"cache show --type ":            "A AAAA MX NS PTR TXT :4",
		"serve --mode ":                 "enforce monitor :4",
		"serve --config ":               "toml :8",
		"serve --listen ":               ":4",
		"config check ":                 "toml :8",
		"config check --mta ":           "postfix sendmail :4",
		"config import --opendkim ":     ":0",
		"domain ":                       ":4",
		"domain --color ":               "auto always never :4",
		"check --ip ":                   ":4",
		"check --tls ":                  "TLSv1.2 TLSv1.3 :4",
		"policy test --rules ":          "toml :8",
		"policy test --messages ":       ":0",
		"policy explain ":               "toml :8",
		"history --dmarc ":              "none pass fail temperror permerror :4",
		"status --watch=":               "2s 10s 1m :4",
		"report list --day ":            "today yesterday :4",
		"report list --state ":          "open closed skipped new sending deferred queued done bounced expired suppressed refused withdrawn :4",
		"report show ":                  ":4",
	} {
		args := strings.Split(asked, " ")
		var out, errOut bytes.Buffer
		code := run(append([]string{"__complete"}, args...), nil, &out, &errOut)
		if got := strings.Join(strings.Fields(out.String()), " "); code != exitDone || got != want {
			t.Errorf("%q: %q (exit code %d), want %q", asked, got, code, want)
		}
	}
}

// TestCompletionOfEveryFlag has each flag that takes a value complete something on
// purpose: words, files, or nothing.
func TestCompletionOfEveryFlag(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			_, on := c.GetFlagCompletionFunc(f.Name)
			if f.Value.Type() != "bool" && f.Name != "socket" && !on {
				t.Errorf("%s --%s completes the names of any files", c.CommandPath(), f.Name)
			}
		})
		for _, s := range c.Commands() {
			walk(s)
		}
	}
	walk(newRoot(nil))
}
