package loginrate

import (
	"strconv"
	"testing"
	"time"
)

func TestSent(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_750_000_000, 0)
	w := New(10, func() time.Time { return now })
	for i, step := range []struct {
		after      time.Duration
		login      string
		recipients int
		total      int
		alert      bool
	}{
		{0, "ann", 4, 4, false},
		{0, "bob", 10, 10, false},
		{time.Minute, "ann", 6, 10, false},
		{time.Minute, "ann", 1, 11, true},
		{time.Minute, "ann", 5, 16, false}, // once in a window
		{0, "", 100, 0, false},
		{Window, "ann", 11, 11, true}, // the next window
		{-2 * Window, "ann", 3, 3, false},
	} {
		now = now.Add(step.after)
		if total, alert := w.Sent(step.login, step.recipients); total != step.total || alert != step.alert {
			t.Errorf("step %d: %d, %v; want %d, %v", i, total, alert, step.total, step.alert)
		}
	}
	w.SetLimit(0)
	if total, alert := w.Sent("ann", 1000); total != 0 || alert || len(w.logins) != 0 {
		t.Errorf("without a limit: %d, %v, %d logins", total, alert, len(w.logins))
	}
}

// TestBounded: many logins take no more memory than there is room for.
func TestBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_750_000_000, 0)
	w := New(10, func() time.Time { return now })
	for i := range maxLogins + 100 {
		w.Sent(strconv.Itoa(i), 1)
	}
	if len(w.logins) != maxLogins {
		t.Errorf("%d logins", len(w.logins))
	}
	now = now.Add(Window)
	w.Sent("new", 1)
	if len(w.logins) != 1 {
		t.Errorf("%d logins after their windows have ended", len(w.logins))
	}
}
