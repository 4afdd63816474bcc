package miltertest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// benchLetter is a usual message: 20 fields and a body of 10 KB.
var benchLetter = func() Letter {
	l := Letter{From: "<a@example.org>", Rcpts: []string{"<b@example.net>"}, Body: strings.Repeat(strings.Repeat("x", 70)+"\r\n", 142)}
	for i := range 20 {
		l.Fields = append(l.Fields, [2]string{fmt.Sprintf("X-Field-%d", i), " " + strings.Repeat("y", 60)})
	}
	return l
}()

// Bench sends b.N usual messages over connections in parallel. Macros come
// before each command as Postfix sends them, and the MTA's packets of one stage
// in one write.
func Bench(b *testing.B, dial Dialer) {
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		c, err := dial()
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		m := New(b, c)
		m.Queue = "4ABCDEF"
		m.Negotiate(OfferAll)
		m.Hello()
		_ = m.SetDeadline(time.Time{}) // a benchmark may take longer than Timeout
		s := &stream{MTA: m}
		for pb.Next() {
			if code := s.deliver(benchLetter); code != 'c' && code != 'a' {
				b.Errorf("verdict %q", code)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// stream is an MTA that collects what it need not wait for, as both MTAs do.
type stream struct {
	*MTA
	out []byte
}

func (s *stream) step(cmd byte, data []byte) byte {
	s.add('D', append([]byte{cmd, 'i', 0}, "4ABCDEF\x00"...))
	s.add(cmd, data)
	if !s.Awaits(cmd) {
		return 'c'
	}
	_, _ = s.Write(s.out)
	s.out = s.out[:0]
	code, _, err := s.ReadPacket()
	if err != nil {
		s.t.Error(err)
	}
	return code
}

func (s *stream) add(cmd byte, data []byte) { s.out = append(s.out, packet(cmd, data)...) }

func (s *stream) deliver(l Letter) byte {
	s.step('M', Strings(l.From))
	s.step('R', Strings(l.Rcpts[0]))
	for _, f := range l.Fields {
		s.step('L', Strings(f[0], f[1]))
	}
	s.step('N', nil)
	s.step('B', []byte(l.Body))
	return s.step('E', nil)
}
