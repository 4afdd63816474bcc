package service

import (
	"go.uber.org/zap"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/foreign"
)

// watchLogin warns of a login that sends to unusually many recipients.
func (d *daemon) watchLogin(x *filter.Decision) {
	if x.Results.User == "" || !x.Verdict.Action.Delivers() {
		return
	}
	user := foreign.Terminal(x.Results.User, 256)
	if total, alert := d.logins.Sent(user, x.Recipients); alert {
		d.metrics.LoginAlert()
		d.log.Warn("a login sends to many recipients, its password may be stolen", zap.String("user", user),
			zap.Int("recipients", total), zap.String("queue", foreign.Terminal(x.QueueID, 256)))
	}
}
