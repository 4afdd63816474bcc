package config

import "fmt"

// conflicts collects settings that are valid each by itself and do not go
// together.
type conflicts struct {
	config *Config
	errs   Errors
}

func (c *Config) conflicts() Errors {
	x := &conflicts{config: c}
	c.DNS.conflicts(x)
	c.Limits.conflicts(x)
	c.DKIM.conflicts(x)
	c.Policy.conflicts(x)
	c.Trust.conflicts(x)
	c.Exempt.conflicts(x)
	c.Sign.conflicts(x)
	c.Seal.conflicts(x)
	c.Journal.conflicts(x)
	c.Report.conflicts(x)
	c.Watch.conflicts(x)
	c.outboundConflicts(x)
	c.listenConflicts(x)
	c.metricsConflicts(x)
	c.controlConflicts(x)
	c.peersConflicts(x)
	c.webConflicts(x)
	return x.errs
}

// fault adds a fault of a key, or of the other key if only that was set.
func (x *conflicts) fault(name, other, problem, remedy string) {
	if !x.config.IsSet(name) && x.config.IsSet(other) {
		name = other
	}
	x.errs = append(x.errs, x.config.fault(name, problem, remedy))
}

// tooLarge adds a fault of a key that must be smaller than another.
func (x *conflicts) tooLarge(name, value, other, otherValue string) {
	x.fault(name, other, fmt.Sprintf("%s is %s and %s is %s", name, value, other, otherValue), "make "+name+" the smaller one")
}

// noEffect adds a fault of a key that does nothing unless another is set.
func (x *conflicts) noEffect(name, needs, remedy string) {
	x.fault(name, needs, fmt.Sprintf("%s has no effect without %s", name, needs), remedy)
}
