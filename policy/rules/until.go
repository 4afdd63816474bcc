package rules

import (
	"time"

	"github.com/postvet/postvet/policy/addrlist"
)

// at puts the lists in force that hold at a time. Rules and overrides of authors are
// compared with it where they are applied.
func (r *Rules) at(t time.Time) {
	for _, list := range []**addrlist.List{
		&r.Trust.Forwarders, &r.Trust.Sealers,
		&r.Modes.MonitorDomains, &r.Modes.EnforceDomains, &r.Modes.MonitorRecipients,
		&r.Local.OwnDomains, &r.Local.SigningDomains,
	} {
		*list = (*list).At(t)
	}
}

// ended reports whether a setting that ends at until has ended at a time.
func ended(until, t time.Time) bool { return !until.IsZero() && !t.Before(until) }
