package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// domainChanges is what has changed in the records of a domain.
type domainChanges struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	// Sources are what knows of changes.
	Sources []changeSource `json:"sources"`
	Records []recordChange `json:"records"`
	// Errors are those that came, or that are gone.
	Errors []watch.ErrorChange `json:"errors"`

	zone *time.Location // in which a person lives
}

// changeSource is "watch" or "journal", and since when it knows the domain.
type changeSource struct {
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
}

// recordChange is how the records of one name and type differ from those before.
type recordChange struct {
	watch.Difference
	Source string `json:"source"`
}

// runSince prints what has changed. The answer is no (exit code 1) if anything has.
func (f *domainFlags) runSince(cmd *cobra.Command, name string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	domain, ok := message.NormalizeDomain(strings.TrimSpace(name))
	if !ok {
		return usage("%q is no domain name; write one such as example.org", name)
	}
	now := time.Now()
	since, err := parseTime(f.since, now)
	if err != nil {
		return usage("--since: %v", err)
	}
	journal, state, err := f.changeSources()
	if err != nil {
		return err
	}
	c := &domainChanges{Name: domain, zone: time.Local, Since: since.UTC().Truncate(time.Second), Sources: []changeSource{}, Records: []recordChange{}, Errors: []watch.ErrorChange{}}
	if err := c.readWatch(state, since); err != nil {
		return failed("%s; look at watch.state, or leave it out with --journal", foreign.Terminal(err.Error(), foreign.Whole))
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), searchTime)
	defer cancel()
	if err := c.readJournal(ctx, journal, since); err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(journal, err))
	}
	if err := f.print(cmd.OutOrStdout(), screen, c); err != nil {
		return output(err)
	}
	switch {
	case len(c.Sources) == 0:
		return failed("nothing is known of %s: neither the state of [watch] nor the journal has records of it; name it in watch.domains", domain)
	case len(c.Records)+len(c.Errors) > 0:
		return exit{code: exitNo}
	}
	return nil
}

// changeSources returns the directory of the journal and the file of the watch, "" for none.
func (f *domainFlags) changeSources() (journal, state string, err error) {
	if f.cmd.Flags().Changed("journal") {
		return f.journal, "", nil
	}
	c, err := f.serviceConfig()
	if err != nil {
		return "", "", err
	}
	if c != nil {
		journal, state = c.Journal.Directory, c.Watch.State
	}
	if journal == "" && state == "" {
		return "", "", usage("there is neither a journal nor a watch; name the directory of a journal with --journal, or the service's file with --config")
	}
	return journal, state, nil
}

// readWatch adds what the watch has seen.
func (c *domainChanges) readWatch(file string, since time.Time) error {
	if file == "" {
		return nil
	}
	s, err := watch.Load(file)
	if err != nil {
		return err
	}
	d := s.Domains[c.Name]
	if d == nil || d.First.IsZero() {
		return nil
	}
	c.Sources = append(c.Sources, changeSource{"watch", d.First.UTC().Truncate(time.Second)})
	for _, x := range d.Since(since) {
		x.At = x.At.UTC().Truncate(time.Second)
		c.Records = append(c.Records, recordChange{x, "watch"})
	}
	for _, e := range d.ErrorsSince(since) {
		e.At = e.At.UTC().Truncate(time.Second)
		c.Errors = append(c.Errors, e)
	}
	return nil
}

// readJournal adds what mail has met. What the watch has seen too is not repeated.
func (c *domainChanges) readJournal(ctx context.Context, dir string, since time.Time) error {
	if dir == "" {
		return nil
	}
	if _, err := os.ReadDir(dir); err != nil {
		return err
	}
	all, err := sqlite.NewReader(dir).RecordsOf(ctx, c.Name)
	if err != nil || len(all) == 0 {
		return err
	}
	first := slices.MinFunc(all, func(a, b rows.Published) int { return a.First.Compare(b.First) })
	c.Sources = append(c.Sources, changeSource{"journal", first.First})
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Name == all[0].Name && all[n].Standard == all[0].Standard {
			n++
		}
		if x, ok := metDifference(all[:n], since); ok && !c.has(&x) {
			c.Records = append(c.Records, recordChange{x, "journal"})
		}
		all = all[n:]
	}
	slices.SortStableFunc(c.Records, func(a, b recordChange) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return nil
}

// has reports whether the watch has seen that records became what they are.
func (c *domainChanges) has(x *watch.Difference) bool {
	return slices.ContainsFunc(c.Records, func(r recordChange) bool {
		return r.Name == x.Name && r.Type == x.Type && slices.Equal(r.New, x.New)
	})
}

// metDifference returns how the records differ that mail has met at one name, in the order
// in which they were met first. A record that mail has not met may have been there.
func metDifference(met []rows.Published, since time.Time) (x watch.Difference, changed bool) {
	now := slices.MaxFunc(met, func(a, b rows.Published) int { return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First)) })
	old, later := met[0], 0
	for _, r := range met {
		if !r.First.After(since) {
			if old.First.After(since) || r.Last.After(old.Last) {
				old = r
			}
			continue
		}
		later++
	}
	if old.First.After(since) {
		later-- // the first one that was met is no change
	}
	at := now.First
	if !at.After(since) && later > 0 {
		at = now.Last // it was there before, and is back
		later++
	}
	return watch.Difference{
		Name: foreign.Terminal(now.Name, 300), Type: "TXT", At: at, N: later,
		Old: []string{foreign.Line(old.Text, rows.MaxRecordText)}, New: []string{foreign.Line(now.Text, rows.MaxRecordText)},
	}, later > 0
}
