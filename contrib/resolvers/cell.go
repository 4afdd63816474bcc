//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// cell is one program in one trouble.
type cell struct {
	program program
	trouble trouble
}

func (c cell) String() string { return c.program.name + ": " + c.trouble.name }

// outcome is what a cell showed.
type outcome struct {
	cell
	*counts
	queries uint64
	wrong   string // what it should not have shown; "" if all is as it should be
	open    string // why that is known; "" if it is not
}

// cells returns the cells of these programs and troubles. A trouble that concerns only
// some programs has cells with these.
func cells(programs []program, troubles []trouble) []cell {
	var all []cell
	for _, t := range troubles {
		for _, p := range programs {
			if t.lines != nil {
				if _, ok := t.lines[p.name]; !ok {
					continue
				}
			}
			if t.programs == nil || slices.Contains(t.programs, p.name) {
				all = append(all, cell{p, t})
			}
		}
	}
	return all
}

// limit bounds one cell.
const limit = 3 * time.Minute

// run plays the corpus in the cell. The error says why it could not be played.
func (c cell) run(ctx context.Context, corpus *corpus) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if c.trouble.files > 0 {
		return c.runApart(ctx, len(corpus.samples))
	}
	return c.runHere(ctx, corpus)
}

// runHere is run in this process.
func (c cell) runHere(ctx context.Context, corpus *corpus) (outcome, error) {
	o := outcome{cell: c, open: known(c)}
	s, err := newSite(c.program, corpus.zone)
	if err != nil {
		return o, err
	}
	defer s.close()
	s.lines = c.trouble.lines[c.program.name]
	setUp := c.trouble.setUp
	if setUp == nil {
		setUp = func(ctx context.Context, s *site) error { return s.alone(ctx) }
	}
	if err := setUp(ctx, s); err != nil {
		return o, err
	}
	if c.trouble.normal {
		// No verdict may depend on how busy this machine is.
		s.options.Timeout = 20 * time.Second
	}
	samples := corpus.samples
	if c.trouble.also != nil {
		more, err := c.trouble.also()
		if err != nil {
			return o, err
		}
		samples = slices.Concat(samples, more)
	}
	r, err := dnscache.New(s.options)
	if err != nil {
		return o, err
	}
	defer r.Close()
	if c.trouble.files > 0 {
		if err := limitFiles(c.trouble.files); err != nil {
			return o, err
		}
	}
	if c.trouble.warm {
		if _, err := play(ctx, samples, r, c.trouble.load); err != nil {
			return o, err
		}
	}
	before := sent(r)
	during := make(chan error, 1)
	go func() {
		if c.trouble.during == nil {
			during <- nil
			return
		}
		during <- c.trouble.during(ctx, s)
	}()
	o.counts, err = play(ctx, samples, r, c.trouble.load)
	if e := <-during; err == nil {
		err = e
	}
	o.queries = sent(r) - before
	o.judge()
	return o, err
}

// sent returns the queries that our resolver has sent.
func sent(r *dnscache.Resolver) uint64 {
	var n uint64
	for _, u := range r.Stats().Upstreams {
		n += u.Queries
	}
	return n
}

// judge sets what the cell should not have shown.
func (o *outcome) judge() {
	var all []string
	if o.Accepted > 0 {
		all = append(all, fmt.Sprintf("%d forgeries accepted", o.Accepted))
	}
	if o.Refused > 0 {
		all = append(all, fmt.Sprintf("%d honest messages refused", o.Refused))
	}
	if o.trouble.normal && o.Wrong > 0 {
		all = append(all, fmt.Sprintf("%d other verdicts than expected", o.Wrong))
	}
	if o.trouble.warm && o.queries > 0 {
		all = append(all, fmt.Sprintf("%d queries with a warm cache", o.queries))
	}
	if len(all) == 0 {
		return
	}
	o.wrong = strings.Join(all, ", ")
	if o.First != "" {
		o.wrong += ": " + o.First
	}
}
