package service

import (
	"bytes"
	"io"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/logburst"
)

// logger is the service's log and what can be changed of it at run time.
type logger struct {
	*zap.Logger
	level zap.AtomicLevel
	burst *logburst.Core
}

// newLogger logs to w. Lines are neither sampled nor decorated with the place
// in our source: each one is an event of the administrator's mail. Only
// warnings and errors that come again and again are summed up.
func newLogger(c config.Log, w io.Writer, terminal bool) *logger {
	l := &logger{level: zap.NewAtomicLevel()}
	l.setLevel(c.Level)
	e := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeTime: zapcore.RFC3339TimeEncoder, EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	var encoder zapcore.Encoder
	if c.Format == "console" || c.Format == "auto" && terminal {
		e.EncodeTime = zapcore.TimeEncoderOfLayout(time.TimeOnly)
		e.ConsoleSeparator = " "
		encoder = zapcore.NewConsoleEncoder(e)
	} else {
		e.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00")
		encoder = zapcore.NewJSONEncoder(e)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(lineGuard{w})), l.level)
	l.burst = logburst.New(core, logburst.Options{Most: c.Burst, Every: c.BurstInterval})
	l.Logger = zap.New(l.burst)
	return l
}

// setBurst takes over how much a reload lets through.
func (l *logger) setBurst(c config.Log) { l.burst.Set(c.Burst, c.BurstInterval) }

// setLevel takes a word that the configuration has checked.
func (l *logger) setLevel(word string) {
	if level, err := zapcore.ParseLevel(word); err == nil {
		l.level.SetLevel(level)
	}
}

// lineGuard is the last guard of the log: whatever an outsider got into a line, it
// stays one line and does not steer a terminal. zap writes each line at once.
type lineGuard struct{ w io.Writer }

func (g lineGuard) Write(line []byte) (int, error) {
	n := len(line)
	if text, end := bytes.CutSuffix(line, []byte{'\n'}); end && !plain(text) {
		line = append(bytes.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return '?'
			}
			return r
		}, text), '\n')
	}
	if _, err := g.w.Write(line); err != nil {
		return 0, err
	}
	return n, nil
}

// plain reports whether a text is printable ASCII, as almost all lines are.
func plain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c >= utf8.RuneSelf || c == 0x7f {
			return false
		}
	}
	return true
}
