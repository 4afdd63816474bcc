package milter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// The tests of this file run on the clock of a bubble: hours pass at once, and times
// are exact.

// verdictAfter makes the verdict take a while, or until its context ends.
func verdictAfter(d time.Duration, ended *error) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			if ended != nil {
				*ended = ctx.Err()
			}
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		takes   time.Duration
		want    int
		timeout bool
	}{
		{"at once", 0, 0, false},
		{"within Sendmail's patience", 2 * time.Second, 0, false},
		{"one packet each 3 s", 10 * time.Second, 3, false},
		{"until the verdict's deadline", time.Hour, 19, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended error
				f := &fake{end: verdictAfter(tt.takes, &ended), verdict: Verdict{Remove: []FieldRef{{"A", 1}}}}
				r := start(t, f, Options{})
				m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
				m.Hello()
				m.Envelope(miltertest.Usual())
				m.Content(miltertest.Usual())
				begun := time.Now()
				m.Send('E')
				m.SetReadDeadline(time.Time{})
				var codes []byte
				for len(codes) == 0 || codes[len(codes)-1] != 'c' {
					c, _, err := m.ReadPacket()
					if err != nil {
						t.Fatal(err)
					}
					codes = append(codes, c)
				}
				if string(codes) != "mc" || m.Progress != tt.want && m.Progress != tt.want+1 {
					t.Errorf("replies %q, %d progress packets, want %d", codes, m.Progress, tt.want)
				}
				if s := r.Counts(); s.Progress != int64(m.Progress) || s.Listening != 1 {
					t.Errorf("%+v", s)
				}
				took := time.Since(begun)
				if want := min(tt.takes, time.Minute); took != want {
					t.Errorf("took %v, want %v", took, want)
				}
				if tt.timeout != errors.Is(ended, context.DeadlineExceeded) {
					t.Errorf("context ended with %v", ended)
				}
				// After the verdict there is none.
				n := m.Progress
				m.SetReadDeadline(time.Now().Add(time.Minute))
				if _, _, err := m.ReadPacket(); !errors.Is(err, context.DeadlineExceeded) && err == nil || m.Progress != n {
					t.Errorf("after the verdict: %v, %d progress packets", err, m.Progress-n)
				}
				m.Close()
				r.stop()
			})
		})
	}
}

// A session that ignores its deadline does not hold the MTA for ever, and
// does not hold Shutdown.
func TestStuckSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &fake{end: func(context.Context) { <-release }, sent: make(chan error, 1)}
		r := start(t, f, Options{})
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		m.Envelope(miltertest.Usual())
		m.Send('E')
		m.SetReadDeadline(time.Now().Add(300 * time.Second)) // Postfix's content timeout
		if _, _, err := m.ReadPacket(); err == nil || m.Progress < 20 || m.Progress > 25 {
			t.Errorf("%v after %d progress packets", err, m.Progress)
		}
		begun := time.Now()
		if err := shutdown(r, time.Second); err == nil || time.Since(begun) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(release)
		synctest.Wait()
		if err := <-f.sent; err == nil {
			t.Error("the verdict was sent")
		}
		r.stop()
	})
}

// An MTA that gave up is noticed when a progress packet cannot be sent.
func TestProgressToNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended error
		f := &fake{end: verdictAfter(time.Hour, &ended), sent: make(chan error, 1)}
		r := start(t, f, Options{})
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		m.Envelope(miltertest.Usual())
		m.Content(miltertest.Usual())
		begun := time.Now()
		m.Send('E')
		time.Sleep(time.Second)
		m.Close()
		err := <-f.sent
		if !errors.Is(ended, context.Canceled) || time.Since(begun) != 3*time.Second {
			t.Errorf("context ended with %v after %v", ended, time.Since(begun))
		}
		if err == nil {
			t.Error("the verdict was sent")
		}
		r.stop()
	})
}
