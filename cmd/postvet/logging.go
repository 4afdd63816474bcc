package main

import (
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/postvet/postvet/cmd/postvet/config"
)

// logger is the service's log and what a reload can change of it.
type logger struct {
	*zap.Logger
	level zap.AtomicLevel
}

// newLogger logs to w. Lines are neither sampled nor decorated with the place
// in our source: each one is an event of the administrator's mail.
func newLogger(c config.Log, w io.Writer) *logger {
	l := &logger{level: zap.NewAtomicLevel()}
	l.setLevel(c.Level)
	e := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeTime: zapcore.RFC3339TimeEncoder, EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	var encoder zapcore.Encoder
	if c.Format == "console" || c.Format == "auto" && isTerminal(w) {
		e.EncodeTime = zapcore.TimeEncoderOfLayout(time.TimeOnly)
		e.ConsoleSeparator = " "
		encoder = zapcore.NewConsoleEncoder(e)
	} else {
		e.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000Z07:00")
		encoder = zapcore.NewJSONEncoder(e)
	}
	l.Logger = zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), l.level))
	return l
}

// setLevel takes a word that the configuration has checked.
func (l *logger) setLevel(word string) {
	if level, err := zapcore.ParseLevel(word); err == nil {
		l.level.SetLevel(level)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
