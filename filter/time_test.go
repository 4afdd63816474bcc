package filter

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/policy/result"

	"go.uber.org/zap"
)

// The tests of this file run on the clock of a bubble: hours pass at once, and
// times are exact.

// verdictAfter makes Finish take a while, or until its context ends.
func verdictAfter(d time.Duration, ended *error) func(context.Context) *result.Results {
	return func(ctx context.Context) *result.Results {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			if ended != nil {
				*ended = ctx.Err()
			}
		}
		return &result.Results{}
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
				f := &fake{finish: verdictAfter(tt.takes, &ended), verdict: result.Verdict{Remove: refs("A#1")}}
				r := start(t, f, Options{})
				m := connectMTA(t, r.dial, offerAll)
				m.hello()
				m.envelope(usual)
				m.content(usual)
				begun := time.Now()
				m.send('E')
				m.SetReadDeadline(time.Time{})
				var codes []byte
				for len(codes) == 0 || codes[len(codes)-1] != 'c' {
					c, _, err := m.try()
					if err != nil {
						t.Fatal(err)
					}
					codes = append(codes, c)
				}
				if string(codes) != "mc" || m.progress != tt.want && m.progress != tt.want+1 {
					t.Errorf("replies %q, %d progress packets, want %d", codes, m.progress, tt.want)
				}
				if s := r.Stats(); s.Progress != int64(m.progress) || s.Listening != 1 {
					t.Errorf("%+v", s)
				}
				took := time.Since(begun)
				if want := min(tt.takes, time.Minute); took != want {
					t.Errorf("took %v, want %v", took, want)
				}
				if tt.timeout != errors.Is(ended, context.DeadlineExceeded) {
					t.Errorf("context ended with %v", ended)
				}
				if d := r.decision(); d.Took != took {
					t.Errorf("Took %v, want %v", d.Took, took)
				}
				// After the verdict there is none.
				n := m.progress
				m.SetReadDeadline(time.Now().Add(time.Minute))
				if _, _, err := m.try(); !errors.Is(err, context.DeadlineExceeded) && err == nil || m.progress != n {
					t.Errorf("after the verdict: %v, %d progress packets", err, m.progress-n)
				}
				m.Close()
				r.stop()
			})
		})
	}
}

// An evaluation that ignores its deadline does not hold the MTA for ever, and
// does not hold Shutdown.
func TestStuckEvaluation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := start(t, &fake{finish: func(context.Context) *result.Results { <-release; return nil }}, Options{})
		m := connectMTA(t, r.dial, offerAll)
		m.hello()
		m.envelope(usual)
		m.send('E')
		m.SetReadDeadline(time.Now().Add(300 * time.Second)) // Postfix's content timeout
		if _, _, err := m.try(); err == nil || m.progress < 20 || m.progress > 25 {
			t.Errorf("%v after %d progress packets", err, m.progress)
		}
		begun := time.Now()
		if err := shutdown(r, time.Second); err == nil || time.Since(begun) > 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		close(release)
		synctest.Wait()
		if d := <-r.decisions; d.Verdict.Action != result.TempFail || d.Err == nil {
			t.Errorf("%+v", d)
		}
		r.stop()
	})
}

// An MTA that gave up is noticed when a progress packet cannot be sent.
func TestProgressToNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended error
		f := &fake{finish: verdictAfter(time.Hour, &ended)}
		r := start(t, f, Options{})
		m := connectMTA(t, r.dial, offerAll)
		m.hello()
		m.envelope(usual)
		m.content(usual)
		begun := time.Now()
		m.send('E')
		time.Sleep(time.Second)
		m.Close()
		d := r.decision()
		if !errors.Is(ended, context.Canceled) || time.Since(begun) != 3*time.Second {
			t.Errorf("context ended with %v after %v", ended, time.Since(begun))
		}
		if d.Err == nil || r.Stats().Undelivered != 1 {
			t.Errorf("%v %+v", d.Err, r.Stats())
		}
		r.stop()
	})
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		play  func(*mta)
		after time.Duration
		warns int
	}{
		{"no offer", func(m *mta) {}, 30 * time.Second, 1},
		{"half an offer", func(m *mta) { m.Write([]byte{0, 0, 0, 13, 'O', 0}) }, 60 * time.Second, 1},
		{"half a length", func(m *mta) { m.negotiate(offerAll); m.Write([]byte{0, 0}) }, 60 * time.Second, 1},
		{"half a body", func(m *mta) {
			m.negotiate(offerAll)
			m.hello()
			m.envelope(usual)
			m.Write(pkt('B', make([]byte, 60000))[:30000])
		}, 60 * time.Second, 1},
		{"a trickle", func(m *mta) {
			m.negotiate(offerAll)
			m.Write([]byte{0, 0, 1, 0, 'H'})
			for range 20 {
				time.Sleep(2500 * time.Millisecond)
				m.Write([]byte{'x'})
			}
		}, 10 * time.Second, 1},
		{"idle", func(m *mta) { m.negotiate(offerAll); m.hello() }, 2 * time.Hour, 0},
		{"idle inside a message", func(m *mta) { m.negotiate(offerAll); m.hello(); m.envelope(usual) }, 2 * time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				r := start(t, f, Options{})
				m := newMTA(t, r.dial)
				tt.play(m)
				m.SetDeadline(time.Time{})
				begun := time.Now()
				_, err := io.Copy(io.Discard, m)
				if took := time.Since(begun); took != tt.after {
					t.Errorf("closed after %v, want %v (%v)", took, tt.after, err)
				}
				synctest.Wait()
				if s := r.Stats(); s.Timeouts != 1 || s.ProtocolErrors != 0 || s.Open != 0 || s.Busy != 0 {
					t.Errorf("%+v", s)
				}
				if n := r.logs.FilterMessageSnippet("complete a packet").Len(); n != tt.warns {
					t.Errorf("%d warnings", n)
				}
				r.stop()
			})
		})
	}
}

// An MTA that does not read its replies holds a connection for one write.
func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		r := start(t, f, Options{})
		m := connectMTA(t, r.dial, offerAll)
		m.hello()
		m.envelope(usual)
		m.send('E')
		begun := time.Now()
		d := <-r.decisions
		if took := time.Since(begun); took != 30*time.Second || d.Err == nil {
			t.Errorf("after %v: %v", took, d.Err)
		}
		synctest.Wait()
		if s := r.Stats(); s.Open != 0 || s.Undelivered != 1 {
			t.Errorf("%+v", s)
		}
		r.stop()
	})
}

func shutdown(r *rig, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return r.Shutdown(ctx)
}

func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("idle connections end at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{}, Options{})
			fresh := newMTA(t, r.dial)
			negotiated := connectMTA(t, r.dial, offerAll)
			greeted := connectMTA(t, r.dial, offerAll)
			greeted.hello()
			between := connectMTA(t, r.dial, offerAll)
			between.hello()
			between.deliver(usual)
			aborted := connectMTA(t, r.dial, offerAll)
			aborted.hello()
			aborted.envelope(usual)
			aborted.send('A')
			synctest.Wait()
			begun := time.Now()
			if err := shutdown(r, time.Minute); err != nil || time.Since(begun) != 0 {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			for _, m := range []*mta{fresh, negotiated, greeted, between, aborted} {
				m.closed()
			}
			if _, err := r.dial(); err == nil {
				t.Error("still accepting")
			}
			if s := r.Stats(); s.Timeouts != 0 || r.logs.FilterLevelExact(zap.WarnLevel).Len() != 0 {
				t.Errorf("%+v, %v", s, r.logs.All())
			}
			r.stop()
		})
	})
	t.Run("a message ends first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{finish: verdictAfter(7*time.Second, nil)}, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(usual)
			done := make(chan error)
			go func() { done <- shutdown(r, time.Minute) }()
			synctest.Wait()
			time.Sleep(5 * time.Second)
			m.content(usual)
			m.send('E')
			m.SetReadDeadline(time.Time{})
			if code, _, err := m.try(); code != 'c' {
				t.Errorf("verdict %q %v", code, err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			m.closed()
			r.stop()
		})
	})
	t.Run("a message that is given up ends too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, &fake{}, Options{})
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(usual)
			done := make(chan error)
			go func() { done <- shutdown(r, time.Minute) }()
			synctest.Wait()
			m.send('A')
			if err := <-done; err != nil {
				t.Error(err)
			}
			m.closed()
			r.stop()
		})
	})
	t.Run("what does not end is cut and reported", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ended error
			r := start(t, &fake{finish: verdictAfter(time.Hour, &ended)}, Options{VerdictTimeout: 2 * time.Hour, DrainTimeout: 20 * time.Second})
			m := connectMTA(t, r.dial, offerAll)
			m.hello()
			m.envelope(usual)
			m.send('E')
			stuck := connectMTA(t, r.dial, offerAll)
			stuck.hello()
			stuck.envelope(usual)
			go io.Copy(io.Discard, m)
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
			if s := r.Stats(); s.Open != 0 || s.Busy != 0 || s.Forced != 2 || s.Listening != 0 || s.Sessions != 2 {
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
		p := newPipes()
		if err := r.Serve(p); err != ErrServerClosed {
			t.Error(err)
		}
		if _, err := p.Accept(); err == nil {
			t.Error("the listener is still open")
		}
	})
}

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &fake{}, Options{MaxConnections: 2})
		a, b := connectMTA(t, r.dial, offerAll), connectMTA(t, r.dial, offerAll)
		third := make(chan *mta)
		go func() { third <- connectMTA(t, r.dial, offerAll) }()
		synctest.Wait()
		if s := r.Stats(); s.Open != 2 || s.Limited != 1 {
			t.Errorf("%+v", s)
		}
		a.Close()
		c := <-third
		c.hello()
		if o := c.deliver(usual); o.code != 'c' {
			t.Errorf("%q", o.code)
		}
		b.Close()
		r.stop()
	})
}

func TestMaxConnectionsShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &fake{}, Options{MaxConnections: 1})
		m := connectMTA(t, r.dial, offerAll)
		synctest.Wait() // Serve waits for a slot
		if err := shutdown(r, time.Minute); err != nil {
			t.Error(err)
		}
		m.closed()
		r.stop()
	})
}

// failing is a listener that is out of descriptors for a while.
type failing struct {
	*pipes
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.pipes.Accept()
}
