package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
)

// peers counts and bounds the snapshots of the DNS cache that go to other machines and come
// from them.
type peers struct {
	exports atomic.Int32 // on their way
	loading atomic.Bool

	// These count since the start.
	answers, loaded, failed, sent, refused atomic.Int64
}

// maxExports bounds the snapshots that are on their way at once.
const maxExports = 4

// export returns a snapshot of the cache. ended is to be called with what became of it; peer
// says who gets it.
func (d *daemon) export(peer zap.Field) (from io.Reader, ended func(octets int64, err error), err error) {
	if d.peers.exports.Add(1) > maxExports {
		d.peers.exports.Add(-1)
		d.peers.refused.Add(1)
		return nil, nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{fmt.Sprintf("%d snapshots are on their way already; try again", maxExports)}}
	}
	began := time.Now()
	return d.dns.current.Load().Export(), func(octets int64, err error) {
		d.peers.exports.Add(-1)
		if err != nil {
			d.peers.refused.Add(1)
			d.log.Warn("dns answers not sent to a peer", peer, zap.Int64("octets", octets), zap.Error(err))
			return
		}
		d.peers.sent.Add(1)
		d.log.Info("dns answers sent to a peer", peer, zap.Int64("octets", octets), zap.Duration("took", time.Since(began)))
	}, nil
}

// answerExport sends a snapshot of the cache to a client of the control socket.
func (d *daemon) answerExport(peer control.Peer) (any, error) {
	from, ended, err := d.export(zap.Stringer("peer", peer))
	if err != nil {
		return nil, err
	}
	return control.Snapshot(from, ended), nil
}

// answerLoad takes the snapshot that a client of the control socket sends.
func (d *daemon) answerLoad(q control.Request) (any, error) {
	f, err := d.take("the control socket", q.Body, dnscache.Origin{})
	if err == nil {
		d.log.Info("dns answers loaded from a peer", fetchedFields(&f)...)
		return f, nil
	}
	d.log.Warn("dns answers not loaded from a peer", zap.String("source", f.Source), zap.Error(err))
	return nil, &control.Refusal{Code: control.CodeFailed, Errors: []string{err.Error()}}
}

// take loads a snapshot into the cache.
func (d *daemon) take(source string, from io.Reader, o dnscache.Origin) (control.Fetched, error) {
	f := control.Fetched{Source: source}
	if !d.peers.loading.CompareAndSwap(false, true) {
		return f, errors.New("another snapshot is being loaded; try again")
	}
	defer d.peers.loading.Store(false)
	done, err := d.dns.current.Load().Import(from, o)
	d.peers.answers.Add(int64(done.Loaded))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("the snapshot did not come in time; look at what sends it: %w", err)
	case err != nil:
		err = fmt.Errorf("%w; nothing more of it counts, fetch it again", err)
	}
	if err != nil {
		d.peers.failed.Add(1)
		return f, err
	}
	d.peers.loaded.Add(1)
	f.Loaded, f.Known, f.Over, f.Negative = done.Loaded, done.Known, done.Over, done.Negative
	return f, nil
}

// fetchedFields returns what was fetched for the log.
func fetchedFields(f *control.Fetched) []zap.Field {
	fields := []zap.Field{zap.String("source", f.Source), zap.Int("answers", f.Loaded), zap.Int("known", f.Known), zap.Int("over", f.Over)}
	if len(f.Failed) > 0 {
		fields = append(fields, zap.Strings("failed", f.Failed))
	}
	return fields
}
