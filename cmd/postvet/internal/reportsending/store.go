package reportsending

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// Store is what is counted and what is sent, a [reportstore.Store].
type Store interface {
	counts
	outbox
	deliveries
	suppressions
}

// counts are the counted messages.
type counts interface {
	CloseDays(ctx context.Context) (closed int64, waiting []string, err error)
	Subjects(ctx context.Context, q reportstore.SubjectQuery) ([]reports.Subject, error)
	Records(ctx context.Context, x reports.Subject) *reportstore.Records
	Counts(ctx context.Context) (reportstore.Counts, error)
}

// outbox has the reports.
type outbox interface {
	Freeze(ctx context.Context, r *reports.Report, x reports.Subject, due time.Time, addresses ...string) (bool, error)
	Skip(ctx context.Context, x reports.Subject, why string) (bool, error)
	Report(ctx context.Context, id string) (reports.Report, bool, error)
	Settle(ctx context.Context, before time.Time) (int64, error)
}

// deliveries are those of the reports.
type deliveries interface {
	Claim(ctx context.Context, now time.Time, n int, until time.Time) ([]reportstore.Sent, error)
	Message(ctx context.Context, d *reports.Delivery) ([]byte, error)
	KeepMessage(ctx context.Context, d *reports.Delivery, message []byte) (bool, error)
	Finish(ctx context.Context, d reports.Delivery) (bool, error)
	Postpone(ctx context.Context, host string, until time.Time) (int64, error)
	Deliveries(ctx context.Context, q reportstore.Query) ([]reportstore.Sent, error)
	TurnBack(ctx context.Context, now time.Time) (int64, error)
	Address(ctx context.Context, report string, due time.Time, addresses ...string) error
	Taken(ctx context.Context, since time.Time) (int64, error)
}

// suppressions are the addresses that get no reports.
type suppressions interface {
	Suppression(ctx context.Context, address string) (reports.Suppression, bool, error)
	Suppressed(ctx context.Context, address string, now time.Time) (reports.Suppression, bool, error)
	Suppress(ctx context.Context, x reports.Suppression) error
}
