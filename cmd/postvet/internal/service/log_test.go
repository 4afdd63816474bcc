package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		format string
		json   bool
	}{{"auto", true}, {"json", true}, {"console", false}} {
		var b bytes.Buffer
		l := newLogger(config.Log{Format: tc.format, Level: "warn"}, &b, false)
		l.Info("hidden")
		l.Warn("shown\nonce", zap.String("from", "a\x1b[31m\nb"))
		l.setLevel("info")
		l.Info("now")
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if strings.Contains(b.String(), "hidden") || !strings.Contains(b.String(), "now") {
			t.Errorf("%s: %q", tc.format, b.String())
		}
		var v map[string]any
		if isJSON := json.Unmarshal([]byte(lines[0]), &v) == nil; isJSON != tc.json {
			t.Errorf("%s: %q", tc.format, lines[0])
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: a field steers the terminal: %q", tc.format, b.String())
		}
	}
}

// TestLogLinesAreGuarded: a log line stays one line and harmless, whatever text is
// in whichever field, also if a library writes it.
func TestLogLinesAreGuarded(t *testing.T) {
	t.Parallel()
	const hostile = "a\r\n{\"msg\":\"message\"}\n\x1b]0;t\x07\u009b2J\u202eb\u2028\u200b\x00\x7f\xff"
	for _, format := range []string{"json", "console"} {
		var b bytes.Buffer
		l := newLogger(config.Log{Format: format, Level: "debug", Burst: 2, BurstInterval: time.Minute}, &b, false)
		lines := 0
		say := func(f zap.Field) {
			l.Warn("trouble with "+f.Key, f)
			lines++
		}
		say(zap.String("string", hostile))
		say(zap.Strings("strings", []string{hostile, hostile}))
		say(zap.ByteString("bytes", []byte(hostile)))
		say(zap.Error(errors.New(hostile)))
		say(zap.Any("any", map[string]any{hostile: []any{hostile}}))
		say(zap.Any("panic", hostile))
		say(zap.Stringer("stringer", stringer(hostile)))
		say(zap.Reflect("reflected", struct{ A string }{hostile}))
		say(zap.String(hostile, "key"))
		l.Named(hostile).Info(hostile)
		l.With(zap.String("with", hostile)).Debug("with")
		lines += 2
		std, err := zap.NewStdLogAt(l.Logger, zap.WarnLevel)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			std.Print(hostile) // two, and one for the other three
		}
		_ = l.Sync()
		lines += 3
		all := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(all) != lines {
			t.Errorf("%s: %d lines, want %d:\n%q", format, len(all), lines, all)
		}
		for _, line := range all {
			if at := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
				t.Errorf("%s: %q in %q", format, line[at:at+1], line)
			}
			var v map[string]any
			if format == "json" && (json.Unmarshal([]byte(line), &v) != nil || v["msg"] == "message") {
				t.Errorf("json: %q", line)
			}
		}
		if last := all[len(all)-1]; !strings.Contains(last, "... and 3 more in 1s") {
			t.Errorf("%s: the last line is %q", format, last)
		}
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

// TestLogIsChanged changes the log as a reload and "postvet log-level" do.
func TestLogIsChanged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := config.Log{Format: "json", Level: "info", Burst: 1, BurstInterval: time.Hour}
	l := newLogger(c, &b, false)
	l.setLevel("debug")
	l.Debug("seen")
	l.setLevel("info")
	c.Burst = 0
	l.setBurst(c)
	l.Debug("not seen")
	l.Warn("one")
	l.Warn("one")
	if got := b.String(); strings.Count(got, "seen") != 1 || strings.Count(got, `"msg":"one"`) != 2 {
		t.Error(got)
	}
}
