package service

import (
	"context"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"go.uber.org/zap"
)

// controlLevel shows or sets the level.
func (d *daemon) controlLevel(ctx context.Context, q control.Request) (any, error) {
	if q.Level == "" {
		return d.level(), nil
	}
	if !slices.Contains(config.LogLevels(), q.Level) {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{"there is no such level; write debug, info, warn or error"}}
	}
	done := make(chan struct{})
	if err := d.inLoop(ctx, func() {
		defer close(done)
		d.setLevel(q.Level, time.Duration(q.For)*time.Second)
	}); err != nil {
		return nil, err
	}
	<-done
	return d.level(), nil
}

func (d *daemon) level() control.LogLevel {
	s := d.standing.Load()
	return control.LogLevel{Level: d.log.level.Level().String(), Configured: s.config.Log.Level, Until: s.levelUntil}
}

// setLevel puts a level in force; unless it is 0, that of the configuration
// returns after a time.
func (d *daemon) setLevel(level string, most time.Duration) {
	d.log.setLevel(level)
	d.levelEnds = nil
	var until *time.Time
	if most > 0 {
		end := time.Now().Add(most)
		until, d.levelEnds = &end, time.After(most)
	}
	d.change(func(s *standing) { s.levelUntil = until })
}

func (d *daemon) endLevel() {
	level := d.inForce().Log.Level
	d.setLevel(level, 0)
	d.log.Info("the configured log level is in force again", zap.String("log_level", level))
}
