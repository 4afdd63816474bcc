package service

import (
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// level returns the active log level.
func (d *daemon) level() control.LogLevel {
	s := d.state.Load()
	return control.LogLevel{Level: d.log.level.Level().String(), Configured: s.config.Log.Level, Until: s.levelUntil}
}

// setLevel sets the log level. After duration the configured level returns,
// unless duration is 0.
func (d *daemon) setLevel(level string, duration time.Duration) {
	d.log.setLevel(level)
	d.levelEnds = nil
	var until *time.Time
	if duration > 0 {
		end := time.Now().Add(duration)
		until, d.levelEnds = &end, time.After(duration)
	}
	d.update(func(s *state) { s.levelUntil = until })
}

// endLevel returns to the configured log level.
func (d *daemon) endLevel() {
	level := d.config().Log.Level
	d.setLevel(level, 0)
	d.log.Info("the configured log level is in force again", zap.String("log_level", level))
}
