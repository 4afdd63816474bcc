package service

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter/socket"
)

// newMetrics begins to count. It costs little, so it is done whether or not
// somebody may ask.
func newMetrics(c *config.Config, o Options) *metrics.Metrics {
	return metrics.New(metrics.Options{Version: o.Version, Commit: o.Commit, Rules: ruleNames(c)})
}

// ruleNames are the names of the configuration's own rules.
func ruleNames(c *config.Config) []string {
	var names []string
	for _, r := range c.RuleList() {
		names = append(names, r.Name)
	}
	return names
}

// serveMetrics opens the listener of the section metrics, if there is to be one,
// and returns what closes it.
func (d *daemon) serveMetrics(c *config.Config) (stop func(), err error) {
	if c.Metrics.Listen == "" {
		return func() {}, nil
	}
	l, err := socket.Listen(c.Metrics.Listen, socket.Options{Mode: c.Metrics.Mode, Group: c.Metrics.Group})
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	s := d.metrics.Serve(l, d.log.Named("metrics"))
	d.log.Info("metrics are served", zap.Stringer("listen", l.Addr()))
	return s.Close, nil
}
