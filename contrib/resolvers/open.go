//go:build linux

package main

import "cmp"

// What is missing in the open cells.
const (
	outage = "a query that was under way when the resolver ended is taken for a failure of the name"
	quota  = "SERVFAIL and silence by a quota are taken for failures of the names"
	pair   = "after an answer that is bogus, a resolver that does not validate is asked"
	lost   = "a lost packet costs 1.5 s, and few of them the whole time"
	again  = "SERVFAIL that passes is not asked again often enough"
)

// open are the cells that are known not to be as they should be, with what is missing.
// A cell leaves the list with the change that puts it right. "*" stands for all
// programs.
var open = map[string]string{
	"*: killed, started again after 2 s":         outage,
	"*: killed":                                  outage,
	"unbound: quota, answers after 20 ms":        quota,
	"named: quota, answers after 20 ms":          quota,
	"*: loss of 30 % behind the resolver":        again,
	"*: 10 % SERVFAIL behind the resolver":       again,
	"*: loss of 30 % before the resolver":        lost,
	"*: bogus, and the second does not validate": pair,
}

// known returns what is missing in a cell; "" if nothing is known to be.
func known(c cell) string {
	return cmp.Or(open[c.String()], open["*: "+c.trouble.name])
}
