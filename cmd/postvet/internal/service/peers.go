package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/transfer"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter/socket"
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

// servePeers opens the listener for the peers, unless the configuration has none, and returns
// a function that closes it.
func (d *daemon) servePeers(c *config.Config) (stop func(), err error) {
	if c.Peers.Listen == "" {
		return func() {}, nil
	}
	l, err := socket.Listen(c.Peers.Listen, socket.Options{})
	if err != nil {
		return nil, fmt.Errorf("peers.listen: %w", err)
	}
	log := d.log.Named("peers")
	s := transfer.Serve(l, transfer.Options{
		Files: d.peerFiles, Names: func() []string { return d.config().Peers.Names },
		Export: func(peer string) (io.Reader, func(int64, error), error) {
			return d.export(zap.String("peer", peer))
		},
		Refused: func(string) { d.peers.refused.Add(1) }, Logger: log,
	})
	log.Info("dns answers are served to peers", zap.Stringer("listen", l.Addr()))
	if err := d.peerFiles().Check(); err != nil {
		log.Warn("dns answers cannot be served to peers, mail is not affected", zap.Error(err))
	}
	return s.Close, nil
}

// peerFiles returns by which files this machine proves who it is.
func (d *daemon) peerFiles() transfer.Files {
	p := &d.config().Peers
	return transfer.Files{Certificate: p.Certificate, Key: p.Key, CA: p.CAFile}
}

// answerExport sends a snapshot of the cache to a client of the control socket.
func (d *daemon) answerExport(peer control.Peer) (any, error) {
	from, ended, err := d.export(zap.Stringer("peer", peer))
	if err != nil {
		d.peers.refused.Add(1)
		return nil, err
	}
	return control.Snapshot(from, ended), nil
}

// answerLoad takes the snapshot that a client of the control socket sends.
func (d *daemon) answerLoad(q control.Request) (any, error) {
	f, err := d.take("the control socket", q.Body, dnscache.Origin{TrustAD: d.config().DNS.WarmTrustAD})
	if err == nil {
		d.log.Info("dns answers loaded from a peer", fetchedFields(&f)...)
		return f, nil
	}
	d.log.Warn("dns answers not loaded from a peer", zap.String("source", f.Source), zap.Error(err))
	return nil, &control.Refusal{Code: control.CodeFailed, Errors: []string{err.Error()}}
}

// answerFetch fetches a snapshot from the source of a request, or from those of
// dns.warm_from. A source that a person names has more time.
func (d *daemon) answerFetch(ctx context.Context, q control.Request) (any, error) {
	sources, most := d.config().DNS.WarmFrom, fetchTime
	if q.Source != "" {
		source, problem, remedy := config.CheckSource(q.Source)
		if problem != "" {
			return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{problem + "; " + remedy}}
		}
		sources, most = []string{source}, control.TransferTime
	}
	if len(sources) == 0 {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{"dns.warm_from names no source; name one with --from"}}
	}
	f, ok := d.fetch(ctx, sources, most)
	if !ok {
		return nil, &control.Refusal{Code: control.CodeFailed, Errors: f.Failed}
	}
	return f, nil
}

// fetchTime bounds how long a source of dns.warm_from may take.
const fetchTime = 5 * time.Second

// warm loads the answers of dns.warm_from in the background. stop ends that.
func (d *daemon) warm(c *config.Config) (stop func()) {
	if len(c.DNS.WarmFrom) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				d.log.Error("panic while dns answers were loaded", zap.Any("panic", v), zap.Stack("stack"))
			}
		}()
		d.fetch(ctx, c.DNS.WarmFrom, fetchTime)
	}()
	return func() {
		cancel()
		<-done
	}
}

// fetch loads the answers of the first source that gives any within a time, and logs in one
// line which did, or why none did.
func (d *daemon) fetch(ctx context.Context, sources []string, most time.Duration) (f control.Fetched, ok bool) {
	var why []string
	for _, source := range sources {
		f, err := d.fetchOne(ctx, source, most)
		if err == nil {
			f.Failed = why
			d.log.Info("dns answers loaded from a peer", fetchedFields(&f)...)
			return f, true
		}
		why = append(why, source+": "+err.Error())
	}
	if ctx.Err() == nil {
		d.log.Warn("no peer gave dns answers; they are looked up as mail needs them", zap.Strings("failed", why))
	}
	return control.Fetched{Failed: why}, false
}

// fetchOne loads the answers of one source.
func (d *daemon) fetchOne(ctx context.Context, source string, most time.Duration) (f control.Fetched, err error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	taken := false
	err = transfer.Fetch(ctx, source, d.peerFiles(), func(from io.Reader, asked time.Time) (err error) {
		taken = true
		f, err = d.take(source, from, dnscache.Origin{Asked: asked, TrustAD: d.config().DNS.WarmTrustAD})
		return err
	})
	if err != nil && !taken {
		d.peers.failed.Add(1)
	}
	return f, err
}

// peerStats returns the numbers of the exchange with peers for the metrics.
func (d *daemon) peerStats() metrics.PeerStats {
	p := &d.peers
	return metrics.PeerStats{
		Answers: p.answers.Load(), Loaded: p.loaded.Load(), Failed: p.failed.Load(), Sent: p.sent.Load(), Refused: p.refused.Load(),
	}
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
	case err != nil && done.Loaded == 0:
		err = fmt.Errorf("%w; none of its answers were loaded, fetch it again", err)
	case err != nil:
		err = fmt.Errorf("%w; fetch it again", err)
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
