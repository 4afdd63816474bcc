package judgement

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Bounds of the search for earlier hops.
const (
	maxReceived = 50
	// MaxHops bounds the hosts of which SPF is asked. They share the author's record,
	// which the cache has after the first.
	MaxHops = 4
)

// Senders returns the hosts of which to ask whether the author's domain lists them: the
// client, unless SPF was asked that, and the earlier hops. A host that is listed may send
// with the null sender, or with that of a machine, such as an answer to mail or a web form.
func Senders(res *result.Results) []result.Hop {
	hops := Hops(res)
	domain, ip := hopDomain(res), clientOf(res)
	if envelope, ok := res.EnvelopeSPF(); ok && envelope.Domain == domain || domain == "" || !ip.IsValid() {
		return hops
	}
	helo, _ := message.NormalizeDomain(res.Client.Helo)
	return append([]result.Hop{{IP: ip, Helo: helo, Domain: domain}}, hops...)
}

// clientOf returns the client's address; an invalid one if it is not known.
func clientOf(res *result.Results) netip.Addr {
	ip, _ := netip.ParseAddr(res.Client.IP)
	return ip.Unmap()
}

// Hops returns the hosts that may have sent a message for its author's domain before the
// client got it, the earliest first: those that handed it to a host of another
// organization, by its Received fields. Domain of each is the one to ask SPF of. Anybody
// can write Received fields, so that a forger can invent hops. He must then know a host
// that the domain lists, and the message is held at best.
func Hops(res *result.Results) []result.Hop {
	fields := received(res.Header)
	if res.Route == result.Absent && !leadsToClient(fields, res) {
		return nil
	}
	domain := hopDomain(res)
	if domain == "" {
		return nil
	}
	var hops []result.Hop
	seen := map[netip.Addr]bool{clientOf(res): true}
	for i := len(fields) - 1; i >= 0 && len(hops) < MaxHops; i-- {
		r := message.ParseReceived(fields[i])
		ip := r.IP.Unmap()
		if r.Problem != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() || seen[ip] {
			continue
		}
		helo, _ := message.NormalizeDomain(r.Helo)
		if by := message.ReceivedBy(fields[i]); sameOrganization(helo, by) {
			continue // a step inside of one organization
		}
		seen[ip] = true
		hops = append(hops, result.Hop{IP: ip, Helo: helo, Domain: domain})
	}
	return hops
}

// Writers returns the names of the hosts that wrote Received fields, the topmost first, if one
// must be in the client's network to tell that the fields lead to the client: a gateway often
// has other names inside than outside. There are none if the names tell it already, or if
// nothing depends on it.
func Writers(res *result.Results) (names []string) {
	fields := received(res.Header)
	if leadsToClient(fields, res) || len(Hops(res)) == 0 {
		return nil
	}
	for _, f := range fields {
		if by := message.ReceivedBy(f); !slices.Contains(names, by) && len(names) < MaxHops {
			names = append(names, by)
		}
	}
	return names
}

// BearsName reports whether a hop calls itself by a name of the author's organization, which
// counts if the domain has no SPF record, see [result.Hop].
func BearsName(res *result.Results, h *result.Hop) bool {
	return h.Status == spf.None && h.IP != clientOf(res) && sameOrganization(h.Helo, res.Author.Domain)
}

// received returns the Received fields of a header, the topmost first.
func received(h message.Header) (fields []message.Field) {
	for _, f := range h {
		if f.Is("Received") && len(fields) < maxReceived {
			fields = append(fields, f)
		}
	}
	return fields
}

// leadsToClient reports whether a host of the client's organization wrote one of the
// fields. If the client or a host that wrote one has no public name, nobody can tell.
func leadsToClient(fields []message.Field, res *result.Results) bool {
	helo, _ := message.NormalizeDomain(res.Client.Helo)
	for _, f := range fields {
		by := message.ReceivedBy(f)
		if !public(by) || sameOrganization(by, res.Client.PTR) || sameOrganization(by, helo) {
			return true
		}
	}
	return len(fields) > 0 && res.Client.PTR == "" && !public(helo)
}

// public reports whether a name can be one of the public DNS.
func public(name string) bool {
	i := strings.LastIndexByte(name, '.')
	switch name[i+1:] {
	case "localdomain", "local", "localhost", "lan", "internal":
		return false
	}
	return i > 0 && !isAddress(name)
}

// hopDomain returns the domain whose SPF record says who may send: that of MAIL FROM if it
// is of the author's organization, otherwise the author's.
func hopDomain(res *result.Results) string {
	if domain := senderDomain(res); domain != "" && sameOrganization(domain, res.Author.Domain) {
		return domain
	}
	return res.Author.Domain
}

// earlierHop finds a host of the author's domain among the earlier hops.
func earlierHop(res *result.Results) result.Fact {
	if !res.HopsAsked {
		if len(Senders(res)) == 0 {
			return absent()
		}
		return unknown("the client and the earlier hops were not looked up")
	}
	hidden, client := false, clientOf(res)
	for _, h := range res.Hops {
		switch h.Status {
		case spf.Pass:
			if h.IP == client {
				return present(fmt.Sprintf("%s lists the client %s", foreign.Line(h.Domain, 100), h.IP) + envelopeOf(res))
			}
			return present(fmt.Sprintf("by its Received fields it came from %s, which %s lists (unproven)", h.IP, foreign.Line(h.Domain, 100)) + envelopeOf(res))
		case spf.None:
			if BearsName(res, &h) && h.Named != result.Absent {
				return present(fmt.Sprintf("by its Received fields it came from %s, and %s has no SPF record (unproven)", foreign.Line(h.Helo, 100), foreign.Line(h.Domain, 100)) + envelopeOf(res))
			}
		case spf.TempError:
			hidden = true
		}
	}
	if hidden {
		return unknown("a DNS failure hides whether the author's domain lists an earlier hop")
	}
	return absent()
}

// envelopeOf names the envelope of a forwarder, if it is one.
func envelopeOf(res *result.Results) string {
	local, _ := message.SplitPath(res.MailFrom)
	switch {
	case res.MailFrom == "":
		return ", with the null sender"
	case res.Marks.Forward == result.ForwardSRS:
		return ", with a sender rewritten by SRS"
	case strings.ContainsAny(local, "=+") && strings.Contains(strings.ToLower(local), "bounce"), strings.Contains(local, "="):
		return ", with a sender that names a recipient (VERP)"
	}
	return ""
}
