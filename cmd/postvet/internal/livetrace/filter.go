package livetrace

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Filter selects messages. The zero value selects all.
type Filter struct {
	client     netip.Prefix // invalid for all clients
	from, rcpt address
}

// ParseFilter returns a filter from the values of the flags --client, --from and
// --rcpt, each "" for all. The error names the flag.
func ParseFilter(client, from, rcpt string) (Filter, error) {
	var f Filter
	var err error
	if client != "" {
		if f.client, err = ParseClient(client); err != nil {
			return Filter{}, fmt.Errorf("--client: %w", err)
		}
	}
	if f.from, err = parseAddress(from, true); err != nil {
		return Filter{}, fmt.Errorf("--from: %w", err)
	}
	if f.rcpt, err = parseAddress(rcpt, false); err != nil {
		return Filter{}, fmt.Errorf("--rcpt: %w", err)
	}
	return f, nil
}

// ParseClient parses a client as a person names it: an address or a network.
func ParseClient(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap().WithZone("")
		return ip.Prefix(ip.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is no address; write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", s)
	}
	return p.Masked(), nil
}

// address is a domain with those below it, or the address of a mailbox.
type address struct {
	local, domain string // in lower case; local is "" for a domain
	null          bool   // the null sender
}

// parseAddress parses a domain or an address. "<>" is the null sender if that may be.
func parseAddress(s string, null bool) (address, error) {
	if s == "" {
		return address{}, nil
	}
	if null && s == "<>" {
		return address{null: true}, nil
	}
	local, domain := "", s
	if strings.Contains(s, "@") {
		local, domain = message.SplitPath(s)
	}
	name, ok := message.NormalizeDomain(domain)
	if !ok || strings.HasPrefix(s, "@") {
		return address{}, fmt.Errorf("%q is neither a domain nor an address; write one such as example.org or ann@example.org", s)
	}
	return address{local: strings.ToLower(local), domain: name}, nil
}

// isAll reports whether every address is meant.
func (a address) isAll() bool { return a.domain == "" && !a.null }

// matches reports whether a path (RFC 5321 section 4.1.2) is meant.
func (a address) matches(path string) bool {
	local, domain := message.SplitPath(path)
	return a.matchesParts(local, domain)
}

func (a address) matchesParts(local, domain string) bool {
	switch {
	case a.null:
		return local == "" && domain == ""
	case a.isAll():
		return true
	}
	name, ok := message.NormalizeDomain(domain)
	switch {
	case !ok:
		return false
	case a.local != "":
		return name == a.domain && strings.EqualFold(local, a.local)
	}
	return name == a.domain || message.Below(name, a.domain)
}

// wants reports whether messages of a client that connects may be selected.
func (f Filter) wants(ip netip.Addr) bool {
	return !f.client.IsValid() || f.client.Contains(ip)
}

// selects reports whether a message is selected: by the client that connected or that
// was evaluated, by MAIL FROM or an author, and by a recipient.
func (f Filter) selects(d *filter.Decision) bool {
	return f.selectsClient(d) && f.selectsSender(d.Results) && f.selectsRecipient(d.Results)
}

func (f Filter) selectsClient(d *filter.Decision) bool {
	if f.wants(d.Client.IP) {
		return true
	}
	ip, err := netip.ParseAddr(d.Results.Client.IP)
	return err == nil && f.client.Contains(ip)
}

func (f Filter) selectsSender(r *result.Results) bool {
	if f.from.matches(r.MailFrom) {
		return true
	}
	if f.from.null {
		return false
	}
	for _, m := range r.Author.Mailboxes {
		if f.from.matchesParts(m.Local, m.Domain) {
			return true
		}
	}
	return false
}

func (f Filter) selectsRecipient(r *result.Results) bool {
	if f.rcpt.isAll() {
		return true
	}
	for _, path := range r.Recipients {
		if f.rcpt.matches(path) {
			return true
		}
	}
	return false
}
