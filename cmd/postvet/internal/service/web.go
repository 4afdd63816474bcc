package service

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
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
	h := web.New(web.Options{
		Source: webSource{d: d, trials: newSlots(1), checks: newSlots(2), inspections: newSlots(maxInspections)}, Gate: access.SocketRights{}, Base: c.Web.Base,
		Version: d.opt.Version, Node: d.state.Load().authservID, Logger: log,
	})
	s := web.Serve(l, h, log)
	log.Info("the web page is served", zap.Stringer("listen", l.Addr()))
	return s.Close, nil
}

// webSource has what the web page shows.
type webSource struct {
	d *daemon
	// trials, checks and inspections bound what users have evaluated at once.
	trials, checks, inspections slots
}

// Ask implements web.Source.
func (s webSource) Ask(ctx context.Context, user access.User, q control.Request) (any, error) {
	return s.d.answer(ctx, control.Peer{UID: -1, Web: user.Name}, q)
}
