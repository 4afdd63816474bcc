//go:build linux

package main

import "cmp"

// open are the cells that are known not to be as they should be, with what is missing.
// A cell leaves the list with the change that puts it right. "*" stands for all
// programs. At present there are none.
var open = map[string]string{}

// known returns what is missing in a cell; "" if nothing is known to be.
func known(c cell) string {
	return cmp.Or(open[c.String()], open["*: "+c.trouble.name])
}
