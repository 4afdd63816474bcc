package judgement

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// ManyDomains is how many domains a client's network must fail for within an hour to be
// taken for a forger.
const ManyDomains = 3

// ManyImpersonated is of how many domains that sign all their mail a client's network must
// send unsigned mail within an hour to be taken for a forger, though it authenticates.
const ManyImpersonated = 3

// Anonymous returns whether nothing authenticates a message as anybody's: no signature is
// intact, of any domain, no SPF result is a pass, and the client's verified name is
// neither of the author's organization nor of the sender's. Somebody who authenticates can
// be named and held to it. So only mail of nobody is taken for a forgery without knowledge
// of earlier mail. It is unknown if a DNS failure or a relay hides that.
func Anonymous(res *result.Results) result.Presence {
	if res.Client.Hidden != "" || res.Client.Inside || res.Client.IP == "" || res.User != "" {
		return result.Unknown
	}
	state := opposite(akin(res, senderDomain(res)))
	if state == result.Absent {
		return state
	}
	for _, s := range res.SPF {
		switch s.Status {
		case spf.Pass:
			return result.Absent
		case spf.TempError:
			state = result.Unknown
		}
	}
	for _, d := range res.DKIM {
		switch d.Status {
		case dkim.Pass:
			return result.Absent
		case dkim.TempError:
			state = result.Unknown
		}
	}
	return state
}

// ofNobody returns a fact that counts only if nothing authenticates the message.
func ofNobody(res *result.Results, found result.Fact) result.Fact {
	switch anonymous := Anonymous(res); {
	case anonymous == result.Absent || found.State == result.Absent:
		return absent()
	case anonymous == result.Unknown:
		return unknown("it is not known whether something authenticates the message")
	}
	return found
}

// neverUnsigned finds a message without any signature of a domain that signs all its mail.
// A new host of the domain may not sign yet, nor may a new help desk or newsletter service. So
// what authenticates as somebody else counts only if it comes for several domains at a time.
func neverUnsigned(res *result.Results) result.Fact {
	for _, d := range res.DKIM {
		if ofAuthor(res, d.Domain) || sameOrganization(d.Domain, res.Author.Domain) {
			return absent()
		}
	}
	switch akin(res, "") {
	case result.Present:
		return absent()
	case result.Unknown:
		return unknown("a DNS failure hides the client's name")
	}
	f := observed(res.Observed.SignsAll)
	if f.State != result.Present {
		return f
	}
	if f.Text == "" {
		f.Text = foreign.Line(res.Author.Domain, 100) + " signs all its mail, and this has no signature of it"
	}
	if n := res.Observed.ImpersonatedDomains; n >= ManyImpersonated && Anonymous(res) == result.Absent {
		f.Text += fmt.Sprintf("; the client's network sent such mail of %d domains within the hour", n)
		return f
	}
	return ofNobody(res, f)
}

// forbidden finds a client that the sender's domain forbids to send. The sender is MAIL
// FROM, or the HELO name for the null sender.
func forbidden(res *result.Results) result.Fact {
	s, ok := res.EnvelopeSPF()
	if !ok || s.Status != spf.Fail {
		return absent()
	}
	return ofNobody(res, present(fmt.Sprintf("%s forbids %s to send its mail", foreign.Line(s.Domain, 100), res.Client.IP)))
}

// nameless finds a client without a name of its own.
func nameless(res *result.Results) result.Fact {
	return ofNobody(res, unnamed(res))
}

func unnamed(res *result.Results) result.Fact {
	c := res.Client
	name, ok := message.NormalizeDomain(c.Helo)
	switch {
	case !ok || !strings.Contains(name, ".") || isAddress(name):
		return present(fmt.Sprintf("the client's HELO %q is no name", foreign.Line(c.Helo, 60)))
	case c.PTR != "" && spellsAddress(c.PTR, c.IP):
		return present("the client's name " + foreign.Line(c.PTR, 100) + " only spells its address")
	case c.PTR != "":
		return absent()
	case res.IPRev.Status == iprev.TempError:
		return unknown("a DNS failure hides the client's name")
	}
	return present("the client " + c.IP + " has no verified name")
}

// isAddress reports whether a HELO without brackets is an address.
func isAddress(helo string) bool {
	_, err := netip.ParseAddr(helo)
	return err == nil
}

// spellsAddress reports whether a name is made of the octets of an IPv4 address, as
// providers name the lines of their customers: 4-3-2-1.pool.example.
func spellsAddress(name, ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil || !a.Unmap().Is4() {
		return false
	}
	o := a.Unmap().As4()
	if strings.Contains(name, fmt.Sprintf("%02x%02x%02x%02x", o[0], o[1], o[2], o[3])) {
		return true
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' })
	for i := range o {
		if !contains(parts, o[i]) {
			return false
		}
	}
	return len(parts) >= len(o)
}

// contains reports whether one of the numbers is an octet, with leading zeros or without.
func contains(parts []string, octet byte) bool {
	for _, p := range parts {
		if strings.TrimLeft(p, "0") == strings.TrimLeft(fmt.Sprint(octet), "0") && len(p) <= 3 {
			return true
		}
	}
	return false
}

// strangers finds a message whose author, sender and client have nothing to do with each
// other. The null sender names nobody, so it is no stranger.
func strangers(res *result.Results) result.Fact {
	domain := senderDomain(res)
	if domain == "" || ofAuthor(res, domain) || sameOrganization(domain, res.Author.Domain) {
		return absent()
	}
	return ofNobody(res, present(fmt.Sprintf("the author's domain %s, the sender's %s and the client %s are strangers to each other",
		foreign.Line(res.Author.Domain, 80), foreign.Line(domain, 80), res.Client.IP)))
}

// akin returns whether the client's verified name is of the author's organization, such as
// a new host that an SPF record does not list yet, or of that of a sender.
func akin(res *result.Results, sender string) result.Presence {
	name := res.Client.PTR
	switch {
	case name == "" && res.IPRev.Status == iprev.TempError:
		return result.Unknown
	case name == "":
		return result.Absent
	case sameOrganization(name, res.Author.Domain), res.DMARC.OrganizationalDomain != "" && message.Below(name, res.DMARC.OrganizationalDomain), sameOrganization(name, sender):
		return result.Present
	}
	return result.Absent
}

// opposite returns the state of what another fact excludes.
func opposite(p result.Presence) result.Presence {
	switch p {
	case result.Present:
		return result.Absent
	case result.Absent:
		return result.Present
	}
	return result.Unknown
}

// manyDomains finds a client that fails for many domains.
func manyDomains(res *result.Results) result.Fact {
	n := res.Observed.FailedDomains
	switch {
	case n == 0:
		return unknown("nobody counts for how many domains the client fails")
	case n < ManyDomains:
		return absent()
	}
	return ofNobody(res, present(fmt.Sprintf("the client's network failed for %d domains that ask for reject within the hour", n)))
}

// senderDomain returns the domain of MAIL FROM; "" for the null sender.
func senderDomain(res *result.Results) string {
	_, domain := message.SplitPath(res.MailFrom)
	name, _ := message.NormalizeDomain(domain)
	return name
}

// sameOrganization reports whether two names are below the same domain that somebody
// registered, by the public suffix list. The tree walk of RFC 9989 would cost lookups, and
// these names decide nothing but where a message waits.
func sameOrganization(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	x, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	y, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && x == y
}
