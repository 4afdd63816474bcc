package mta

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// isExempt reports whether Postvet takes what comes from a network as it is, or reads
// the client of its mail from Received fields.
func (p Postvet) isExempt(network netip.Prefix) bool {
	exempt, _ := p.Exempt.Share(network)
	relays, _ := p.Relays.Share(network)
	return exempt >= 1 || relays >= 1
}

// everybody is the length of a prefix that holds so much of the Internet that nobody
// owns it, by its family.
func everybody(p netip.Prefix) bool {
	const v4, v6 = 4, 16
	return p.Addr().Is4() && p.Bits() <= v4 || p.Addr().Is6() && p.Bits() < v6
}

// trusted compares the hosts that the MTA relays for with those that Postvet exempts. A
// printer that has always sent through this server must not be refused. where names the
// list.
func (c *check) trusted(where string, hosts networks, handsBack bool) {
	var missing []string
	for _, n := range hosts.prefixes {
		if n.Addr().IsLoopback() {
			// The addresses that are in use. Where a filter hands mail back, loopback has
			// findings of its own.
			if n = netip.PrefixFrom(n.Addr(), n.Addr().BitLen()); n.Addr().Is4() {
				n = netip.MustParsePrefix("127.0.0.1/32")
			}
			if handsBack {
				continue
			}
		}
		switch text := networkText(n); {
		case everybody(n):
			c.Warning(where+" has "+text+": everybody may send to anywhere through this server", "list your own networks there, and nobody else's")
		case !c.postvet.isExempt(n) && !slices.Contains(missing, text):
			missing = append(missing, text)
		}
	}
	if len(missing) > 0 {
		c.Warning(fmt.Sprintf("%s has %s, and [exempt] has not: what printers, scanners and programs there send is checked like mail of strangers, and refused where the author's domain asks for that", where, some(missing)),
			"if these hosts are yours: [exempt] addresses = "+quotedList(append(slices.Clone(c.postvet.ExemptEntries), missing...)))
	}
	if len(hosts.unknown) > 0 {
		c.Warning(fmt.Sprintf("whether [exempt] has the hosts of %s in %s cannot be told", strings.Join(hosts.unknown, ", "), where), "compare them by hand: what their hosts send is checked unless [exempt] addresses has them")
	}
}

// some returns the first entries of a list.
func some(list []string) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + layout.Count(len(list)-most, "more network")
}

// quotedList returns a list as TOML has it.
func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
