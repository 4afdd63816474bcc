package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy/rules"
)

// noteExceptions names the keys of a configuration that except mail from the mode of
// --mode. It writes nothing if there are none.
func (f *policyTestFlags) noteExceptions(notes io.Writer, c *config.Config) {
	if !f.cmd.Flags().Changed("mode") {
		return
	}
	var keys []string
	add := func(key string, set bool) {
		if set {
			keys = append(keys, "policy."+key)
		}
	}
	effect := "only monitored"
	if c.Mode == rules.Enforce {
		add("monitor_domains", c.Policy.MonitorDomains.Set.HasNames())
		add("monitor_recipients", c.Policy.MonitorRecipients.Set.HasNames())
		add("monitor_listeners", len(c.Policy.MonitorListeners) > 0)
	} else {
		add("enforce_domains", c.Policy.EnforceDomains.Set.HasNames())
		effect = "not monitored"
	}
	if len(keys) > 0 {
		fmt.Fprintf(notes, "--mode %s: mail in %s is still %s; to try without, write empty lists in the file of --rules\n", c.Mode, strings.Join(keys, ", "), effect)
	}
}
