package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// searchTime bounds a search in files.
const searchTime = 30 * time.Second

// journalFlags are the flags by which a command finds the journal: that of the running
// service, or its files.
type journalFlags struct {
	serviceFlags
	dir string
}

func (f *journalFlags) add(cmd *cobra.Command) {
	f.addSocket(cmd)
	cmd.Flags().StringVar(&f.dir, "journal", "", "read the files in `DIR`, without the service")
}

// source is where a command finds the journal. dir is "" if the service answers.
type source struct {
	client *control.Client
	dir    string
	config *config.Config // of the stopped service, nil if it is not known
}

// source returns the running service, or the files of one that is stopped.
func (f *journalFlags) source(ctx context.Context) (*source, error) {
	if f.cmd.Flags().Changed("journal") {
		c, _ := config.LoadWith(cmp.Or(f.file, packagedConfig), os.Environ()) // its rules are wanted, if they can be had
		return &source{dir: f.dir, config: c}, nil
	}
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	s := &source{client: client}
	var j control.Journal
	err = request(ctx, client, answerTime, control.Request{Do: control.DoJournalStatus}, &j)
	var gone *control.Unreachable
	switch {
	case err == nil && j.Directory == "":
		return nil, failed(`the service has no journal; set journal.directory, such as "/var/lib/postvet/journal", and restart it`)
	case err == nil || f.cmd.Flags().Changed("socket") || !errors.As(err, &gone):
		return s, err
	}
	c, loadErr := config.LoadWith(f.file, os.Environ())
	if loadErr != nil || c.Journal.Directory == "" {
		return nil, failed("%w; or name the files with --journal", err)
	}
	return &source{dir: c.Journal.Directory, config: c}, nil
}

// ask has the service answer a query.
func (s *source) ask(ctx context.Context, do string, q rows.Query, most time.Duration, answer any) error {
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return request(ctx, s.client, most, control.Request{Do: do, Query: string(text)}, answer)
}

// page returns a page of the rows that a query selects.
func (s *source) page(ctx context.Context, q rows.Query) (page rows.Page, err error) {
	if s.dir == "" {
		err := s.ask(ctx, control.DoHistory, q, answerTime, &page)
		for _, r := range page.Rows {
			r.Verdict.Monitored = r.Monitored
		}
		return page, err
	}
	if page, err = s.find(ctx, "history", q); err != nil {
		return page, err
	}
	for _, r := range page.Rows {
		r.Explain()
	}
	return page, nil
}

// find searches the files.
func (s *source) find(ctx context.Context, do string, q rows.Query) (rows.Page, error) {
	if err := q.Check(); err != nil {
		return rows.Page{}, usage("%v", err)
	}
	if q.Personal() {
		_ = sqlite.Audit(s.dir, sqlite.Audited{UID: os.Getuid(), Do: do, Query: &q}) // who may only read cannot write it down
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	reader, err := s.reader(q.Fleet)
	if err != nil {
		return rows.Page{}, err
	}
	page, err := reader.Find(ctx, q)
	switch {
	case err != nil && q.Fleet:
		return page, failed("%v", err)
	case err != nil:
		return page, failed("%s; name the directory of the journal with --journal", fileError(s.dir, err))
	}
	return page, nil
}

// reader returns what reads the files, or the database of all nodes.
func (s *source) reader(fleet bool) (rows.Reader, error) {
	if !fleet {
		return sqlite.NewReader(s.dir), nil
	}
	return s.fleet()
}

// fleet returns what reads the database of all nodes.
func (s *source) fleet() (*postgres.Reader, error) {
	if s.config == nil || s.config.Journal.Postgres == "" {
		return nil, failed("the configuration sets no journal.postgres; name it with --config")
	}
	return &postgres.Reader{Database: &postgres.Database{DSN: s.config.Journal.Postgres}}, nil
}

// stories returns the stories of the messages that a query selects. The service asks the
// DNS for them unless noDNS is true.
func (s *source) stories(ctx context.Context, q rows.Query, noDNS bool) (out control.Stories, err error) {
	if s.dir == "" {
		text, err := json.Marshal(q)
		if err != nil {
			return out, err
		}
		err = request(ctx, s.client, answerTime+journal.DNSTime, control.Request{Do: control.DoExplain, Query: string(text), NoDNS: noDNS}, &out)
		for _, story := range out.Stories {
			story.Row.Verdict.Monitored = story.Row.Monitored
		}
		return out, err
	}
	page, err := s.find(ctx, "explain", q)
	if err != nil {
		return out, err
	}
	reader, err := s.reader(q.Fleet)
	if err != nil {
		return out, err
	}
	for _, r := range page.Rows {
		g, _ := reader.Generation(ctx, r.Generation, r.Ref.Time())
		var story journal.Story
		if s.config == nil {
			story = journal.Tell(r, g, nil, rows.Generation{})
		} else {
			id, _ := s.config.EffectiveAuthservID()
			present := s.config.Rules(id)
			story = journal.Tell(r, g, &present, s.config.Generation())
		}
		story.FindEvidence(ctx, sqlite.NewReader(s.dir))
		out.Stories = append(out.Stories, story)
	}
	page.Rows = nil
	out.Page = page
	return out, nil
}
