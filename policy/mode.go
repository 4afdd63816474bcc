package policy

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Modes are the exceptions to Rules.Mode. Domains stand in lower-case A-labels; each
// stands for itself and all below it.
type Modes struct {
	// MonitorListeners are listeners whose mail is monitored: the MTA's daemon
	// name, or the address of our own socket as in message.Client.
	MonitorListeners []string
	// MonitorDomains and EnforceDomains are author domains whose mail is monitored
	// or enforced.
	MonitorDomains, EnforceDomains []string
	// MonitorRecipients are the recipients' domains whose mail is monitored if all
	// its recipients are in them.
	MonitorRecipients []string
}

// mode returns the mode for a message and, if that is Monitor, the key that says so
// and for what. The more specific key wins: the author's domain, and of two the
// longer; then the recipients, the listener, and what holds for all.
func (r Rules) mode(res *Results) (mode Mode, key, what string) {
	monitor, enforce := longest(r.Modes.MonitorDomains, res.Author.Domain), longest(r.Modes.EnforceDomains, res.Author.Domain)
	switch {
	case enforce != "" && len(enforce) >= len(monitor):
		return Enforce, "", ""
	case monitor != "":
		return Monitor, "policy.monitor_domains", monitor
	case r.Mode == Monitor:
		return Monitor, "mode", "monitor"
	}
	if domain := r.recipientsMonitored(res); domain != "" {
		return Monitor, "policy.monitor_recipients", domain
	}
	for _, l := range []string{res.Client.Listener, res.Client.Socket} {
		if l != "" && slices.Contains(r.Modes.MonitorListeners, l) {
			return Monitor, "policy.monitor_listeners", l
		}
	}
	return Enforce, "", ""
}

// recipientsMonitored returns the domain of the first recipient if all are in the
// list, "" if one is not, or may not be.
func (r Rules) recipientsMonitored(res *Results) string {
	if len(r.Modes.MonitorRecipients) == 0 || res.RecipientsIncomplete {
		return ""
	}
	first := ""
	for _, addr := range res.Recipients {
		_, domain := message.SplitPath(addr)
		name, _ := message.NormalizeDomain(domain)
		found := longest(r.Modes.MonitorRecipients, name)
		if found == "" {
			return ""
		}
		if first == "" {
			first = found
		}
	}
	return first
}

// longest returns the longest of the domains that name equals or is below.
func longest(domains []string, name string) string {
	found := ""
	for _, d := range domains {
		within := name == d || strings.HasSuffix(name, d) && name[len(name)-len(d)-1] == '.'
		if d != "" && within && len(d) > len(found) {
			found = d
		}
	}
	return found
}
