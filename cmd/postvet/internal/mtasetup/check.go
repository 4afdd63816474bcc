package mtasetup

import (
	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
)

// Postvet returns what the set-up of an MTA is compared with under a configuration.
func Postvet(c *config.Config) (mta.Postvet, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return mta.Postvet{}, err
	}
	p := mta.Postvet{AuthservID: id, VerdictTimeout: c.Limits.VerdictTimeout}
	if c.Policy.SPFEarly {
		p.EarlyTimeout = policy.EarlyTimeout
	}
	for _, addr := range c.ListenAddresses() {
		a, err := socket.Parse(addr)
		if err != nil {
			continue // checked when it was set
		}
		p.Listen = append(p.Listen, a.String())
		s, err := OfAddress(addr)
		if err != nil || p.Postfix != "" {
			continue
		}
		p.Postfix, p.Sendmail = s.Postfix, s.Sendmail
		if a.Network == "unix" {
			p.Postfix = a.String() // main.cf says where its chroot is
		}
	}
	return p, nil
}
