package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/config"
)

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		format string
		json   bool
	}{{"auto", true}, {"json", true}, {"console", false}} {
		var b bytes.Buffer
		l := newLogger(config.Log{Format: tc.format, Level: "warn"}, &b)
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
