package domainhistory

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
	"github.com/postvet/postvet/policy/foreign"
)

// Changes is what has changed in the records of a domain.
type Changes struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	// Sources are what knows of changes.
	Sources []ChangeSource `json:"sources"`
	Records []RecordChange `json:"records"`
	// Errors are those that came, or that are gone.
	Errors []watch.ErrorChange `json:"errors"`

	// Zone is where a person lives who reads the times.
	Zone *time.Location `json:"-"`
}

// ChangeSource is "watch" or "journal", and since when it knows the domain.
type ChangeSource struct {
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
}

// RecordChange is how the records of one name and type differ from those before.
type RecordChange struct {
	watch.Difference
	Source string `json:"source"`
}

// NewChanges returns changes of a domain since a time, as yet without any. A person reads their
// times in zone.
func NewChanges(domain string, since time.Time, zone *time.Location) *Changes {
	return &Changes{Name: domain, Zone: zone, Since: since.UTC().Truncate(time.Second), Sources: []ChangeSource{}, Records: []RecordChange{}, Errors: []watch.ErrorChange{}}
}

// ReadWatch adds what the watch has seen, by its state; nothing if there is no file.
func (c *Changes) ReadWatch(file string) error {
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
	c.Sources = append(c.Sources, ChangeSource{"watch", d.First.UTC().Truncate(time.Second)})
	for _, x := range d.Since(c.Since) {
		x.At = x.At.UTC().Truncate(time.Second)
		c.Records = append(c.Records, RecordChange{x, "watch"})
	}
	for _, e := range d.ErrorsSince(c.Since) {
		e.At = e.At.UTC().Truncate(time.Second)
		c.Errors = append(c.Errors, e)
	}
	return nil
}

// ReadJournal adds what mail has met, by the journal in a directory. What the watch has seen too is not repeated.
func (c *Changes) ReadJournal(ctx context.Context, dir string) error {
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
	c.Sources = append(c.Sources, ChangeSource{"journal", first.First})
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Name == all[0].Name && all[n].Standard == all[0].Standard {
			n++
		}
		if x, ok := metDifference(all[:n], c.Since); ok && !c.has(&x) {
			c.Records = append(c.Records, RecordChange{x, "journal"})
		}
		all = all[n:]
	}
	slices.SortStableFunc(c.Records, func(a, b RecordChange) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return nil
}

// has reports whether the watch has seen that records became what they are.
func (c *Changes) has(x *watch.Difference) bool {
	return slices.ContainsFunc(c.Records, func(r RecordChange) bool {
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
