package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
)

// describe writes the summary and the steps.
func (r *Report) describe() {
	r.Summary = r.where() + " " + r.protection()
	r.Summary = strings.TrimSpace(r.Summary)
	if r.Domain != "" {
		r.steps()
	}
}

// groups returns the hosts with attempts, those of the same preference together.
func (r *Report) groups() (groups [][]string) {
	last, preference := "", -1
	for _, a := range r.Attempts {
		switch {
		case a.Host == last:
			continue
		case int(a.Preference) != preference:
			groups = append(groups, nil)
		}
		last, preference = a.Host, int(a.Preference)
		groups[len(groups)-1] = append(groups[len(groups)-1], a.Host)
	}
	return groups
}

// where returns where mail goes, in one sentence.
func (r *Report) where() string {
	mail := "Mail for " + r.Address
	switch r.Result {
	case NoMail:
		return mail + " cannot be delivered: " + r.Domain + " takes no mail (null MX)."
	case Unknown:
		if len(r.Attempts) > 0 {
			return "Whether mail for " + r.Address + " is delivered is not known: no host could be reached."
		}
		return "Where mail for " + r.Address + " goes is not known: the DNS did not answer."
	case Undeliverable:
		return mail + " cannot be delivered: " + r.obstacle() + "."
	}
	var parts []string
	groups := r.groups()
	for _, g := range groups[:min(len(groups), 3)] {
		part := g[0]
		if len(g) > 1 {
			part = listed(g) + " in random order"
		}
		parts = append(parts, part)
	}
	if n := len(groups) - 3; n > 0 {
		parts = append(parts, layout.Count(n, "more host"))
	}
	text := mail + " goes to " + strings.Join(parts, ", then to ")
	if unknown := r.unknown(); len(unknown) > 0 {
		text += "; where " + layout.First(unknown, 2) + " leads is not known"
	}
	return text + "."
}

// unknown returns the hosts whose addresses could not be looked up.
func (r *Report) unknown() (names []string) {
	for _, h := range r.MX.Hosts {
		if h.failed && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// listed returns at most three of several names in words.
func listed(names []string) string {
	if n := len(names); n <= 3 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return layout.First(names, 3)
}

// obstacle returns why mail cannot be delivered.
func (r *Report) obstacle() string {
	if r.MX.Outcome == dnscache.NoData && len(r.MX.Hosts) == 0 && !r.MX.answer.Bogus() {
		return r.Domain + " has neither an MX record nor an address"
	}
	for f := range r.lists().All() {
		if f.Severity == finding.Error {
			return f.Text
		}
	}
	return "no host has an address that can be reached"
}

// protection returns what protects mail on the way, in one sentence.
func (r *Report) protection() string {
	t := &r.Transport
	mailLost := r.Result == NoMail || r.Result == Undeliverable
	switch {
	case mailLost || len(r.Attempts) == 0:
		return ""
	case r.Literal != "":
		return "Nothing keeps it from being read or diverted on the way."
	case r.keptBack():
		return "Senders that check DANE or MTA-STS keep it or pass over hosts, as what is published is broken or does not fit the hosts."
	case t.DANE.State == Works:
		return "Nobody can read or divert it on the way if the sender checks DANE."
	case t.MTASTS.State == Works:
		return "Nobody can read or divert it on the way if the sender checks MTA-STS and has seen the policy before."
	case t.MTASTS.State == Unchecked && t.MTASTS.ID != "" && !r.Connected:
		return "Whether MTA-STS protects it on the way is not known, as the policy was not fetched (--connect does)."
	case t.DANE.State == Unchecked || t.MTASTS.State == Unchecked:
		return "It is not known what protects it on the way."
	case t.DANE.State == Partly:
		return "DANE protects it on the way to some hosts only."
	case t.MTASTS.State == Partly:
		return "It can be read and diverted on the way, as the MTA-STS policy is still in testing."
	}
	return "It can be read and diverted on the way, as neither DANE nor MTA-STS protects it."
}

// keptBack reports whether a host does not have what DANE or MTA-STS demands, or nobody
// can know it.
func (r *Report) keptBack() bool {
	p := r.Transport.MTASTS.Policy
	return slices.ContainsFunc(r.Connections, func(c Connection) bool { return c.kept }) ||
		slices.ContainsFunc(r.Transport.DANE.Hosts, func(h TLSA) bool { return h.DNSSEC == lookups.Bogus }) ||
		r.Transport.MTASTS.State == Broken && p != nil && p.Mode == "enforce"
}

// steps writes what a sending server does, step by step (RFC 5321 section 5.1).
func (r *Report) steps() {
	add := func(text, failure string) { r.Steps = append(r.Steps, Step{text, failure}) }
	name := "The domain behind the @ is " + r.Domain + "."
	if u := r.recipient.unicode; u != "" {
		name = "The domain is looked up by its A-labels, " + r.Domain + " (RFC 5891)."
	}
	add(name, "")
	m := &r.MX
	add(r.lookUpStep(), "If the DNS fails here, the sender keeps the mail and tries again, mostly for five days.")
	if m.Null || len(m.Hosts) == 0 {
		return
	}
	if !m.Implicit {
		add("It sorts the hosts by preference, the lowest number first, and hosts with the same number at random: "+r.order()+".",
			"A sender that finds itself among them leaves out itself and all hosts behind it.")
	}
	add(r.addressStep(), "A host without an address is passed over. If the DNS fails for all, the mail waits.")
	if len(r.Attempts) == 0 {
		return
	}
	var tries []string
	for _, a := range r.Attempts {
		if ip := a.IP.String(); !slices.Contains(tries, ip) {
			tries = append(tries, ip)
		}
	}
	add("It connects to port 25 of one address after the other: "+layout.First(tries, 8)+". Some senders try IPv4 first.",
		"A host that does not answer, or says 4xx, is passed over for the next. After the last the mail waits. A 5xx sends it back to its author at once.")
	add(r.encryptStep())
}

func (r *Report) lookUpStep() string {
	m := &r.MX
	alias := ""
	if m.Alias != "" {
		alias = r.Domain + " is an alias (CNAME) of " + m.Alias + ", whose records count. "
	}
	state := ""
	if m.DNSSEC != lookups.Undetermined {
		state = ", " + signed(m.DNSSEC)
	}
	switch {
	case m.Null:
		return alias + "It looks up the MX records: there is a null MX" + state + ", so that it sends the mail back (RFC 7505)."
	case m.Implicit:
		return alias + "It looks up the MX records: there are none" + state + ", so that the domain itself is the host (RFC 5321 section 5.1)."
	case len(m.Hosts) == 0 && !m.Outcome.Known():
		return alias + "It looks up the MX records: the lookup fails" + state + "."
	case len(m.Hosts) == 0:
		return alias + "It looks up the MX records: there are none" + state + ", and no address in their place. It sends the mail back."
	}
	return fmt.Sprintf("%sIt looks up the MX records, which hold for %s%s: %s.", alias, duration(m.TTL), state, layout.Count(m.named(), "host"))
}

// named returns how many hosts the MX records name; Hosts has those that were checked.
func (m *MX) named() int {
	n := 0
	if m.answer != nil {
		for _, x := range m.answer.MX {
			if x.Host != "" { // a null MX names none
				n++
			}
		}
	}
	return max(n, len(m.Hosts))
}

// order returns the hosts by preference.
func (r *Report) order() string {
	var parts []string
	for i, h := range r.MX.Hosts {
		if i == maxAttemptHosts {
			parts = append(parts, fmt.Sprintf("and %d more", r.MX.named()-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%d %s", h.Preference, h.Name))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) addressStep() string {
	found, without := 0, 0
	for _, h := range r.MX.Hosts {
		found += len(h.Addresses)
		if len(h.reachable()) == 0 {
			without++
		}
	}
	hosts := "the hosts"
	if len(r.MX.Hosts) == 1 {
		hosts = "the host"
	}
	text := fmt.Sprintf("It looks up the addresses of %s (A and AAAA): %s.", hosts, layout.Count(found, "address"))
	switch {
	case found == 0:
		text = fmt.Sprintf("It looks up the addresses of %s (A and AAAA), and finds none.", hosts)
	case without == len(r.MX.Hosts):
		text += " None can be reached."
	case without == 1:
		text += " 1 host has none that can be reached."
	case without > 1:
		text += fmt.Sprintf(" %d hosts have none that can be reached.", without)
	}
	return text
}

func (r *Report) encryptStep() (text, failure string) {
	text = "It asks for TLS (STARTTLS) and hands the mail over."
	t := &r.Transport
	switch {
	case t.DANE.State == Works || t.DANE.State == Partly:
		failure = "A sender that checks DANE delivers only with TLS and a key of the TLSA records; others deliver without TLS too."
	case t.MTASTS.ID != "" && t.MTASTS.State != Absent:
		failure = "A sender that checks MTA-STS does as the policy says; others deliver without TLS too."
	default:
		failure = "Without TLS, or with any certificate, the mail is delivered all the same."
	}
	return text, failure
}
