package service

import (
	"syscall"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

// What the service needs file descriptors for.
const (
	// filesInFlight are those of one DNS question at most.
	filesInFlight = 2
	// filesReserved are kept for everything else: listeners, requests over the control
	// socket, the metrics, connections to resolvers over TCP and TLS, files that are
	// read or written, and Go itself.
	filesReserved = 100
)

// filesNeeded returns how many descriptors a configuration needs at most.
func filesNeeded(c *config.Config) int {
	return c.Limits.Connections + filesInFlight*c.DNS.MaxInFlight + filesReserved
}

// fileLimit returns how many descriptors this process may have. Go has raised the soft
// limit to the hard one when the process began.
func fileLimit() int {
	const most = 1 << 30 // the limit may be infinite
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return most
	}
	return int(min(uint64(r.Cur), most))
}

// fitFiles lowers limits.connections and dns.max_in_flight in the same proportion if
// the process may not have as many descriptors as they need. Otherwise lookups would
// fail while mail comes in fast, and the log could not be opened again.
func (d *daemon) fitFiles(c *config.Config, limit int) {
	needed := filesNeeded(c)
	if needed <= limit {
		return
	}
	part := float64(max(limit-filesReserved, 0)) / float64(needed-filesReserved)
	c.Limits.Connections = max(1, int(part*float64(c.Limits.Connections)))
	c.DNS.MaxInFlight = max(1, int(part*float64(c.DNS.MaxInFlight)))
	d.log.Warn("too few open files are allowed for limits.connections and dns.max_in_flight, which are lowered; set LimitNOFILE= in the unit, or ulimit -n, to the number needed",
		zap.Int("files", limit), zap.Int("needed", needed), zap.Int("connections", c.Limits.Connections), zap.Int("max_in_flight", c.DNS.MaxInFlight))
}
