package main

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// keepingSink passes reports on, and keeps them in the store.
type keepingSink struct {
	to      received.Sink
	keeper  received.Keeper
	failure error // of the store

	kept, known int
}

func newKeepingSink(ctx context.Context, s *reportstore.Store, to received.Sink) *keepingSink {
	k := &keepingSink{to: to}
	k.keeper = received.Keeper{Arrival: received.Arrival{At: time.Now()}, Keep: func(r *reports.Received, rep *received.Report) error {
		if rep.Err != nil {
			return nil // End passes it on
		}
		outcome, err := s.AddReceived(ctx, r)
		switch {
		case err != nil:
			k.failure = storeError(err)
		case outcome == reports.Duplicate:
			k.known++
		default:
			k.kept++
		}
		return k.failure
	}}
	return k
}

// Record implements [received.Sink].
func (k *keepingSink) Record(p received.Place, h *report.Head, r *report.Record) error {
	if err := k.keeper.Record(p, h, r); err != nil {
		return err
	}
	return k.to.Record(p, h, r)
}

// End implements [received.Sink].
func (k *keepingSink) End(r *received.Report) error {
	if err := k.keeper.End(r); err != nil {
		return err
	}
	return k.to.End(r)
}
