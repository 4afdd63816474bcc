package main

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/message"
)

// observed returns what the journal has of mail of a domain; nil if no journal is named.
func (f *domainFlags) observed(ctx context.Context, name string, now time.Time) (*inspect.Observed, error) {
	dir := f.journal
	if !f.cmd.Flags().Changed("journal") {
		c, err := f.load()
		if err != nil {
			return nil, err
		}
		dir = c.Journal.Directory
	}
	domain, ok := message.NormalizeDomain(name)
	if dir == "" || !ok {
		return nil, nil
	}
	o := &inspect.Observed{}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	if err := domainhistory.Observe(ctx, o, sqlite.NewReader(dir), domain, now); err != nil {
		return nil, failed("%s; name the directory of the journal with --journal", fileError(dir, err))
	}
	return o, nil
}
