package milter

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("idle connections end at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{}, Options{})
			fresh := miltertest.Dial(t, r.dial)
			negotiated := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			greeted := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			greeted.Hello()
			between := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			between.Hello()
			between.Deliver(miltertest.Usual())
			aborted := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			aborted.Hello()
			aborted.Envelope(miltertest.Usual())
			aborted.Send('A')
			synctest.Wait()
			begun := time.Now()
			if err := shutdown(r, time.Minute); err != nil || time.Since(begun) != 0 {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			for _, m := range []*miltertest.MTA{fresh, negotiated, greeted, between, aborted} {
				m.Closed()
			}
			if _, err := r.dial(); err == nil {
				t.Error("still accepting")
			}
			if s := r.Counts(); s.Timeouts != 0 || r.logs.FilterLevelExact(zap.WarnLevel).Len() != 0 {
				t.Errorf("%+v, %v", s, r.logs.All())
			}
			r.stop()
		})
	})
	t.Run("a message ends first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{end: verdictAfter(7*time.Second, nil)}, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			done := make(chan error)
			go func() { done <- shutdown(r, time.Minute) }()
			synctest.Wait()
			time.Sleep(5 * time.Second)
			m.Content(miltertest.Usual())
			m.Send('E')
			m.SetReadDeadline(time.Time{})
			if code, _, err := m.ReadPacket(); code != 'c' {
				t.Errorf("verdict %q %v", code, err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			m.Closed()
			r.stop()
		})
	})
	t.Run("a message that is given up ends too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{}, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			done := make(chan error)
			go func() { done <- shutdown(r, time.Minute) }()
			synctest.Wait()
			m.Send('A')
			if err := <-done; err != nil {
				t.Error(err)
			}
			m.Closed()
			r.stop()
		})
	})
	t.Run("what does not end is cut and reported", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ended error
			r := start(t, &fake{end: verdictAfter(time.Hour, &ended)}, Options{VerdictTimeout: 2 * time.Hour, DrainTimeout: 20 * time.Second})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			m.Send('E')
			stuck := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			stuck.Hello()
			stuck.Envelope(miltertest.Usual())
			go io.Copy(io.Discard, m.Conn)
			synctest.Wait()
			begun := time.Now()
			err := shutdown(r, time.Minute)
			var left *DrainError
			if !errors.As(err, &left) || *left != (DrainError{Connections: 2, Messages: 2}) {
				t.Errorf("%v", err)
			}
			if took := time.Since(begun); took != 20*time.Second || !errors.Is(ended, context.Canceled) {
				t.Errorf("after %v, %v", took, ended)
			}
			if s := r.Counts(); s.Open != 0 || s.Busy != 0 || s.Forced != 2 || s.Listening != 0 || s.Sessions != 2 {
				t.Errorf("%+v", s)
			}
			if err := shutdown(r, time.Second); err != nil {
				t.Errorf("second Shutdown: %v", err)
			}
			r.stop()
		})
	})
	t.Run("Serve after Shutdown", func(t *testing.T) {
		r := start(t, &fake{}, Options{})
		r.stop()
		p := miltertest.NewListener()
		if err := r.Serve(p, ""); err != ErrServerClosed {
			t.Error(err)
		}
		if _, err := p.Accept(); err == nil {
			t.Error("the listener is still open")
		}
	})
}
