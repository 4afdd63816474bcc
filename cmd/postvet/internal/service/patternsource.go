package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/policy/patterns"
)

// PatternSource is where patterns of genuine mail are read: the directory of a journal, and the
// database of all nodes unless it is nil.
type PatternSource struct {
	Dir      string
	Database *postgres.Database
	// Node is the name of the node that has the directory.
	Node string
	// Within bounds how long the database is read, 0 for as long as it may take.
	Within time.Duration
}

// NewPatternSource returns the source of a configuration that has a journal.
func NewPatternSource(c *config.Config) PatternSource {
	s := PatternSource{Dir: c.Journal.Directory}
	if node, err := c.Journal.NodeName(); err == nil && c.Journal.Postgres != "" {
		s.Database, s.Node = &postgres.Database{DSN: c.Journal.Postgres}, node
	}
	return s
}

// Fleet reports whether the source has what all nodes learned.
func (s PatternSource) Fleet() bool { return s.Database != nil }

// Read calls the function that begin returns with the rows of the last days, in order: those of
// an organizational domain, or of all if it is "". If the database cannot be used, it begins
// again with those of the directory alone, and away is why.
func (s PatternSource) Read(ctx context.Context, now time.Time, org string, begin func() func(patterns.Row)) (away, err error) {
	local, since := sqlite.NewReader(s.Dir), patterns.DayOf(now)-patterns.Days+1
	if s.Database != nil {
		reading, cancel := ctx, func() {}
		if s.Within > 0 {
			reading, cancel = context.WithTimeout(ctx, s.Within)
		}
		defer cancel()
		if away = s.Database.Patterns(reading, local, s.Node, org, since, begin()); away == nil || ctx.Err() != nil {
			return nil, away
		}
	}
	return away, local.Patterns(ctx, org, since, begin())
}

// Known returns what the rows say.
func (s PatternSource) Known(ctx context.Context, now time.Time) (known *patterns.Known, away, err error) {
	var b *patterns.Builder
	away, err = s.Read(ctx, now, "", func() func(patterns.Row) {
		b = patterns.NewBuilder(patterns.DayOf(now))
		return b.Add
	})
	if err != nil {
		return nil, away, err
	}
	return b.Known(), away, nil
}
