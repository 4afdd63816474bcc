package rules

import (
	"slices"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Modes are the exceptions to Rules.Mode.
type Modes struct {
	// MonitorListeners are listeners whose mail is monitored: the MTA's daemon
	// name, or the address of our own socket as in message.Client.
	MonitorListeners []string
	// MonitorDomains and EnforceDomains are author domains whose mail is monitored
	// or enforced. A domain in both is enforced.
	MonitorDomains, EnforceDomains *addrlist.List
	// MonitorRecipients are the recipients' domains whose mail is monitored if all
	// its recipients are in them.
	MonitorRecipients *addrlist.List
}

// keyRecipients is the key of Modes.MonitorRecipients.
const keyRecipients = "policy.monitor_recipients"

// mode returns the mode for a message and, if it is Monitor, the key and the entry that
// say so. The author's domain takes precedence. Otherwise the mode is Monitor if the
// mode of all mail, the recipients or the listener say so.
func (r *Rules) mode(res *result.Results) (mode Mode, key, what string) {
	author := res.Author.Domain
	switch {
	case r.Modes.EnforceDomains.Name(author):
		return Enforce, "", ""
	case r.Modes.MonitorDomains.Name(author):
		return Monitor, "policy.monitor_domains", author
	case r.Mode == Monitor:
		return Monitor, "mode", "monitor"
	}
	if domain := r.recipientsMonitored(res); domain != "" {
		return Monitor, keyRecipients, domain
	}
	for _, l := range []string{res.Client.Listener, res.Client.Socket} {
		if l != "" && slices.Contains(r.Modes.MonitorListeners, l) {
			return Monitor, "policy.monitor_listeners", l
		}
	}
	return Enforce, "", ""
}

// monitor accepts a message that is only monitored. It never accepts one with forged
// fields that cannot be removed.
func (r *Rules) monitor(d *decision) {
	v := &d.verdict
	if v.Rule == result.RuleUnreadable {
		return
	}
	mode, key, what := r.mode(d.results)
	if d.stored.lacks.has(LacksRcptDomains) && r.restsOnRecipients(d.results, mode, key) && d.stored.doubt(Doubt{Key: keyRecipients, Facts: []string{LacksRcptDomains.String()}}) {
		if mode == Monitor {
			return
		}
		mode, key, what = Monitor, keyRecipients, ""
	}
	if mode == Monitor {
		v.Action, v.Code, v.RedirectTo, v.Monitored = result.Accept, "", "", true
		v.Overrides = append(v.Overrides, result.Override{Reason: result.ReasonLocalPolicy, By: key, Text: what})
	}
}

// restsOnRecipients reports whether another mode would follow from further recipients.
func (r *Rules) restsOnRecipients(res *result.Results, mode Mode, key string) bool {
	if mode == Monitor {
		return key == keyRecipients
	}
	return len(res.Recipients) == 0 && r.Modes.MonitorRecipients.HasNames() && !r.Modes.EnforceDomains.Name(res.Author.Domain) && !res.RecipientsIncomplete
}

// recipientsMonitored returns the domain of the first recipient if all recipients are
// monitored, otherwise "". Unknown recipients are not.
func (r *Rules) recipientsMonitored(res *result.Results) string {
	if !r.Modes.MonitorRecipients.HasNames() || res.RecipientsIncomplete {
		return ""
	}
	first := ""
	for _, addr := range res.Recipients {
		_, domain := message.SplitPath(addr)
		name, _ := message.NormalizeDomain(domain)
		if !r.Modes.MonitorRecipients.Name(name) {
			return ""
		}
		if first == "" {
			first = name
		}
	}
	return first
}

// mayMonitor reports whether a message that is not sent yet may be monitored. Its
// author and further recipients are not known.
func (r *Rules) mayMonitor(res *result.Results) bool {
	mode, _, _ := r.mode(res)
	return mode == Monitor || r.Modes.MonitorDomains.HasNames() || r.Modes.MonitorRecipients.HasNames() && len(res.Recipients) == 0
}
