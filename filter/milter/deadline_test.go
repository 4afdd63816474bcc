package milter

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

func TestDeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		play  func(*miltertest.MTA)
		after time.Duration
		warns int
	}{
		{"no offer", func(m *miltertest.MTA) {}, 30 * time.Second, 1},
		{"half an offer", func(m *miltertest.MTA) { m.Write([]byte{0, 0, 0, 13, 'O', 0}) }, 60 * time.Second, 1},
		{"half a length", func(m *miltertest.MTA) { m.Negotiate(miltertest.OfferAll); m.Write([]byte{0, 0}) }, 60 * time.Second, 1},
		{"half a body", func(m *miltertest.MTA) {
			m.Negotiate(miltertest.OfferAll)
			m.Hello()
			m.Envelope(miltertest.Usual())
			m.Write(miltertest.Packet('B', make([]byte, 60000))[:30000])
		}, 60 * time.Second, 1},
		{"a trickle", func(m *miltertest.MTA) {
			m.Negotiate(miltertest.OfferAll)
			m.Write([]byte{0, 0, 1, 0, 'H'})
			for range 20 {
				time.Sleep(2500 * time.Millisecond)
				m.Write([]byte{'x'})
			}
		}, 10 * time.Second, 1},
		{"idle", func(m *miltertest.MTA) { m.Negotiate(miltertest.OfferAll); m.Hello() }, 2 * time.Hour, 0},
		{"idle inside a message", func(m *miltertest.MTA) { m.Negotiate(miltertest.OfferAll); m.Hello(); m.Envelope(miltertest.Usual()) }, 2 * time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				r := start(t, f, Options{})
				m := miltertest.Dial(t, r.dial)
				tt.play(m)
				m.SetDeadline(time.Time{})
				begun := time.Now()
				_, err := io.Copy(io.Discard, m.Conn)
				if took := time.Since(begun); took != tt.after {
					t.Errorf("closed after %v, want %v (%v)", took, tt.after, err)
				}
				synctest.Wait()
				if s := r.Counts(); s.Timeouts != 1 || s.ProtocolErrors != 0 || s.Open != 0 || s.Busy != 0 {
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
		f := &fake{sent: make(chan error, 1)}
		r := start(t, f, Options{})
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		m.Envelope(miltertest.Usual())
		m.Send('E')
		begun := time.Now()
		err := <-f.sent
		if took := time.Since(begun); took != 30*time.Second || err == nil {
			t.Errorf("after %v: %v", took, err)
		}
		synctest.Wait()
		if s := r.Counts(); s.Open != 0 {
			t.Errorf("%+v", s)
		}
		r.stop()
	})
}
