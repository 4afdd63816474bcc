package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/explain"
)

func writeFacts(w io.Writer) error {
	var b strings.Builder
	b.WriteString("An expression can name:\n\n")
	for _, f := range condition.Documentation() {
		fmt.Fprintf(&b, "%s  (%s)\n", f.Name, f.Kind)
		indented(&b, f.Text)
		if len(f.Words) > 0 {
			var words []string
			for _, word := range f.Words {
				words = append(words, fmt.Sprintf("%q", word))
			}
			indented(&b, "One of "+strings.Join(words, ", ")+".")
		}
	}
	b.WriteString("\nIt can call any, all, none, one, count, len and lower, and:\n\n")
	for _, f := range condition.Functions() {
		fmt.Fprintf(&b, "%s\n", f.Form)
		indented(&b, f.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeRuleKeys(w io.Writer) error {
	var b strings.Builder
	b.WriteString("A rule is a table [[rule]]. It matches if all these hold that it has; a list\nholds if one of its entries does, and none of those that begin with \"!\":\n\n")
	for _, k := range condition.Keys() {
		form := "list"
		if k.Bool() {
			form = "true or false"
		}
		fmt.Fprintf(&b, "  %-14s %-14s %s\n", k.Name, form, k.Text)
	}
	b.WriteString("\nand its expression, if it has one. Its other keys:\n\n")
	for _, k := range config.RuleKeys() {
		fmt.Fprintf(&b, "  %-14s %s\n", k.Name, k.Text)
	}
	b.WriteString("\nEntries of addresses and domains may be files, \"file:/path\". Where a rule that\nrejects or discards asks for what a DNS failure hides, the message is deferred,\nunless the rule names the word temperror.\n")
	b.WriteString("\nTexts and added fields may hold " + explain.PlaceholderNames() + ".\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// indented writes a paragraph of at most 78 columns below what it is about.
func indented(b *strings.Builder, text string) {
	const indent = "    "
	for _, line := range layout.Paragraph(text, 78-len(indent)) {
		b.WriteString(indent + line + "\n")
	}
}
