package mtasetup

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
)

// Postvet returns what the set-up of an MTA is compared with under a configuration.
// If that does not say where to listen, the socket units in the folders do, which
// the packaged service gets its sockets from.
func Postvet(c *config.Config, unitFolders ...string) (mta.Postvet, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return mta.Postvet{}, err
	}
	p := mta.Postvet{AuthservID: id, VerdictTimeout: c.Limits.VerdictTimeout}
	if c.Policy.SPFEarly {
		p.EarlyTimeout = policy.EarlyTimeout
	}
	addresses := c.ListenAddresses()
	if passed := unitSockets(unitFolders); len(passed) > 0 && !c.IsSet("listen") {
		addresses = passed
	}
	for _, addr := range addresses {
		a, err := socket.Parse(addr)
		if err != nil {
			continue // checked when it was set
		}
		p.Listen = append(p.Listen, a.String())
		s, err := OfAddress(addr)
		inQueue := strings.HasPrefix(a.Address, postfixQueue)
		if err != nil || p.Postfix != "" && !inQueue {
			continue
		}
		if p.Sendmail == "" {
			p.Sendmail = s.Sendmail
		}
		if p.Postfix = s.Postfix; a.Network == "unix" {
			p.Postfix = a.String() // main.cf says where its chroot is
		}
	}
	return p, nil
}
