//go:build linux

package main

import "context"

// trouble is what a program goes through while messages arrive.
type trouble struct {
	name string
	// programs are those that the trouble concerns; nil for all.
	programs []string
	// lines are added to the configuration, by program. If there are any, the trouble
	// concerns only programs that have some.
	lines map[string]string
	load  load
	// setUp starts the programs; nil for the program of the cell alone.
	setUp func(ctx context.Context, s *site) error
	// during runs at the same time as the load.
	during func(ctx context.Context, s *site) error
	// also makes further messages of the trouble's own.
	also func() ([]sample, error)
	// files is how many files may be opened during the load; 0 is no limit.
	files int
	// warm is true if the messages come a second time, and the second time counts.
	warm bool
	// normal is true if each verdict must be the expected one.
	normal bool
	// whole is true if the trouble is only in the whole table.
	whole bool
}
