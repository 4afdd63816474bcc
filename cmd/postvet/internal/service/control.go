package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/filter/socket"
)

// serveControl opens the control socket, if there is to be one, and returns what
// closes it. The rules of a milter's socket hold: a stale file is replaced, a
// live one is an error, and at a stop the file is removed if it is still ours.
func (d *daemon) serveControl(c *config.Config) (stop func(), err error) {
	path := c.ControlPath(os.Getenv("RUNTIME_DIRECTORY"))
	if path == "" {
		return func() {}, nil
	}
	o := socket.Options{Mode: 0o600, Group: c.Control.Group}
	if o.Group != "" {
		o.Mode = 0o660
	}
	l, err := socket.Listen("unix:"+path, o)
	if err != nil {
		return nil, fmt.Errorf("control.socket: %w", err)
	}
	d.socket = path
	s := control.NewServer(control.Options{
		Handler: d.control, Postvet: d.opt.Build,
		UID: os.Geteuid(), GID: groupNumber(c.Control.Group),
		Logger: d.log.Named("control"),
	})
	s.Start(l)
	return s.Close, nil
}

// groupNumber returns -1 for a group that is not there; opening the socket has
// complained about it.
func groupNumber(name string) int {
	if n, err := strconv.Atoi(name); err == nil {
		return n
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return n
}

// control carries out one request. It runs in the connection's goroutine; what
// belongs to the main one is sent there.
func (d *daemon) control(ctx context.Context, peer control.Peer, q control.Request) (any, error) {
	if q.Do == control.DoReload || q.Do == control.DoCacheFlush || q.Level != "" {
		fields := []zap.Field{zap.String("do", q.Do)}
		if q.Name != "" {
			fields = append(fields, zap.String("name", printable(q.Name)))
		}
		if q.Level != "" { // "level" is that of the line
			fields = append(fields, zap.String("log_level", printable(q.Level)))
		}
		d.log.Info("control request", append(fields, zap.Int("uid", peer.UID), zap.Int("pid", peer.PID))...)
	}
	switch q.Do {
	case control.DoReload:
		return d.controlReload(ctx)
	case control.DoLogLevel:
		return d.controlLevel(ctx, q)
	case control.DoCacheShow:
		return control.ShowCache(d.dns.current.Load(), q, time.Now())
	case control.DoCacheFlush:
		return control.FlushCache(d.dns.current.Load(), q), nil
	default:
		return d.status(time.Now()), nil
	}
}

// inLoop has the main goroutine do something, and waits until it begins.
func (d *daemon) inLoop(ctx context.Context, order func()) error {
	select {
	case d.orders <- order:
		return nil
	case <-ctx.Done():
		return errStopping
	}
}

func (d *daemon) controlReload(ctx context.Context) (any, error) {
	reply := make(chan error, 1)
	if err := d.inLoop(ctx, func() { d.requestReload(reply) }); err != nil {
		return nil, err
	}
	select {
	case err := <-reply:
		if err != nil {
			return nil, refusal(err)
		}
	case <-ctx.Done():
		return nil, errStopping
	}
	return control.Reload{File: d.opt.File, NeedsRestart: d.standing.Load().needsRestart}, nil
}

// refusal tells a configuration with faults from one that cannot be read.
func refusal(err error) error {
	if errors.Is(err, errStopping) {
		return err
	}
	r := &control.Refusal{Code: control.CodeFailed, Errors: strings.Split(strings.TrimSuffix(err.Error(), "\n"), "\n")}
	if faults := (config.Errors)(nil); errors.As(err, &faults) {
		r.Code = control.CodeRefused
	}
	return r
}

// status is what "postvet status" shows.
func (d *daemon) status(now time.Time) control.Status {
	at, s, t := d.standing.Load(), d.server.Stats(), d.totals()
	c := at.config
	out := control.Status{
		Postvet: d.opt.Build, PID: os.Getpid(), Started: at.began, UptimeSeconds: now.Sub(at.began).Seconds(),
		State: control.StateServing, Drain: at.drain,
		Mode: c.Mode, AuthservID: at.authservID, Listeners: d.listens,
		Sessions: control.Sessions{Open: s.Open, Busy: s.Busy, Limit: d.started.Limits.Connections, Total: s.Connections},
		Messages: control.Messages{
			Total: t,
			PerMinute: control.PerMinute{
				Last1:  d.rates.Over(time.Minute, now, t),
				Last5:  d.rates.Over(5*time.Minute, now, t),
				Last15: d.rates.Over(15*time.Minute, now, t),
			},
			Aborted: s.Aborted, Undelivered: s.Undelivered, Faults: s.Panics,
			Shadowed: s.Shadowed, ShadowDiffers: s.ShadowDiffers,
		},
		Config: control.Config{File: d.opt.File, Loaded: at.loaded, LastReload: at.lastReload, NeedsRestart: at.needsRestart},
		Log:    d.level(),
	}
	out.DNS, out.Cache = control.DescribeDNS(d.dns.current.Load().Stats(), int64(c.DNS.CacheSize))
	if at.drain != nil {
		out.State = control.StateDraining
	}
	return out
}

// printable keeps what a terminal would obey out of a foreign text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
