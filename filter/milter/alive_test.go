package milter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		r := start(t, f, Options{MaxConnections: 2})
		for range 5 {
			if err := r.Alive(soon(t)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if s := r.Counts(); s.Connections != 0 || s.Open != 0 || s.ProtocolErrors != 0 || s.Timeouts != 0 {
			t.Errorf("the check was counted: %+v", s)
		}
		if len(f.saying("connect")) != 0 {
			t.Errorf("the session heard of it: %q", f.heard())
		}
		if lines := r.logs.All(); len(lines) != 0 {
			t.Errorf("it was logged: %v", lines)
		}
		// All connections in use are no reason to be killed.
		one, two := miltertest.Connect(t, r.dial, miltertest.OfferAll), miltertest.Connect(t, r.dial, miltertest.OfferAll)
		if err := r.Alive(soon(t)); err != nil {
			t.Errorf("with all connections in use: %v", err)
		}
		one.Close()
		two.Close()
		r.stop()
		if err := r.Alive(soon(t)); err != nil {
			t.Errorf("while draining: %v", err)
		}
	})
}

// TestAliveHangs holds the lock that every new connection needs.
func TestAliveHangs(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	r.mu.Lock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it hangs: %v", err)
	}
	r.mu.Unlock()
	r.stop()
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), miltertest.Timeout)
	t.Cleanup(cancel)
	return ctx
}
