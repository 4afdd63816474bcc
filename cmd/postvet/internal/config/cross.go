package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/rules"
)

// cross compares settings that are right each by itself.
func (c *Config) cross() Errors {
	var errs Errors
	// The key that somebody set is to blame, not the default beside it.
	fault := func(name, other, problem, remedy string) {
		if !c.IsSet(name) && c.IsSet(other) {
			name = other
		}
		o := c.origin[name]
		errs = append(errs, &Error{File: o.file, Line: o.line, Key: name, Problem: problem, Remedy: remedy})
	}
	below := func(name string, a time.Duration, other string, b time.Duration) {
		fault(name, other, fmt.Sprintf("%s is %s and %s is %s", name, formatDuration(a), other, formatDuration(b)),
			"make "+name+" the smaller one")
	}
	if c.IsSet("dns.attempt_timeout") && c.DNS.AttemptTimeout > c.DNS.Timeout {
		below("dns.attempt_timeout", c.DNS.AttemptTimeout, "dns.timeout", c.DNS.Timeout)
	}
	if c.DNS.MinTTL > c.DNS.MaxTTL {
		below("dns.min_ttl", c.DNS.MinTTL, "dns.max_ttl", c.DNS.MaxTTL)
	}
	if c.Limits.MessageTimeout >= c.Limits.VerdictTimeout {
		below("limits.message_timeout", c.Limits.MessageTimeout, "limits.verdict_timeout", c.Limits.VerdictTimeout)
	}
	if c.DKIM.MinRSABits > c.DKIM.MaxRSABits {
		fault("dkim.min_rsa_bits", "dkim.max_rsa_bits",
			fmt.Sprintf("dkim.min_rsa_bits is %d and dkim.max_rsa_bits is %d", c.DKIM.MinRSABits, c.DKIM.MaxRSABits),
			"make dkim.min_rsa_bits the smaller one")
	}
	for _, d := range c.Policy.MonitorDomains.Entries {
		if slices.Contains(c.Policy.EnforceDomains.Entries, d) {
			fault("policy.monitor_domains", "policy.enforce_domains", cite(d)+" stands in policy.enforce_domains too", "remove it from one")
		}
	}
	for _, far := range [][]string{{"1.1.1.1", "100.100.100.100", "200.200.200.200"}, {"2001:db8::1", "2600::1", "2a00::1"}} {
		if !slices.ContainsFunc(far, func(ip string) bool { return !c.Trust.Relays.Set.Address(netip.MustParseAddr(ip)) }) {
			fault("trust.relays", "trust.relays", "trusts everybody", "list the relays' own addresses")
		}
	}
	idle := func(name, needs, remedy string) {
		fault(name, needs, fmt.Sprintf("%s has no effect without %s", name, needs), remedy)
	}
	if c.Policy.OnOwnDomain != rules.DemandMark && len(c.Policy.OwnDomains.Entries) == 0 {
		idle("policy.on_own_domain", "policy.own_domains", "list your domains in policy.own_domains")
	}
	if c.Policy.OnUnsigned != rules.DemandMark && len(c.Policy.SigningDomains.Entries) == 0 {
		idle("policy.on_unsigned", "policy.signing_domains", "list the domains in policy.signing_domains")
	}
	if p := c.Policy; p.SPFEarly && p.SPFFail != rules.DemandReject && p.SPFSoftfail != rules.DemandReject && p.SPFPermError != rules.DemandReject {
		idle("policy.spf_early", "policy.spf_fail", `write spf_fail = "reject"`)
	}
	seen := map[socket.Address]string{}
	for _, s := range c.Listen {
		a, err := socket.Parse(s)
		if err != nil {
			continue // judged when it was set
		}
		if first, twice := seen[a]; twice && !strings.HasSuffix(a.Address, ":0") {
			problem := cite(s) + " stands in the list twice"
			if first != s {
				problem = cite(first) + " and " + cite(s) + " are the same socket"
			}
			fault("listen", "listen", problem, "remove one")
		}
		seen[a] = s
	}
	c.crossMetrics(fault)
	c.crossControl(fault)
	return errs
}

// settle bends defaults to what was set beside them.
func (c *Config) settle() {
	if c.DNS.AttemptTimeout > c.DNS.Timeout {
		c.DNS.AttemptTimeout = c.DNS.Timeout
	}
}
