package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/policy/foreign"
)

// importWidth is the width of the list where no terminal has another.
const importWidth = 80

// outcomes are the words of the list for what happens to an option.
var outcomes = map[peers.Outcome]string{peers.Kept: "kept", peers.Changed: "changed", peers.NoCounterpart: "no key"}

// importList is the list of an import for a person.
type importList struct {
	b      strings.Builder
	screen layout.Screen
}

// writeImport prints the list.
func writeImport(w io.Writer, out *migrate.Import) error {
	l := importList{screen: layout.Screen{Width: importWidth}}
	if s, _ := layout.ScreenOf(w, "never"); s.Width > 0 {
		l.screen = s
	}
	for _, it := range out.Items {
		l.item(it)
	}
	for _, u := range out.Unset {
		l.entry("remark: ", u.String())
	}
	for _, d := range out.Differences {
		l.about("differs", d.Setting, d.Text)
	}
	for _, t := range out.Traps {
		l.about("trap", t.Setting, t.Text)
	}
	for n := range out.Lists {
		l.list(out, n)
	}
	if out.Edit != nil {
		l.b.WriteString("\n" + foreign.TerminalLines(out.Edit.Text(l.screen)))
	}
	fmt.Fprintf(&l.b, "\n%s kept or changed, %d without counterpart.\n", layout.Count(len(out.Items)-out.Undecided(), "option"), out.Undecided())
	_, err := io.WriteString(w, l.b.String())
	return err
}

// item adds an option with its value, and below it what takes its place.
func (l *importList) item(it peers.Item) {
	const label, least = 9, 20 // columns
	head := fmt.Sprintf("%-*s%s %s ", label, outcomes[it.Outcome], it.Peer, foreign.Terminal(it.Name, foreign.Whole))
	room := max(least, l.screen.Width-utf8.RuneCountInString(head))
	l.b.WriteString(strings.TrimRight(head+foreign.Terminal(it.Value, room), " ") + "\n")
	how := it.Note
	if len(it.Keys) > 0 {
		how = strings.TrimSuffix(strings.Join(it.Keys, ", ")+": "+how, ": ")
	}
	if how != "" {
		l.entry(strings.Repeat(" ", label), how)
	}
}

// listFolder is where the list says that lists be copied to.
const listFolder = "/etc/postvet/lists"

// list adds what becomes of a file of entries, with the commands that copy one that may
// vanish. They keep their lines, so that a shell takes them.
func (l *importList) list(out *migrate.Import, n int) {
	one := out.Lists[n]
	keys := strings.Join(one.Keys, ", ")
	path := foreign.Terminal(one.Path, foreign.Whole)
	switch {
	case one.Copy != "":
		fmt.Fprintf(&l.b, "\nlist: %s\n", path)
		l.entry("  ", "copied to "+one.Copy+", which "+keys+" names")
	case one.Owner != "":
		to := out.CopyName(listFolder, n)
		fmt.Fprintf(&l.b, "\nlist: %s\n", path)
		l.entry("  ", fmt.Sprintf("%s names it, and it may vanish when %s is purged. Copy it:", keys, one.Owner))
		shell := account.Quoted(to)
		fmt.Fprintf(&l.b, "  mkdir -p -m 0755 %s && cp -n %s %s && chmod 0644 %s\n", listFolder, account.Quoted(path), shell, shell)
		l.entry("  ", fmt.Sprintf("then write %q in %s, or import again with --copy-lists %s", "file:"+to, keys, listFolder))
	}
}

// about adds what an admin must know of a setting.
func (l *importList) about(what string, s peers.Setting, text string) {
	fmt.Fprintf(&l.b, "\n%s: %s %s\n", what, s.Peer, foreign.Terminal(s.Name, foreign.Whole))
	l.entry("  ", text)
}

// entry adds a text behind a lead; further lines begin below it.
func (l *importList) entry(lead, text string) {
	n := len(lead)
	l.b.WriteString(lead + l.screen.Wrap(foreign.TerminalLines(text), n, n) + "\n")
}
