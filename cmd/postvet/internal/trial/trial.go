// Package trial evaluates stored messages: one with all that is known about it,
// or many under one or two policies, to show what other rules would change.
//
// Each message is evaluated once, as if it arrived now or at the time that its
// envelope names, and then decided about by each policy. Nothing is sent
// anywhere but DNS queries, and no message is changed.
package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Options say how messages are evaluated, and which policies decide about them.
type Options struct {
	// Checker returns a checker with a clock.
	Checker func(now func() time.Time) *policy.Checker
	// Now is the clock for messages whose envelope has no time.
	Now func() time.Time
	// SameTime has all messages arrive by Now, whatever their envelopes say.
	SameTime bool
	// Received takes the client of a message without an envelope from the Received
	// field of the last hop into this host.
	Received bool
	// Before and After are the policies; Before is nil if nothing is compared.
	Before, After *rules.Rules
	// MaxBytes bounds a message in octets.
	MaxBytes int64
	// Jobs is how many files are read at once. Default 1.
	Jobs int
	// Progress is called after each file with how many are done, from one
	// goroutine at a time. Default: nothing.
	Progress func(done int)
}

// Row is the outcome of one message.
type Row struct {
	// File is the file's name; of an mbox with several messages "NAME#2".
	File string
	// Problem says why the message could not be evaluated; "" if it was.
	Problem string
	Author  string // the author domain, or why there is none
	Client  string
	DMARC   string
	// NoClient reports that the envelope has no client, so that SPF is none.
	NoClient bool
	// Before and After are the verdicts of the two policies; Before is nil if
	// nothing is compared.
	Before *Verdict
	After  Verdict
	// Differs reports that the two policies do different things to the message.
	Differs bool
}

// Run evaluates the messages of the files. The rows are in their order. It ends
// early if ctx does, with its error.
func Run(ctx context.Context, files []string, o Options) ([]Row, error) {
	rows := make([][]Row, len(files))
	next := make(chan int)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
		count   atomic.Int64
	)
	for range max(1, min(o.Jobs, len(files))) {
		workers.Go(func() {
			for i := range next {
				rows[i] = o.file(ctx, files[i], &count)
				mu.Lock()
				if done++; o.Progress != nil {
					o.Progress(done)
				}
				mu.Unlock()
			}
		})
	}
	for i := range files {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return slices.Concat(rows...), ctx.Err()
}

// maxMessages bounds the messages of one run.
const maxMessages = mailbox.MaxFiles

var (
	errNoMessage = errors.New("holds no header field, and so no message")
	errTooLarge  = errors.New("is larger than limits.header_bytes and limits.body_bytes allow")
	errTooMany   = fmt.Errorf("there are more than %d messages; name a part of them", maxMessages)
)

// file evaluates the messages of a file. count is the number of messages of all files
// so far.
func (o Options) file(ctx context.Context, name string, count *atomic.Int64) []Row {
	fault := func(err error) []Row { return []Row{{File: name, Problem: problem(err)}} }
	box, err := mailbox.OpenRegular(name, o.MaxBytes)
	if err != nil {
		return fault(err)
	}
	defer box.Close()
	var rows []Row
	for ctx.Err() == nil {
		m, err := box.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		row := Row{File: name}
		if count.Add(1) > maxMessages {
			err = errTooMany
		}
		if err == nil {
			err = row.evaluate(ctx, m, o)
		}
		if err != nil {
			row.Problem = problem(err)
		}
		rows = append(rows, row)
		if m == nil || errors.Is(err, errTooMany) {
			break
		}
	}
	if len(rows) > 1 {
		for i := range rows {
			rows[i].File = fmt.Sprintf("%s#%d", name, i+1)
		}
	}
	return rows
}

// problem returns the text of an error for a row.
func problem(err error) string {
	if errors.Is(err, mailbox.ErrTooLarge) {
		err = errTooLarge
	}
	return input.Cause(err).Error()
}

func (r *Row) evaluate(ctx context.Context, m *mailbox.Message, o Options) error {
	if len(m.Header) == 0 {
		return errNoMessage
	}
	e, err := m.TakeEnvelope(o.Received)
	if err != nil {
		return err
	}
	now := o.Now
	if !e.Time.IsZero() && !o.SameTime {
		now = ClockAt(e.Time)
	}
	early := o.After.RefusesEarly() || o.Before != nil && o.Before.RefusesEarly()
	atRecipient, results, err := o.Checker(now).Play(ctx, e.Envelope, m.Header, m, early)
	if err != nil {
		return fmt.Errorf("cannot be read to its end: %w", err)
	}
	r.NoClient = !e.Client.IP.IsValid()
	r.Client = results.Client.IP
	r.Author, r.DMARC = authorOf(results), dmarcOf(results)
	after := o.After.Replay(atRecipient, results)
	r.After = short(after)
	if o.Before != nil {
		v := o.Before.Replay(atRecipient, results)
		before := short(v)
		r.Before, r.Differs = &before, v.Differs(after)
	}
	return nil
}

// authorOf returns the author's domain, or why there is none.
func authorOf(res *result.Results) string { return cmp.Or(res.Author.Domain, res.Author.Problem) }

// dmarcOf returns the result of DMARC with the policy: "fail p=reject".
func dmarcOf(res *result.Results) string {
	if res.DMARC.Policy == "" {
		return string(res.DMARC.Status)
	}
	return string(res.DMARC.Status) + " p=" + string(res.DMARC.Policy)
}

// ClockAt returns a clock that begins at a time now, and goes on.
func ClockAt(at time.Time) func() time.Time {
	start := time.Now()
	return func() time.Time { return at.Add(time.Since(start)) }
}
