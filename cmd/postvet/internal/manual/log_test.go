package manual_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/manual"
)

func TestLog(t *testing.T) {
	t.Parallel()
	p, err := manual.Edition{Date: "2026-11-25"}.Log(`# The log

A line is **one** object (` + "`[log] format`" + `),
see [the manual](x.md).

- first
- second, which is
  longer

## Keys

### The table

| level | msg | meaning |
|---|---|---|
| info | ` + "`.serving`" + ` | it listens |
| warn | ` + "`stopped`" + ` | |
`)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(p.Text), ".SH \"DESCRIPTION\"\n")
	want := `A line is one object ([log] format), see the manual.
.IP \(bu 2
first
.IP \(bu 2
second, which is longer
.SH "KEYS"
.SS "The table"
.TP
.B "info: .serving"
it listens
.PP
.B "warn: stopped"
.SH "SEE ALSO"
`
	if p.File != "postvet-log.5" || !strings.HasPrefix(text, want) {
		t.Errorf("%s:\n%s\nwant\n%s", p.File, text, want)
	}
}

// TestLogRefuses has marks of Markdown that a reader of the page would see.
func TestLogRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a block of code":             "```\ncode\n```\n",
		"an indented block":           "    code\n",
		"a quotation":                 "> said\n",
		"a heading of another level":  "#### Deep\n",
		"text behind a heading":       "## Keys\ntext\n",
		"a list without indent":       "- one\ntwo\n",
		"a table without a rule":      "| a | b |\n| c | d |\n| e | f |\n",
		"a row that is too long":      "| a | b |\n|---|---|\n| c | d | e |\n",
		"a table of a single column":  "| a |\n|---|\n| b |\n",
		"a table without any entries": "| a | b |\n|---|---|\n",
	} {
		if _, err := (manual.Edition{}).Log(text); err == nil {
			t.Errorf("%s is taken: %q", name, text)
		}
	}
}
