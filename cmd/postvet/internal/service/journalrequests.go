package service

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/policy/dmarc"
)

// searchTime bounds a search. Its answer then says how far it came.
const searchTime = 5 * time.Second

// flushTime bounds how long a request waits for the newest messages to be written.
const flushTime = 2 * time.Second

// answerJournal carries out a request about the journal.
func (d *daemon) answerJournal(ctx context.Context, peer control.Peer, q control.Request) (any, error) {
	j := &d.journal
	if q.Do == control.DoJournalStatus {
		return d.describeJournal(), nil
	}
	if j.dir == "" {
		return nil, &control.Refusal{Code: control.CodeFailed, Errors: []string{`there is no journal; set journal.directory, such as "/var/lib/postvet/journal", and restart the service`}}
	}
	if q.Do == control.DoTop {
		return d.answerTop(ctx, peer, q)
	}
	d.flushJournal(ctx)
	if q.Do == control.DoJournalVerify {
		return sqlite.Verify(ctx, j.dir)
	}
	var query rows.Query
	if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
		return nil, errQuery
	}
	if err := query.Check(); err != nil {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{err.Error()}}
	}
	reader, refusal := d.readerFor(peer, &query, q.Do)
	if refusal != nil {
		return nil, refusal
	}
	if query.Personal() || q.Do == control.DoJournalForget {
		if err := sqlite.Audit(j.dir, sqlite.Audited{UID: peer.UID, Web: peer.Web, Address: peer.Address, Do: q.Do, Query: &query}); err != nil {
			d.log.Warn("a search for a person could not be written down", zap.Int("uid", peer.UID), zap.String("user", peer.Web), zap.Error(err))
		}
	}
	if q.Do == control.DoJournalForget {
		n, err := d.forget(ctx, query)
		return control.Forgotten{Messages: n}, err
	}
	searching, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	page, err := reader.Find(searching, query)
	if err != nil || q.Do == control.DoHistory {
		for _, r := range page.Rows {
			r.Explain()
		}
		return page, err
	}
	stories := d.stories(searching, page, reader)
	if !q.NoDNS {
		asking, cancel := context.WithTimeout(ctx, journal.DNSTime)
		defer cancel()
		journal.AskDNS(asking, stories.Stories, &d.dns, dmarc.Options{Discovery: d.config().Policy.OrganizationalDomain})
	}
	return stories, nil
}

// flushJournal waits until the newest messages are written; if the disk is too slow, or another
// process has locked a file, they are missing, and time is left to search the others. It does so
// once for a page.
func (d *daemon) flushJournal(ctx context.Context) {
	web.FlushOnce(ctx, func() {
		within := flushTime
		if end, ok := ctx.Deadline(); ok {
			within = min(within, time.Until(end)/2)
		}
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		d.journal.recorder.Flush(ctx)
	})
}

var errQuery = &control.Refusal{Code: control.CodeRequest, Errors: []string{"the query is not understood; use the postvet command that belongs to the service"}}

// answerTop ranks names by what was counted.
func (d *daemon) answerTop(ctx context.Context, peer control.Peer, q control.Request) (any, error) {
	var query counts.Query
	if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
		return nil, errQuery
	}
	if err := query.Check(); err != nil {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{err.Error()}}
	}
	reader, err := d.countsFor(ctx, peer, query.Nodes)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return reader.Top(ctx, query)
}

// stories tells the stories of the rows of a page.
func (d *daemon) stories(ctx context.Context, page rows.Page, reader rows.Reader) control.Stories {
	s := d.state.Load()
	present, now := s.config.Rules(s.authservID), s.config.Generation()
	out := control.Stories{Stories: []journal.Story{}}
	for _, r := range page.Rows {
		g, _ := reader.Generation(ctx, r.Generation, r.Ref.Time())
		story := journal.Tell(r, g, &present, now)
		story.FindEvidence(ctx, d.journal.reader)
		out.Stories = append(out.Stories, story)
	}
	page.Rows = nil
	out.Page = page
	return out
}

// journalState returns what a status says of the journal, nil if there is none.
func (d *daemon) journalState() *control.JournalState {
	j := &d.journal
	if j.dir == "" {
		return nil
	}
	s := j.recorder.Stats()
	return j.state(&s)
}

// state returns what the counts of the recorder say of the journal.
func (j *messageJournal) state(s *journal.Stats) *control.JournalState {
	out := &control.JournalState{Directory: j.dir, Running: j.recorder != nil, Problem: j.failed, Dropped: map[string]int64{}}
	if s.Failing != "" {
		out.Problem = s.Failing
	}
	for c := range rows.Class(rows.Classes) {
		out.Dropped[c.String()] = s.Dropped[c]
	}
	return out
}

func (d *daemon) describeJournal() control.Journal {
	j := &d.journal
	out := control.Journal{Directory: j.dir, Privacy: string(d.started.Journal.Privacy), Files: []rows.File{}}
	if j.dir == "" {
		return out
	}
	s := j.recorder.Stats()
	state := j.state(&s)
	out.Running, out.Problem, out.Dropped = state.Running, state.Problem, state.Dropped
	out.Shipping = d.describeShipping()
	out.Waiting, out.Failures = s.Waiting, s.Failures
	out.Written = map[string]int64{}
	for c := range rows.Class(rows.Classes) {
		out.Written[c.String()] = s.Written[c]
	}
	if files, err := sqlite.Files(j.dir); err == nil {
		out.Add(files)
	}
	return out
}
