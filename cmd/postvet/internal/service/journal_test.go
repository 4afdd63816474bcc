package service

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/result"
)

// TestRecord shows that the journal costs a message no allocation, and which mail it has.
func TestRecord(t *testing.T) {
	d := &daemon{log: &logger{Logger: zap.NewNop()}, metrics: metrics.New(metrics.Options{})}
	c := config.Default()
	c.Journal.Directory = filepath.Join(t.TempDir(), "journal")
	d.started = c
	d.openJournal(c)
	defer d.closeJournal()
	x := filter.Decision{QueueID: "4XkZ1t2q3nz9Vx", Results: &result.Results{MailFrom: "ann@example.org"}, Verdict: result.Verdict{Action: result.Accept, Intended: result.Accept}}
	x.Results.Reference = d.refs.Next(x.Ended)
	const rounds, messages = 5, 201 // AllocsPerRun calls once more
	least := 1000.0
	for range rounds { // the journal may write during one of them
		least = min(least, testing.AllocsPerRun(messages-1, func() { d.record(&x) }))
	}
	if least > 0 {
		t.Errorf("a message costs %v allocations", least)
	}
	exempt := x
	exempt.Results = &result.Results{Exempt: result.ExemptAuthenticated}
	d.record(&exempt)
	ignored, err := addrlist.New(addrlist.Names, "council.example.org", ".council.example.org")
	if err != nil {
		t.Fatal(err)
	}
	c.Journal.Ignore = config.List{Set: ignored}
	d.changeJournal(c)
	for _, to := range []string{"anna@council.example.org", "<Anna@Union.Council.example.org>"} {
		mixed := x
		mixed.Results = &result.Results{Recipients: []string{"bob@example.org", to}, Reference: d.refs.Next(x.Ended)}
		d.record(&mixed)
	}
	d.journal.recorder.Flush(t.Context())
	if s := d.journalStats(); s.Failing != "" || s.Bytes == 0 || s.Oldest.IsZero() || s.Written[rows.Accepted] != rounds*messages || s.Dropped[rows.Accepted] != 0 {
		t.Errorf("stats of the journal: %+v", s)
	}
	if got := d.describeJournal(); !got.Running || got.Problem != "" || len(got.Files) != 2 || got.Written["rest"] != 0 {
		t.Errorf("state of the journal: %+v", got)
	}
}

// TestJournalState: the status says that the journal could not be opened, and why; with
// privacy = "off" it is no fault.
func TestJournalState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		directory string
		privacy   rows.Level
		want      *control.JournalState
	}{
		"none":   {"", rows.Hashed, nil},
		"off":    {filepath.Join(file, "journal"), rows.Off, &control.JournalState{Directory: filepath.Join(file, "journal"), Dropped: map[string]int64{"accepted": 0, "rest": 0}}},
		"closed": {filepath.Join(file, "journal"), rows.Hashed, &control.JournalState{Directory: filepath.Join(file, "journal"), Problem: "mkdir " + file + ": not a directory", Dropped: map[string]int64{"accepted": 0, "rest": 0}}},
	} {
		d := &daemon{log: &logger{Logger: zap.NewNop()}, metrics: metrics.New(metrics.Options{})}
		c := config.Default()
		c.Journal.Directory, c.Journal.Privacy = tc.directory, tc.privacy
		d.started = c
		d.openJournal(c)
		if diff := cmp.Diff(tc.want, d.journalState()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		d.closeJournal()
	}
}
