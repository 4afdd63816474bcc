package service

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter/socket"
)

// newMetrics returns the metrics. They count also if there is no listener for them, which
// costs little.
func newMetrics(c *config.Config, o Options) *metrics.Metrics {
	return metrics.New(metrics.Options{Version: o.Version, Commit: o.Commit, Rules: ruleNames(c)})
}

// ruleNames returns the names of the rules in the configuration.
func ruleNames(c *config.Config) []string {
	var names []string
	for _, r := range c.RuleList() {
		names = append(names, r.Name)
	}
	return names
}

// serveMetrics opens the listener for metrics, unless the configuration has none, and
// returns a function that closes it.
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
