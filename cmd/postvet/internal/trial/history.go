package trial

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Recorded has rules decide about messages of a journal.
type Recorded struct {
	// Spans calls a function with the rows in spans, the newest first, until it returns
	// false.
	Spans func(ctx context.Context, f func(rows.Span) bool) error
	// Before are the rules to compare with, nil for the verdicts of then; After those
	// under test.
	Before, After *rules.Rules
	// Found is the configuration of After, and Then compares that of a generation with it.
	Found Found
	Then  func(ctx context.Context, generation int64, at time.Time) Then
	// Sink is called with the messages that are treated differently, or with all if All is
	// set, in the order of the spans. Default: nothing.
	Sink func(*Outcome) error
	All  bool
	// Progress is called after each span with the number of messages so far, that of those
	// that are treated differently, and the file. Default: nothing.
	Progress func(messages, differing int, file string)
	// Jobs is how many spans are read at once. Default: the number of processors.
	Jobs int

	mu          sync.Mutex
	generations map[int64]Then
}

// maxGenerations bounds the configurations that are remembered.
const maxGenerations = 1000

// spanResult is what became of the rows of a span.
type spanResult struct {
	tally    *tally
	outcomes []Outcome
	err      error
}

// spanJob is a span that is to be read.
type spanJob struct {
	span rows.Span
	done chan spanResult
}

// Run decides about all messages. Files that cannot be read are named in the report. If
// ctx ends, the report has what was found so far. The error is that of Spans or Sink.
func (o *Recorded) Run(ctx context.Context) (*Report, error) {
	r := &Report{Unreadable: []Problem{}, Rows: []Outcome{}, compared: true, History: &History{Complete: true, Edits: o.edits()}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := max(1, o.Jobs)
	if o.Jobs == 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	work, order := make(chan spanJob), make(chan spanJob, 2*jobs)
	var group sync.WaitGroup
	defer group.Wait()
	var spansErr error
	group.Go(func() {
		defer close(order)
		defer close(work)
		spansErr = o.Spans(ctx, func(s rows.Span) bool {
			job := spanJob{s, make(chan spanResult, 1)}
			for _, to := range []chan spanJob{order, work} {
				select {
				case to <- job:
				case <-ctx.Done():
					job.done <- spanResult{err: ctx.Err()}
					return false
				}
			}
			return true
		})
	})
	for range jobs {
		group.Go(func() {
			for job := range work {
				job.done <- o.span(ctx, job.span)
			}
		})
	}
	err := o.collect(ctx, order, r)
	if err != nil {
		cancel()
		for range order {
			continue
		}
		return nil, err
	}
	if spansErr != nil && ctx.Err() == nil {
		return nil, spansErr
	}
	r.History.Complete = r.History.Complete && ctx.Err() == nil
	return r, nil
}

// collect adds the results of spans to a report, in their order.
func (o *Recorded) collect(ctx context.Context, order <-chan spanJob, r *Report) error {
	all := newTally()
	defer func() {
		all.fill(r)
		all.history.fill(r.History)
	}()
	for job := range order {
		found := <-job.done
		if ctx.Err() != nil {
			r.History.Complete = false
			r.History.Reached = job.span.File
			return drain(order)
		}
		if found.err != nil && !slices.ContainsFunc(r.Unreadable, func(p Problem) bool { return p.File == job.span.File }) {
			r.Unreadable = append(r.Unreadable, Problem{job.span.File, found.err.Error()})
		}
		if found.tally != nil {
			all.merge(found.tally)
		}
		for i := range found.outcomes {
			if err := o.Sink(&found.outcomes[i]); err != nil {
				return err
			}
		}
		if o.Progress != nil {
			o.Progress(all.messages, all.differing, job.span.File)
		}
	}
	return nil
}

// drain waits for the end of a run that was interrupted.
func drain(order <-chan spanJob) error {
	for range order {
		continue
	}
	return nil
}

// span decides about the rows of a span.
func (o *Recorded) span(ctx context.Context, s rows.Span) spanResult {
	if s.Err != nil {
		return spanResult{err: s.Err}
	}
	found := spanResult{tally: newTally()}
	found.err = s.Each(ctx, func(r *rows.Row, err error) error {
		if err != nil {
			found.tally.history.undecoded++
			return nil
		}
		out, differs := o.row(ctx, r, &found.tally.history)
		found.tally.add(&out, differs)
		if o.Sink != nil && (differs || o.All) {
			found.outcomes = append(found.outcomes, out)
		}
		return nil
	})
	return found
}

// row decides about a row, and reports whether it is treated differently.
func (o *Recorded) row(ctx context.Context, r *rows.Row, t *historyTally) (out Outcome, differ bool) {
	res := r.Results
	then := o.then(ctx, r)
	after, before := o.replay(*o.After, r, &then), verdict{Verdict: *r.Verdict, certain: true}
	if o.Before != nil {
		before = o.replay(*o.Before, r, &then)
	}
	why := append(before.why, after.why...)
	for _, v := range []*verdict{&before, &after} {
		why = append(why, t.verdict(v, then.Other)...)
	}
	for _, key := range then.Other {
		why = append(why, o.setting(t, key, res, &after)...)
	}
	differ = before.differs(&after)
	faulty := len(r.Faults)+len(res.Faults) > 0
	if faulty && differ {
		why = append(why, whyFault)
	}
	t.note(r, faulty, then.Known)
	out = Outcome{Ref: r.Ref, At: r.Ref.Time(), Author: authorOf(res), Client: res.Client.IP, DMARC: dmarcOf(res), Unknown: why}
	b := short(before.Verdict)
	out.Before, out.After = &b, Verdict{Action: Unknown, Intended: Unknown, Edits: []string{}, Matched: []result.RuleMatch{}, Faults: []string{}}
	if len(why) > 0 {
		return out, false
	}
	out.After = short(after.Verdict)
	return out, differ
}

// setting counts a key that had another value, and returns it if what would be done is
// unknown for that.
func (o *Recorded) setting(t *historyTally, key string, res *result.Results, after *verdict) []string {
	d := DoubtCount{Key: key, Messages: 1}
	if key == keySenderDomain {
		if o.After.SenderDomain != rules.SenderDomainReject {
			return nil
		}
		if !after.certain && slices.ContainsFunc(after.doubts, func(x rules.Doubt) bool { return x.Key == key }) {
			d.Unknown = 1 // the doubt is the reason
		}
		t.doubt(d)
		return nil
	}
	if !o.doubtful(key, res) {
		t.doubt(d)
		return nil
	}
	d.Unknown = 1
	t.doubt(d)
	return []string{key}
}

// then returns the configuration of then in comparison.
func (o *Recorded) then(ctx context.Context, r *rows.Row) Then {
	o.mu.Lock()
	defer o.mu.Unlock()
	then, ok := o.generations[r.Generation]
	if !ok && o.Then != nil && len(o.generations) < maxGenerations {
		then = o.Then(ctx, r.Generation, r.Ref.Time())
		if o.generations == nil {
			o.generations = map[int64]Then{}
		}
		o.generations[r.Generation] = then
	}
	return then
}

// edits names the rules that add or remove fields.
func (o *Recorded) edits() []string {
	names := []string{}
	for _, rule := range o.After.Custom {
		if len(rule.Add)+len(rule.Remove) > 0 {
			names = append(names, rule.Name)
		}
	}
	return names
}
