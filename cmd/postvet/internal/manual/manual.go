// Package manual writes Postvet's man pages from what the program knows about
// itself: its commands with their flags, and the tables of keys and facts. A page
// cannot describe what the program does not have.
//
// cobra's package doc was tried instead. It writes a page for each subcommand (19
// pages in place of 11) and none of section 5, so that the larger half of this
// package would stay. Its pages have no exit status, a hyphen where a person would
// copy a minus sign, "--json[=false]" for a switch and the same title everywhere,
// and it needs three more modules, as it goes through Markdown.
package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// Page is one man page.
type Page struct {
	// File is the name of its file, "postvet-serve.1".
	File string
	// Text is the page in the language of man(7).
	Text []byte
}

// Edition is what all pages have in their margins.
type Edition struct {
	Version string // "1.2.3"; "" for none
	Date    string // "2026-11-25"; "" for none
}

// Pages returns all pages: one for the program, one for each of its commands, and
// those of sections 5 and 7.
func Pages(root *cobra.Command, e Edition) []Page {
	pages := []Page{e.program(root)}
	for _, c := range commands(root) {
		pages = append(pages, e.command(c))
	}
	return append(pages, e.configuration(config.Sections()), e.rules(), e.journal(), e.json(), e.dns(), e.seal(), e.judgement(), e.reports(), e.container(), e.web())
}

// page begins a page with its heading and the section of its name, which apropos(1)
// reads. It returns the name of the page's file too.
func (e Edition) page(name string, section int, short string) (*roff, string) {
	r := &roff{}
	fmt.Fprintf(&r.b, ".TH \"%s\" %d \"%s\" \"%s\" \"Postvet\"\n", inline(strings.ToUpper(name)), section, e.Date, strings.TrimSpace("Postvet "+inline(e.Version)))
	r.section("Name")
	// mandb looks for this form.
	fmt.Fprintf(&r.b, "%s \\- %s\n", inline(name), inline(short))
	return r, fmt.Sprintf("%s.%d", name, section)
}

// program writes postvet(1).
func (e Edition) program(root *cobra.Command) Page {
	r, file := e.page(root.Name(), 1, root.Short)
	r.section("Synopsis")
	r.request("B", root.Name())
	r.line("COMMAND [FLAGS] [ARGUMENTS]")
	about, codes := exitCodes(root.Long)
	r.section("Description")
	r.text(about, "PP")
	r.section("Commands")
	for _, c := range commands(root) {
		r.item(c.Name())
		r.filled(strings.TrimSuffix(c.Short, ".") + "; see " + page(c) + "(1).")
	}
	examples(r, root)
	exitStatus(r, codes)
	mtas(r)
	standards(r)
	r.section("See also")
	seeAlso(r, root)
	return Page{file, r.b.Bytes()}
}

// command writes the page of a command, with its subcommands as subsections.
func (e Edition) command(c *cobra.Command) Page {
	r, file := e.page(page(c), 1, c.Short)
	r.section("Synopsis")
	below := descendants(c)
	if len(below) == 0 {
		synopsis(r, c)
	}
	first := true
	for _, s := range below {
		if len(commands(s)) > 0 { // it is called by its subcommands alone
			continue
		}
		if !first {
			r.request("br")
		}
		first = false
		synopsis(r, s)
	}
	about, codes := exitCodes(c.Long)
	r.section("Description")
	r.text(about, "PP")
	if len(below) > 0 {
		r.section("Commands")
		for _, s := range below {
			r.request("SS", s.CommandPath())
			r.text(s.Long, "PP")
			flags(r, s)
		}
	} else if c.HasAvailableLocalFlags() {
		r.section("Options")
		flags(r, c)
	}
	examples(r, c)
	exitStatus(r, codes)
	r.section("See also")
	seeAlso(r, c)
	return Page{file, r.b.Bytes()}
}

func synopsis(r *roff, c *cobra.Command) {
	r.request("B", c.CommandPath())
	_, arguments, _ := strings.Cut(c.Use, " ")
	if c.HasAvailableLocalFlags() {
		arguments = "[FLAGS] " + arguments
	}
	if arguments = strings.TrimSpace(arguments); arguments != "" {
		r.line(arguments)
	}
}

func flags(r *roff, c *cobra.Command) {
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		tag := "--" + f.Name
		if f.Shorthand != "" {
			tag = "-" + f.Shorthand + ", " + tag
		}
		r.item(strings.TrimSpace(tag + " " + value))
		text = strings.ToUpper(text[:1]) + text[1:]
		// As in cobra's help, a default is written if it says something.
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			text += " (default " + f.DefValue + ")"
		}
		r.text(text+".", `IP ""`)
	})
}

func examples(r *roff, c *cobra.Command) {
	all := strings.Split(strings.Trim(c.Example, "\n"), "\n")
	if c.HasParent() { // the program's page shows its own examples alone
		for _, s := range descendants(c) {
			for line := range strings.SplitSeq(strings.Trim(s.Example, "\n"), "\n") {
				if !slices.Contains(all, line) {
					all = append(all, line)
				}
			}
		}
	}
	if text := strings.Trim(strings.Join(all, "\n"), "\n"); text != "" {
		r.section("Examples")
		r.literal(text)
	}
}

// exitCodes cuts the paragraph about exit codes out of a help text.
func exitCodes(long string) (rest, codes string) {
	var kept []string
	for _, p := range paragraphs(long) {
		if strings.HasPrefix(p, "Exit code") && codes == "" {
			_, codes, _ = strings.Cut(p, ":")
			codes = strings.TrimSpace(codes)
			continue
		}
		kept = append(kept, p)
	}
	return strings.Join(kept, "\n\n"), codes
}

func exitStatus(r *roff, codes string) {
	if codes == "" {
		return
	}
	r.section("Exit status")
	r.text(codes, "PP")
}

func seeAlso(r *roff, of *cobra.Command) {
	var names []string
	if of.HasParent() {
		names = append(names, of.Root().Name()+"(1)")
	}
	for _, c := range commands(of.Root()) {
		if c != of {
			names = append(names, page(c)+"(1)")
		}
	}
	names = append(names, configPage+"(5)", rulesPage+"(5)", journalPage+"(5)", dnsPage+"(7)", "postconf(5)")
	r.references(names...)
}

// page returns the name of a command's page, as in git: postvet-serve.
func page(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// commands returns the subcommands that a person is meant to call.
func commands(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, s := range c.Commands() {
		if s.IsAvailableCommand() && s.Name() != "help" && s.Name() != "completion" {
			all = append(all, s)
		}
	}
	return all
}

// descendants returns the subcommands, each followed by its own.
func descendants(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, s := range commands(c) {
		all = append(append(all, s), descendants(s)...)
	}
	return all
}
