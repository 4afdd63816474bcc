package mtasetup

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/policy"
)

// Postvet returns what the set-up of an MTA is compared with under a configuration.
func Postvet(c *config.Config, from Sources) (mta.Postvet, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return mta.Postvet{}, err
	}
	p := mta.Postvet{
		AuthservID: id, VerdictTimeout: c.Limits.VerdictTimeout,
		Exempt: c.Exempt.Addresses.Set, ExemptEntries: c.Exempt.Addresses.Entries, Relays: c.Trust.Relays.Set,
	}
	if c.Policy.SPFEarly {
		p.EarlyTimeout = policy.EarlyTimeout
	}
	if s := c.Sign; s.Keys != "" {
		p.Signing = &mta.Signing{Local: s.Local, Lifetime: s.Expires, SenderCounts: s.LoginsFile == "" && s.SenderMatch != config.SenderMatchOff}
	}
	sockets := from.Sockets(c)
	p.Listen, p.From = sockets.Addresses, sockets.From
	var at string
	p.Postfix, p.Sendmail, at = sockets.ofMTAs()
	if strings.HasPrefix(at, "unix:") {
		p.Postfix = at // main.cf says where its chroot is
	}
	return p, nil
}

// ForMTAs returns the sockets of a service whose file names the socket listen, or none
// if that is "", and which of them Postfix and Sendmail are told to ask.
func (s Sources) ForMTAs(listen string) (sockets Sockets, postfix, sendmail string, err error) {
	sockets = s.WithoutListen()
	if listen != "" {
		_, err = OfAddress(listen)
		units, _ := unitSockets(s.UnitFolders)
		switch {
		case err == nil:
			sockets = Sockets{[]string{listen}, "as --socket says"}.normal()
		case len(units) == 0 && len(s.Running) == 0:
			return Sockets{}, "", "", err
		}
	}
	postfix, sendmail, _ = sockets.ofMTAs()
	return sockets, postfix, sendmail, nil
}
