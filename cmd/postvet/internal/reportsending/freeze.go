package reportsending

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// closeDays closes the days that have ended, and freezes their reports.
func (s *Sender) closeDays(ctx context.Context) error {
	now := s.o.Now()
	today := reports.DayOf(now)
	if now.Sub(today.Begin()) < closeAfter {
		return nil
	}
	if since := now.Sub(s.away); since >= 0 && since < returnTime {
		return nil
	}
	_, waiting, err := s.o.Store.CloseDays(ctx)
	if err != nil {
		s.away = now
		return err
	}
	if len(waiting) > 0 && s.once(fmt.Sprintf("waiting %d", today)) {
		s.o.Log.Info("reports of yesterday wait for nodes that have not written all", zap.Strings("nodes", waiting))
	}
	frozen, without := 0, 0
	for ctx.Err() == nil {
		subjects, err := s.o.Store.Subjects(ctx, reportstore.SubjectQuery{Progress: reportstore.SubjectClosed, Limit: atOnce})
		if err != nil || len(subjects) == 0 {
			s.tellClosed(frozen, without)
			return err
		}
		var failed []error
		for i := range subjects {
			made, err := s.end(ctx, &subjects[i])
			if err != nil {
				failed = append(failed, err)
			} else if made {
				frozen++
			} else {
				without++
			}
		}
		if len(failed) > 0 {
			s.tellClosed(frozen, without)
			return errors.Join(failed...)
		}
	}
	return ctx.Err()
}

// atOnce is how many subjects are read at a time: the more, the fewer times all are sorted.
const atOnce = 2000

func (s *Sender) tellClosed(frozen, without int) {
	if frozen+without > 0 {
		s.o.Log.Info("reports made", zap.Int("reports", frozen), zap.Int("without", without))
	}
}

// end freezes the report of a subject, or says that there is none. It reports whether there
// is one.
func (s *Sender) end(ctx context.Context, subject *reports.Subject) (bool, error) {
	why := s.choose(subject)
	if why == Chosen {
		made, err := s.freeze(ctx, subject)
		if !errors.Is(err, errInvalid) {
			return made, err
		}
		why = WhyInvalid
		s.o.Log.Error("a report could not be made and is not sent", zap.String("domain", subject.Policy.Domain), zap.Stringer("day", subject.Day), zap.Error(err))
	}
	skipped, err := s.o.Store.Skip(ctx, *subject, string(why))
	if skipped && err == nil {
		s.mu.Lock()
		s.stats.NotSent[why]++
		s.mu.Unlock()
	}
	return false, err
}

// choose is Choose, and says when it is too late.
func (s *Sender) choose(subject *reports.Subject) Why {
	if s.o.Now().After(subject.Day.End().Add(giveUp)) {
		return WhyTooLate
	}
	return s.o.Settings.Choose(subject)
}

// freeze makes the report of a subject and keeps it with its deliveries. It reports false
// if somebody else was quicker.
func (s *Sender) freeze(ctx context.Context, subject *reports.Subject) (bool, error) {
	r := &reports.Report{
		ID: s.o.NewID(), Kind: reports.Aggregate, Domain: subject.Policy.Domain, Begin: subject.Day.Begin(), End: subject.Day.End(),
		Submitter: s.o.Settings.Submitter, Created: s.o.Now().UTC().Truncate(time.Second),
	}
	if err := s.write(ctx, subject, r); err != nil {
		return false, err
	}
	addresses, _ := ParseURIs(subject.Policy.RUA)
	made, err := s.o.Store.Freeze(ctx, r, *subject, s.o.Settings.place(subject, s.o.Node), addresses...)
	if made && err == nil {
		s.mu.Lock()
		s.stats.Reports++
		s.mu.Unlock()
	}
	return made, err
}

// errInvalid is the error of a report that cannot be made.
var errInvalid = errors.New("reports: no valid report")

// write writes the document of a report, and checks it as a receiver would. It must
// have all messages of the subject.
func (s *Sender) write(ctx context.Context, subject *reports.Subject, r *reports.Report) error {
	var document bytes.Buffer
	records := s.o.Store.Records(ctx, *subject)
	err := report.WriteGzip(&document, s.Head(subject, r.ID), records.All())
	switch {
	case records.Err() != nil:
		return records.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", errInvalid, err)
	}
	r.Records, r.Messages = records.Count()
	r.Document = document.Bytes()
	return check(r)
}

// Head returns the head of the report of a subject.
func (s *Sender) Head(subject *reports.Subject, id string) *report.Head {
	o := &s.o.Settings
	h := &report.Head{
		OrgName: o.OrgName, Email: o.Email, ExtraContact: o.Contact, ReportID: id,
		Begin: subject.Day.Begin(), End: subject.Day.End(), Generator: s.o.Generator, Policy: subject.Policy.Policy,
	}
	if subject.LeftOut > 0 {
		h.Errors = []string{fmt.Sprintf("%d messages in rows beyond the limit left out", subject.LeftOut)}
	}
	return h
}

// check holds a document against RFC 9990, and its numbers against those counted.
func check(r *reports.Report) error {
	z, err := gzip.NewReader(bytes.NewReader(r.Document))
	if err != nil {
		return fmt.Errorf("%w: %w", errInvalid, err)
	}
	v, err := report.Check(z)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errInvalid, err)
	case !v.Valid():
		var faults []string
		for _, p := range v.Problems {
			if !p.Warning && len(faults) < 3 {
				faults = append(faults, fmt.Sprintf("line %d: %s: %s", p.Line, p.Element, p.Rule))
			}
		}
		return fmt.Errorf("%w: %s", errInvalid, strings.Join(faults, "; "))
	case v.Records != r.Records || v.Messages != r.Messages:
		return fmt.Errorf("%w: it has %d records and %d messages, not %d and %d", errInvalid, v.Records, v.Messages, r.Records, r.Messages)
	}
	return nil
}
