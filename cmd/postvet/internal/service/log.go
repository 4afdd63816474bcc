package service

import (
	"bytes"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/logburst"
	"github.com/postvet/postvet/policy/foreign"
)

// logger is the service's log with its settings that can change at run time.
type logger struct {
	*zap.Logger
	level zap.AtomicLevel
	burst *logburst.Core
}

// newLogger returns a logger that writes to w. It logs every message without sampling
// and without places in our source, but sums up repeated warnings and errors.
func newLogger(c config.Log, w io.Writer, terminal bool) *logger {
	l := &logger{level: zap.NewAtomicLevel()}
	l.setLevel(c.Level)
	encoder := newEncoder(c.Format == "console" || c.Format == "auto" && terminal)
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(lineGuard{w})), l.level)
	l.burst = logburst.New(core, logburst.Options{Most: c.Burst, Every: c.BurstInterval})
	l.Logger = zap.New(l.burst)
	return l
}

func newEncoder(console bool) zapcore.Encoder {
	if console {
		return newTextEncoder()
	}
	return zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeLevel: zapcore.LowercaseLevelEncoder, EncodeDuration: zapcore.StringDurationEncoder,
		EncodeTime: zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00"),
	})
}

// setBurst changes how many repeated lines are written.
func (l *logger) setBurst(c config.Log) { l.burst.Set(c.Burst, c.BurstInterval) }

// setLevel sets the level. The configuration has checked the word.
func (l *logger) setLevel(word string) {
	if level, err := zapcore.ParseLevel(word); err == nil {
		l.level.SetLevel(level)
	}
}

// lineGuard makes foreign text in the log harmless: each entry stays one line, and has no
// control characters for a terminal. It relies on zap, which writes a line in one call.
type lineGuard struct{ w io.Writer }

func (g lineGuard) Write(line []byte) (int, error) {
	n := len(line)
	if text, end := bytes.CutSuffix(line, []byte{'\n'}); end && !foreign.IsPrintable(text) {
		line = []byte(foreign.Terminal(string(text), foreign.Whole) + "\n")
	}
	if _, err := g.w.Write(line); err != nil {
		return 0, err
	}
	return n, nil
}
