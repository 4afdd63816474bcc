//go:build linux

package main

import "cmp"

// What is missing in the open cells.
const (
	outage      = "a refused connection ends a lookup, and is kept as a failure of the name"
	quota       = "REFUSED and SERVFAIL by a quota are kept as failures of the names"
	unreachable = "while no connection to the resolver is possible, mail whose policy is unknown is accepted"
	lies        = "a resolver that denies all names is believed"
	pair        = "after an answer that is bogus, a resolver that does not validate is asked"
	lost        = "a lost packet costs 1.5 s, and few of them the whole time"
	connections = "a question ends with the connection that the server closes"
	files       = "a socket that the system refuses is taken for a failure of the name"
	again       = "a failure that passes is not asked again"
)

// open are the cells that are known not to be as they should be, with what is missing.
// A cell leaves the list with the change that puts it right. "*" stands for all
// programs.
var open = map[string]string{
	"*: killed, started again after 2 s":         outage,
	"*: killed":                                  outage,
	"*: quota, answers after 20 ms":              quota,
	"dnsmasq: none, cold":                        quota,
	"dnsmasq: none, warm":                        quota,
	"*: loss of 30 % behind the resolver":        again,
	"*: 10 % SERVFAIL behind the resolver":       again,
	"*: loss of 30 % before the resolver":        lost,
	"*: NXDOMAIN to everything":                  lies,
	"*: TLS, certificate of another name":        unreachable,
	"*: TLS, expired certificate":                unreachable,
	"unbound: TLS, private authority":            connections,
	"dnsdist: only TCP, few connections":         connections,
	"*: 24 open files":                           files,
	"*: bogus, and the second does not validate": pair,
}

// known returns what is missing in a cell; "" if nothing is known to be.
func known(c cell) string {
	return cmp.Or(open[c.String()], open["*: "+c.trouble.name])
}
