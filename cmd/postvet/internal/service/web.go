package service

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/filter/socket"
)

// serveWeb opens the listener of the web page, unless the configuration has none, and returns
// a function that closes it.
func (d *daemon) serveWeb(c *config.Config) (stop func(), err error) {
	if c.Web.Listen == "" {
		return func() {}, nil
	}
	l, err := socket.Listen(c.Web.Listen, socket.Options{Mode: c.Web.Mode, Group: c.Web.Group})
	if err != nil {
		return nil, fmt.Errorf("web.listen: %w", err)
	}
	log := d.log.Named("web")
	certificate, err := webCertificate(c, log)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	gate := access.New(c.Web.Access(c.Web.IsUnix(), certificate != nil))
	if dsn := c.Journal.Postgres; dsn != "" {
		d.webDatabase = postgres.NewPool(dsn)
	}
	source := webSource{d: d, trials: newSlots(1), checks: newSlots(2), inspections: newSlots(maxInspections), readings: newReadings()}
	h := web.New(web.Options{
		Source: source, Live: d.live, Gate: gate, Base: c.Web.Base,
		Version: d.opt.Version, Node: d.state.Load().authservID, Logger: log,
	})
	d.webGate.Store(gate)
	d.metrics.WatchWeb(func() metrics.WebStats { return metrics.WebStats(h.Counts()) })
	s := web.Serve(l, h, certificate, log)
	log.Info("the web page is served", zap.Stringer("listen", l.Addr()))
	return func() {
		s.Close()
		source.readings.stop()
		d.webDatabase.Close()
	}, nil
}

// webCertificate returns the certificate of the web page, nil if it speaks no TLS.
func webCertificate(c *config.Config, log *zap.Logger) (*web.Certificate, error) {
	if c.Web.TLSCert == "" {
		return nil, nil
	}
	certificate, err := web.NewCertificate(c.Web.TLSCert, c.Web.TLSKey, log)
	if err != nil {
		return nil, fmt.Errorf("web.tls_cert and web.tls_key: %w; name a certificate and its key, in PEM, that the service's user can read", err)
	}
	return certificate, nil
}

// changeWeb lets the users of a new configuration in. The listener does not change. The file of
// the DSN may have changed.
func (d *daemon) changeWeb(c *config.Config) {
	d.webDatabase.Reset()
	if gate := d.webGate.Load(); gate != nil {
		w := &d.started.Web
		s := c.Web.Access(w.IsUnix(), w.TLSCert != "")
		s.Base = w.Base
		gate.Change(s)
	}
}

// webSource has what the web page shows.
type webSource struct {
	d *daemon
	// trials, checks and inspections bound what users have evaluated at once.
	trials, checks, inspections slots
	readings                    *readings
}

// Ask implements web.Source.
func (s webSource) Ask(ctx context.Context, user access.User, q control.Request) (any, error) {
	return s.d.answer(ctx, peerOf(user), q)
}

// peerOf returns who sends the requests of a user of the web page.
func peerOf(u access.User) control.Peer {
	return control.Peer{UID: -1, Web: u.Name, Address: u.Address}
}
