package service

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// slots bounds what is done at once for the web page.
type slots struct{ taken chan struct{} }

func newSlots(n int) slots { return slots{make(chan struct{}, n)} }

// slotTime is how long a user waits for the work of another to end.
const slotTime = 2 * time.Second

// take takes a slot, which give gives back. If none is free in time, it refuses the request
// with the text busy.
func (s slots) take(ctx context.Context, busy string) (give func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, slotTime)
	defer cancel()
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken }, nil
	case <-ctx.Done():
		return nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{busy}}
	}
}
