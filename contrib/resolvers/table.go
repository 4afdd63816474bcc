//go:build linux

package main

import (
	"fmt"
	"io"
	"time"
)

// printTable prints one line per cell, those of one trouble below each other, and then
// what was wrong.
func printTable(w io.Writer, rows []outcome) {
	const format = "%-42s %-13s %8s %8s %8s %8s %8s %9s %9s %8s  %s\n"
	fmt.Fprintf(w, format, "trouble", "program", "messages", "forged", "honest", "deferred", "other", "p50", "p99", "queries", "")
	fmt.Fprintf(w, format, "", "", "", "accepted", "refused", "", "verdict", "", "", "", "")
	last := ""
	for _, o := range rows {
		name := o.trouble.name
		if name == last {
			name = ""
		}
		last = o.trouble.name
		fmt.Fprintf(w, format, name, o.program.name, fmt.Sprint(o.Messages), fmt.Sprint(o.Accepted), fmt.Sprint(o.Refused), fmt.Sprint(o.Deferred),
			fmt.Sprint(o.Wrong), short(o.percentile(.5)), short(o.percentile(.99)), fmt.Sprint(o.queries), o.state())
	}
	for _, o := range rows {
		switch {
		case o.wrong == "":
		case o.open == "":
			fmt.Fprintf(w, "\nWRONG %s: %s\n", o.cell, o.wrong)
		default:
			fmt.Fprintf(w, "\nopen  %s: %s\n      %s\n", o.cell, o.open, o.wrong)
		}
	}
}

// state returns a word for whether the cell is as it should be.
func (o *outcome) state() string {
	switch {
	case o.wrong == "":
		return "ok"
	case o.open == "":
		return "WRONG"
	default:
		return "open"
	}
}

// short returns a duration in milliseconds.
func short(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
