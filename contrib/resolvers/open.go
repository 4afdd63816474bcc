//go:build linux

package main

import "cmp"

// What is missing in the open cells.
const (
	kept = "the resolver gives up or keeps SERVFAIL, as for a domain whose servers fail; on_temperror then decides"
)

// open are the cells that are known not to be as they should be, with what is missing.
// A cell leaves the list with the change that puts it right. "*" stands for all
// programs.
var open = map[string]string{
	"*: loss of 30 % behind the resolver":  kept,
	"*: 10 % SERVFAIL behind the resolver": kept,
}

// known returns what is missing in a cell; "" if nothing is known to be.
func known(c cell) string {
	return cmp.Or(open[c.String()], open["*: "+c.trouble.name])
}
