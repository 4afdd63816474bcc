package service

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
)

// rotationTick is how often the keys are looked through for what is due.
const rotationTick = 5 * time.Second

// RotationOptions returns how the keys of a configuration live. log, which may be nil, gets
// what happens to them, and what the program of sign.publish writes.
func RotationOptions(c *config.Config, source *keys.Source, r servers.Resolver, log *zap.Logger) (rotation.Options, error) {
	if log == nil {
		log = zap.NewNop()
	}
	s := &c.Sign
	ask := &servers.Servers{Resolver: r, Only: s.Rotation.NameServers}
	publisher, err := publication.New(publication.Options{
		How: s.Rotation.Publish, KeyFile: s.Rotation.PublishKey, ReadSecret: keys.ReadSecret, Addresses: ask.Addresses, Timeout: s.Rotation.PublishTimeout,
		Log: func(line string) { log.Info("the program of sign.publish says", zap.String("line", line)) },
	})
	o := KeyOptions(c)
	return rotation.Options{
		Plan: rotation.Plan{
			Every: s.Rotation.Every, Keep: s.Rotation.Keep, Revoked: s.Rotation.Revoked, Reveal: s.Rotation.Reveal != "", Publishes: publisher != nil,
		},
		States: source.States(), Dir: o.Dir, Strict: o.Strict, Ask: ask.Ask, Made: source.Renew, Publisher: publisher, RevealDir: s.Rotation.Reveal, Log: log,
	}, err
}

// rotateKeys begins to move the keys of a configuration, in place of those of the one before.
func (d *daemon) rotateKeys(c *config.Config) {
	s := d.signing.Load()
	if s == nil {
		d.rotation.Store(nil)
		d.rotating.replace(nil)
		return
	}
	log := d.log.Named("keys")
	o, err := RotationOptions(c, s.source, &d.dns, log)
	if err != nil {
		log.Warn("records of keys are not published", zap.Error(err))
	}
	keeper := rotation.New(o)
	d.rotation.Store(keeper)
	d.rotating.replace(func(ctx context.Context) { rotate(ctx, keeper, log) })
}

// rotate moves keys until the context ends. What it asks and publishes takes as long as it
// takes.
func rotate(ctx context.Context, k *rotation.Keeper, log *zap.Logger) {
	defer k.Close()
	tick := time.NewTicker(rotationTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		rotateOnce(ctx, k, log)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// rotateOnce moves keys once. A panic is a fault of this program, and ends no service.
func rotateOnce(ctx context.Context, k *rotation.Keeper, log *zap.Logger) {
	defer func() {
		if v := recover(); v != nil {
			log.Error("panic while keys were moved", zap.Any("panic", v), zap.Stack("stack"))
		}
	}()
	k.Step(ctx)
}

// stopRotation ends the moves of keys, and waits for the end for a moment: a step that does
// not end is one that can be repeated.
func (d *daemon) stopRotation() {
	d.rotation.Store(nil)
	d.rotating.stop(stopPause)
}

// keyStats returns the numbers of the keys; zero if nothing is signed.
func (d *daemon) keyStats() metrics.KeyStats {
	r := d.rotation.Load()
	if r == nil {
		return metrics.KeyStats{}
	}
	k := r.Stats()
	return metrics.KeyStats{
		Keys: k.Keys, Oldest: k.Oldest, Unpublished: k.Unpublished, NotBegun: k.NotBegun, Changed: k.Changed, Failed: k.Failed,
	}
}

// describeKeys returns the keys in the form of a status; nil if nothing is signed.
func (d *daemon) describeKeys() *control.Keys {
	r := d.rotation.Load()
	if r == nil {
		return nil
	}
	s := r.Stats()
	k := &control.Keys{ByState: map[string]int{}, Unpublished: s.Unpublished, Lost: s.Lost, NotBegun: s.NotBegun, Next: s.Next, NextAt: s.NextAt}
	for state, n := range s.Keys {
		k.ByState[string(state)] = n
	}
	return k
}
