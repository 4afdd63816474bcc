package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/foreign"
)

// serveControl opens the control socket, unless the configuration has none, and
// returns a function that closes it. The socket file is treated like that of the
// milter: a file that no process serves is replaced, one that a process serves is an
// error, and our own file is removed at the end.
func (d *daemon) serveControl(c *config.Config) (stop func(), err error) {
	path := c.ControlPath(os.Getenv("RUNTIME_DIRECTORY"))
	if path == "" {
		return func() {}, nil
	}
	o, gid := socket.Options{Mode: 0o600}, -1
	if c.Control.Group != "" {
		o = socket.Options{Mode: 0o660, Group: c.Control.Group}
	}
	l, err := socket.Listen("unix:"+path, o)
	if err == nil && o.Group != "" {
		gid, err = socket.GroupID(o.Group)
	}
	if err != nil {
		return nil, fmt.Errorf("control.socket: %w", err)
	}
	d.controlSocket = path
	s := control.NewServer(control.Options{
		Handler: d.answer, Postvet: d.opt.Build, UID: os.Geteuid(), GID: gid,
		Logger: d.log.Named("control"),
	})
	s.Start(l)
	return s.Close, nil
}

// answer carries out one request. It runs in a goroutine of the connection, and uses
// inLoop to change the state that the loop owns.
func (d *daemon) answer(ctx context.Context, peer control.Peer, q control.Request) (any, error) {
	d.logRequest(peer, q)
	switch q.Do {
	case control.DoReload:
		return d.answerReload(ctx)
	case control.DoLogLevel:
		return d.answerLevel(ctx, q)
	case control.DoCacheShow:
		return showCache(d.dns.current.Load(), q, time.Now())
	case control.DoCacheFlush:
		return flushCache(d.dns.current.Load(), q), nil
	case control.DoTrace:
		return d.answerTrace(q)
	case control.DoCacheExport:
		return d.answerExport(peer)
	case control.DoCacheLoad:
		return d.answerLoad(q)
	case control.DoCacheFetch:
		return d.answerFetch(ctx, q)
	case control.DoHistory, control.DoExplain, control.DoTop, control.DoJournalStatus, control.DoJournalVerify, control.DoJournalForget:
		return d.answerJournal(ctx, peer, q)
	default:
		return d.status(time.Now()), nil
	}
}

// logRequest logs a request that changes something, or shows mail.
func (d *daemon) logRequest(peer control.Peer, q control.Request) {
	switch q.Do {
	case control.DoReload, control.DoCacheFlush, control.DoCacheExport, control.DoCacheLoad, control.DoCacheFetch, control.DoTrace, control.DoJournalForget:
	default:
		if q.Level == "" {
			return
		}
	}
	fields := []zap.Field{zap.String("do", q.Do)}
	if q.Name != "" {
		fields = append(fields, zap.String("name", foreign.Terminal(q.Name, foreign.Whole)))
	}
	if q.Source != "" {
		fields = append(fields, zap.String("source", foreign.Terminal(q.Source, foreign.Whole)))
	}
	if q.Level != "" { // the key "level" is that of the line
		fields = append(fields, zap.String("log_level", foreign.Terminal(q.Level, foreign.Whole)))
	}
	if peer.UID < 0 { // a user of the web page
		d.log.Info("web request", append(fields, zap.String("user", foreign.Terminal(peer.Web, foreign.Whole)), zap.String("address", peer.Address))...)
		return
	}
	d.log.Info("control request", append(fields, zap.Int("uid", peer.UID), zap.Int("pid", peer.PID))...)
}

// inLoop runs f in the loop and returns when it has run.
func (d *daemon) inLoop(ctx context.Context, f func()) error {
	done := make(chan struct{})
	call := func() {
		defer close(done)
		f()
	}
	select {
	case d.calls <- call:
		<-done
		return nil
	case <-ctx.Done():
		return errStopping
	}
}

func (d *daemon) answerReload(ctx context.Context) (any, error) {
	reply := make(chan reloaded, 1)
	if err := d.inLoop(ctx, func() { d.requestReload(reply) }); err != nil {
		return nil, err
	}
	select {
	case r := <-reply:
		if r.err != nil {
			return nil, refusal(r.err)
		}
		return control.Reload{File: d.opt.File, Changes: r.changes, NeedsRestart: d.state.Load().needsRestart}, nil
	case <-ctx.Done():
		return nil, errStopping
	}
}

// refusal returns the answer about a reload that failed. Its code distinguishes a
// configuration with faults from one that cannot be read.
func refusal(err error) error {
	if errors.Is(err, errStopping) {
		return err
	}
	r := &control.Refusal{Code: control.CodeFailed, Errors: linesOf(err)}
	if faults := config.Errors(nil); errors.As(err, &faults) {
		r.Code = control.CodeRefused
	}
	return r
}

func (d *daemon) answerLevel(ctx context.Context, q control.Request) (any, error) {
	if q.Level == "" {
		return d.level(), nil
	}
	if !slices.Contains(config.LogLevels(), q.Level) {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{"there is no such level; write debug, info, warn or error"}}
	}
	if err := d.inLoop(ctx, func() { d.setLevel(q.Level, time.Duration(q.For)*time.Second) }); err != nil {
		return nil, err
	}
	return d.level(), nil
}
