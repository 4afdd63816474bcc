package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/result"
)

// hostile is the text of a sender who wants to forge a line of the log, or to take
// over the terminal of its reader.
const hostile = "x\r\n{\"level\":\"info\",\"msg\":\"message\",\"action\":\"accept\"}\n" +
	"\x1b]0;title\x07\x1b[2J\u009b31m\u202e\u2066\u2028\x00\x7f\xff\"}"

// fill sets every text within v to the hostile one, also in fields that come to it
// later.
func fill(v reflect.Value, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile + strings.Repeat("y", 5000))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth+1)
		}
	case reflect.Interface:
		if err := error(hostileError{}); reflect.TypeOf(err).AssignableTo(v.Type()) {
			v.Set(reflect.ValueOf(err))
		}
	}
}

type hostileError struct{}

func (hostileError) Error() string { return hostile }

// TestHostileLog checks that no foreign text breaks a line of the log or steers a
// terminal, whichever field it is in, both as JSON and for a person.
func TestHostileLog(t *testing.T) {
	t.Parallel()
	for name, encoder := range map[string]zapcore.Encoder{
		"json":    zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		"console": zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			srv := newServer(Options{
				Logger:    zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zap.DebugLevel)),
				OnMessage: func(Decision) { panic(hostile) },
			})
			srv.handler.Store((&fake{quiet: true}).handler())
			s, stop := hostileSession(t, srv)

			var d Decision
			fill(reflect.ValueOf(&d).Elem(), 0)
			if d.Err == nil || len(d.Results.DKIM) != 2 || !strings.HasPrefix(d.Verdict.Overrides[1].Text, hostile) {
				t.Fatalf("%+v", d)
			}
			d.Results.Faults = d.Results.Faults[:1]
			d.Verdict.Faults = d.Verdict.Faults[:1]
			d.Faults = d.Faults[:1]
			s.decision = &d
			s.VerdictSent(errors.New(hostile))                   // 3 faults, undelivered, the message, the panic of the hook
			s.guard("test", func() { panic([]string{hostile}) }) // 1
			s.Panicked(hostile)                                  // 1
			s.mail = &mail{from: hostile}
			s.Abort() // 1
			s.mail = &mail{}
			s.mail.refusal.Text = "550" // so that the end of the connection says nothing of it
			stop()

			const lines = 6 + 1 + 1 + 1
			text := strings.TrimSuffix(out.String(), "\n")
			all := strings.Split(text, "\n")
			if len(all) != lines {
				t.Errorf("%d lines, want %d", len(all), lines)
			}
			for _, line := range all {
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' || r == unicode.ReplacementChar }); i >= 0 {
					t.Errorf("%q in %.200q", line[i:i+1], line[max(0, i-50):])
				}
				if len(line) > 32<<10 {
					t.Errorf("a line of %d octets", len(line))
				}
				var v map[string]any
				if name == "json" && json.Unmarshal([]byte(line), &v) != nil {
					t.Errorf("not JSON: %s", line)
				}
			}
			if name == "json" && strings.Count(text, `"msg":"message"`) != 1 {
				t.Errorf("a line was forged:\n%s", text)
			}
		})
	}
}

// hostileSession returns a session inside a message about which the client wrote
// nothing but hostile text. No method of it is called until stop.
func hostileSession(t *testing.T, srv *Server) (s *session, stop func()) {
	t.Helper()
	l := miltertest.NewListener()
	server := milter.NewServer(zap.NewNop(), milter.Options{}, func(c *milter.Conn) milter.Session {
		s = &session{srv: srv, conn: c}
		return s
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l, hostile) }()
	m := miltertest.Connect(t, l.Dial, miltertest.OfferAll)
	m.Send('D', []byte("C"), miltertest.Strings("{daemon_name}", hostile))
	m.Command('C', miltertest.Inet(hostile, "192.0.2.1", 25))
	m.Command('H', miltertest.Strings(hostile))
	m.Send('D', []byte("M"), miltertest.Strings("i", hostile))
	m.Command('M', miltertest.Strings("<"+hostile+">"))
	if !strings.Contains(s.conn.QueueID(), "\x1b") {
		t.Fatalf("%q", s.conn.QueueID())
	}
	return s, func() {
		m.Close()
		_ = server.Shutdown(t.Context())
		<-served
	}
}

// The test above is as good as what fill reaches.
func TestFillReachesEverything(t *testing.T) {
	t.Parallel()
	var r result.Results
	fill(reflect.ValueOf(&r).Elem(), 0)
	if r.Author.Domain == "" || r.DMARC.AuthorDomain == "" || r.Claims[1].Name == "" || r.SPF[0].Domain == "" {
		t.Errorf("%+v", r)
	}
}
