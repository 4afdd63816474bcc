package inspect

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// Senders is who may really send by the SPF record, with all that it includes.
type Senders struct {
	// Known is false if there is no record, or none that can be evaluated.
	Known bool `json:"known"`
	// IPv4 and IPv6 are ranges, "192.0.2.0/24" or "192.0.2.1-192.0.2.5", those of IPv6
	// in whole networks of 64 bits; Omitted is how many more there are.
	IPv4    []string `json:"ipv4"`
	IPv6    []string `json:"ipv6"`
	Omitted int      `json:"omitted"`
	// Addresses is the number of IPv4 addresses and Share their share of all, from 0 to
	// 1; Networks is the number of IPv6 networks of 64 bits.
	Addresses float64 `json:"ipv4_addresses"`
	Share     float64 `json:"ipv4_share"`
	Networks  float64 `json:"ipv6_networks"`
	// Open are the terms whose senders are not known: they depend on the message, or
	// could not be looked up.
	Open []string `json:"open"`
	// Shared are the providers that send for many others too.
	Shared []Shared `json:"shared"`
}

// maxRanges bounds the ranges of a family that are shown, maxOpen the terms.
const (
	maxRanges = 200
	maxOpen   = 20
)

func newSenders() Senders {
	return Senders{IPv4: []string{}, IPv6: []string{}, Open: []string{}, Shared: []Shared{}}
}

// findSenders sets who may send.
func (s *SPF) findSenders(tree *spf.Tree) {
	found := tree.Senders()
	w := newSenders()
	w.Known = true
	w.Addresses, w.Networks = found.Addresses, found.Networks
	w.Share = found.Addresses / (1 << 32)
	for _, r := range found.IPv4[:min(len(found.IPv4), maxRanges)] {
		w.IPv4 = append(w.IPv4, rangeText(r))
	}
	for _, r := range found.IPv6[:min(len(found.IPv6), maxRanges)] {
		w.IPv6 = append(w.IPv6, rangeText(r))
	}
	w.Omitted = len(found.IPv4) - len(w.IPv4) + len(found.IPv6) - len(w.IPv6)
	for _, text := range found.Open[:min(len(found.Open), maxOpen)] {
		w.Open = append(w.Open, foreign.Line(text, advice.MaxText))
	}
	w.Shared = shared(w.Shared, tree.Root, 0)
	s.Senders = w
	if len(w.Shared) > 0 && !s.open {
		s.Findings.Note(sharedNote(w.Shared, s.domain),
			"sign at each of them with a key of "+s.domain+", and have each confirm that the domain is yours alone; a provider whose MAIL FROM is a name below "+s.domain+" needs no include here")
	}
}

// sharedNote says what it means that providers send for many customers.
func sharedNote(list []Shared, domain string) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Provider)
	}
	subject := strings.Join(names, ", ") + " sends"
	if len(names) > 1 {
		subject = strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " send"
	}
	return subject + " for many customers from the same addresses: a pass of SPF says that some customer sent the mail, and only the provider's own check keeps others from using " + domain
}

// rangeText returns a range as a network if it is one, as an address, or as its two ends.
func rangeText(r spf.Range) string {
	if r.First == r.Last {
		return r.First.String()
	}
	for bits := r.First.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(r.First, bits)
		if p.Masked().Addr() != r.First {
			break
		}
		if lastOf(p) == r.Last {
			return p.String()
		}
	}
	return r.First.String() + "-" + r.Last.String()
}

// lastOf returns the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// summary returns the numbers of the senders in words.
func (w *Senders) summary() string {
	var parts []string
	if w.Addresses > 0 {
		parts = append(parts, fmt.Sprintf("%s (%s)", counted(w.Addresses, "IPv4 address", "es"), shareText(w.Share)))
	}
	if w.Networks > 0 {
		parts = append(parts, counted(w.Networks, "IPv6 network", "s")+" of /64")
	}
	switch {
	case len(parts) == 0 && len(w.Open) == 0:
		return "nobody"
	case len(parts) == 0:
		return "no address that can be named"
	}
	return strings.Join(parts, ", ")
}

// counted returns a number with its noun.
func counted(n float64, noun, plural string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + plural
}

// grouped returns a number with its digits in groups of three, and a large one as a power
// of ten.
func grouped(n float64) string {
	if n >= 1e15 {
		return fmt.Sprintf("%.1e", n)
	}
	digits := strconv.FormatInt(int64(n), 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// shareText returns a share of all IPv4 addresses in percent.
func shareText(share float64) string {
	switch p := 100 * share; {
	case share == 1:
		return "all"
	case p < 0.0001:
		return "less than 0.0001 %"
	case p > 99:
		return "more than 99 %"
	default:
		return fmt.Sprintf("%.2g %%", p)
	}
}
