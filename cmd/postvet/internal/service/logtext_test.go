package service

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// textLine returns the line of an entry for a person, without its time.
func textLine(t *testing.T, e zapcore.Entry, with []zap.Field, fields ...zap.Field) string {
	t.Helper()
	e.Time = time.Date(2026, 5, 1, 10, 15, 2, 0, time.UTC)
	var b bytes.Buffer
	core := zapcore.NewCore(newEncoder(true), zapcore.AddSync(&b), zap.DebugLevel).With(with)
	if err := core.Write(e, fields); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(b.String(), "10:15:02 ")
	line, ended := strings.CutSuffix(text, "\n")
	if !ok || !ended {
		t.Fatalf("%q", b.String())
	}
	return line
}

func TestTextOfMessage(t *testing.T) {
	t.Parallel()
	usual := func(more ...zap.Field) []zap.Field {
		return append([]zap.Field{
			zap.String("queue", "4F1ABC"), zap.String("client", "192.0.2.66"), zap.String("from", "x@evil.example"),
			zap.String("author", "bank.example"), zap.String("dmarc", "pass p=reject"), zap.String("action", "accept"),
			zap.String("code", ""), zap.String("rule", "dmarc-pass"), zap.Strings("why", nil), zap.String("exempt", ""),
			zap.Strings("removed", nil), zap.Bool("undelivered", false),
		}, more...)
	}
	for _, tt := range []struct {
		name string
		more []zap.Field
		want string
	}{
		{"accepted", nil, "4F1ABC          accept     bank.example: DMARC pass p=reject; rule dmarc-pass; client 192.0.2.66; from x@evil.example"},
		{
			"rejected",
			[]zap.Field{
				zap.String("action", "reject"), zap.String("rule", "dmarc-reject"), zap.String("code", "550 5.7.26"),
				zap.Strings("why", []string{"Nothing proves it.", "SPF fails."}), zap.Strings("removed", []string{"Authentication-Results: x"}),
			},
			"4F1ABC          reject     bank.example: Nothing proves it; rule dmarc-reject; 550 5.7.26; client 192.0.2.66; from x@evil.example",
		},
		{
			"monitored",
			[]zap.Field{zap.Strings("removed", []string{"Authentication-Results: x"}), zap.String("would", "reject"), zap.String("rule", "dmarc-reject"), zap.Strings("why", []string{"Nothing proves it."})},
			"4F1ABC          accept     bank.example: monitored, would reject; Nothing proves it; rule dmarc-reject; a forged result is removed; client 192.0.2.66; from x@evil.example",
		},
		{
			"exempt",
			[]zap.Field{zap.String("author", ""), zap.String("rule", "exempt"), zap.String("exempt", "authenticated"), zap.String("from", ""), zap.String("client", "")},
			"4F1ABC          accept     no author: not checked: authenticated; client not known; from <>",
		},
		{
			"redirected, no queue id, and the MTA is gone",
			[]zap.Field{zap.String("queue", ""), zap.String("action", "redirect"), zap.String("redirect", "abuse@test.example"), zap.Bool("undelivered", true)},
			"-               redirect   bank.example: DMARC pass p=reject; rule dmarc-pass; to abuse@test.example; client 192.0.2.66; from x@evil.example; the MTA left before the verdict",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, textLine(t, zapcore.Entry{Message: "message"}, nil, usual(tt.more...)...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextOfEvent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entry  zapcore.Entry
		with   []zap.Field
		fields []zap.Field
		want   string
	}{
		{
			zapcore.Entry{Level: zap.InfoLevel, Message: "serving"},
			nil,
			[]zap.Field{
				zap.Strings("listen", []string{"inet:127.0.0.1:8890", "unix:/a b"}), zap.Int("pid", 7), zap.String("config", ""), zap.Duration("watchdog", time.Minute),
				zap.Any("panic", errors.New("x")),
			},
			`info  serving  listen="inet:127.0.0.1:8890, unix:/a b"  pid=7  config=""  watchdog=1m0s  panic=x`,
		},
		{
			zapcore.Entry{Level: zap.WarnLevel, LoggerName: "dns", Message: "an upstream fails"},
			[]zap.Field{zap.String("b", "2"), zap.String("a", "1")},
			[]zap.Field{zap.ByteString("octets", []byte("x=y"))},
			`warn  dns: an upstream fails  a=1  b=2  octets="x=y"`,
		},
		{
			zapcore.Entry{Level: zap.ErrorLevel, Message: "message"},
			nil,
			[]zap.Field{zap.String("error", `say "no" \`)},
			`error message  error="say \"no\" \\"`,
		},
	} {
		if diff := cmp.Diff(tt.want, textLine(t, tt.entry, tt.with, tt.fields...)); diff != "" {
			t.Error(diff)
		}
	}
}

// A key or value cannot pass for another key, nor a message's text for another line.
func TestTextIsNotForged(t *testing.T) {
	t.Parallel()
	line := textLine(t, zapcore.Entry{Message: "fault"}, nil, zap.String("fault", "x  queue=4F1\n10:15:02 4F2 accept"), zap.String("a b=c", "d"))
	if want := `info  fault  fault="x  queue=4F1\n10:15:02 4F2 accept"  "a b=c"=d`; line != want {
		t.Errorf("%s\nwant\n%s", line, want)
	}
	line = textLine(t, zapcore.Entry{Message: "message"}, nil, zap.String("action", "accept"), zap.String("author", "a\nb"), zap.Strings("why", []string{"x\ny\u202e"}))
	if strings.ContainsAny(line, "\n\u202e") {
		t.Errorf("%q", line)
	}
}
