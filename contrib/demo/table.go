//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
)

// columns has the titles and widths of the columns: 120 characters in all.
var columns = []struct {
	head  string
	width int
}{{"sent", 27}, {"MTA", 8}, {"the MTA answered", 29}, {"decision", 10}, {"why", 42}}

// printTable prints the rows with wrapped cells, those of one sample below each
// other.
func printTable(w io.Writer, rows []row) {
	var order []string
	of := map[string][]row{}
	for _, r := range rows {
		if of[r.sent] == nil {
			order = append(order, r.sent)
		}
		of[r.sent] = append(of[r.sent], r)
	}
	var heads, rule []string
	for _, c := range columns {
		heads = append(heads, c.head)
		rule = append(rule, strings.Repeat("-", c.width))
	}
	printRow(w, heads)
	for _, sent := range order {
		fmt.Fprintln(w, strings.Join(rule, " "))
		for i, r := range of[sent] {
			if i > 0 {
				sent = ""
			}
			mark := ""
			if r.problem != "" {
				mark = "NOT AS EXPECTED. "
			}
			printRow(w, []string{sent, r.mta, r.answer, r.decision, mark + r.why})
		}
	}
	fmt.Fprintln(w, strings.Join(rule, " "))
}

// printRow prints one row on as many lines as its longest cell needs.
func printRow(w io.Writer, cells []string) {
	var wrapped [][]string
	lines := 0
	for i, c := range cells {
		wrapped = append(wrapped, wrap(c, columns[i].width))
		lines = max(lines, len(wrapped[i]))
	}
	for n := range lines {
		var b strings.Builder
		for i, cell := range wrapped {
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			fmt.Fprintf(&b, "%-*s ", columns[i].width, text)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// wrap breaks a text at blanks, and words that are wider than the column
// anywhere.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for len(word) > width {
			if line != "" {
				lines = append(lines, line)
				line = ""
			}
			lines = append(lines, word[:width])
			word = word[width:]
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
