package rows

import (
	"context"
	"time"
)

// Span is a number of rows of one file, which can be read beside other spans.
type Span struct {
	// File is the name of the file, Day its beginning.
	File string
	Day  time.Time
	// Err says why the file, or what is left of it, cannot be read. Each and Records are nil
	// then.
	Err error
	// Each calls f with each row, the newest first, or with the error of a row that cannot
	// be decoded. It ends early if f fails.
	Each func(ctx context.Context, f func(*Row, error) error) error
	// Records calls f with each row as it is kept, in the same order. A record is valid until
	// f returns.
	Records func(ctx context.Context, f func(*Record) error) error
}
