package patterns

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// What it takes to know something.
const (
	// Days is for how many days rows count.
	Days = 30
	// MinDays and MinPasses are for a domain: days on which its mail came from networks of
	// its own, and messages.
	MinDays   = 7
	MinPasses = 20
	// A domain signs all its mail if unsigned mail came from at most one in
	// MaxUnsignedShare of its networks and days, none of it in the last UnsignedDays days,
	// and if any mail came within StaleDays.
	MaxUnsignedShare = 50
	UnsignedDays     = 7
	StaleDays        = 14
	// ForwarderDomains and ForwarderDays are for a forwarder: registered domains whose
	// mail came through it, and days.
	ForwarderDomains = 4
	ForwarderDays    = 5
	// maxForwarders bounds the networks that are looked at, and maxDomains the domains that
	// are kept. The days of one node have at most an eighth of these.
	maxForwarders = 1 << 17
	maxDomains    = 1 << 18
)

// Domain is what is known of a domain.
type Domain struct {
	Days        int   `json:"days"`   // on which mail came from networks of its own
	Passes      int64 `json:"passes"` // messages of these
	Unsigned    int64 `json:"unsigned"`
	NetworkDays int   `json:"network_days"` // networks and days, each pair once
	// UnsignedNetworkDays are those with unsigned mail.
	UnsignedNetworkDays int  `json:"unsigned_network_days"`
	SignsAll            bool `json:"signs_all"`
	// Established is true if there was enough mail to know the domain.
	Established bool `json:"established"`

	days, unsigned uint32 // a bit for each day, today is the lowest
}

// Through is what is known of a network through which mail came that passed by signatures.
type Through struct {
	Days int
	// Domains is the number of registered domains, at most ForwarderDomains.
	Domains int

	days uint32
	seen [ForwarderDomains]uint64
}

// Known is what the rows of a month say. It never changes. A nil Known knows nothing.
type Known struct {
	domains    map[string]*Domain
	forwarders map[netip.Prefix]*Through
}

// Builder makes a Known from rows that come in the order of domains.
type Builder struct {
	today int64
	seed  maphash.Seed
	known Known
	last  string
	one   *Domain
}

// NewBuilder returns a builder for the days up to today.
func NewBuilder(today int64) *Builder {
	return &Builder{today: today, seed: maphash.MakeSeed(), known: Known{map[string]*Domain{}, map[netip.Prefix]*Through{}}}
}

// Add adds a row. Rows of the future and those that are too old do not count.
func (b *Builder) Add(r Row) {
	age := b.today - r.Day
	if age < 0 || age >= Days || r.N <= 0 {
		return
	}
	if b.one == nil || r.Org != b.last {
		b.finish()
		b.last, b.one = r.Org, &Domain{}
	}
	switch r.Kind {
	case Network:
		d := b.one
		d.Passes += r.N
		d.Unsigned += r.Unsigned
		d.NetworkDays++
		d.days |= 1 << age
		if r.Unsigned > 0 {
			d.UnsignedNetworkDays++
			d.unsigned |= 1 << age
		}
	case Forwarder:
		b.addForwarder(r, uint(age))
	}
}

func (b *Builder) addForwarder(r Row, age uint) {
	p, err := netip.ParsePrefix(r.Name)
	if err != nil {
		return
	}
	f := b.known.forwarders[p]
	if f == nil {
		if len(b.known.forwarders) >= maxForwarders && !b.displace() {
			return
		}
		f = &Through{}
		b.known.forwarders[p] = f
	}
	f.days |= 1 << age
	if h := maphash.String(b.seed, registered(r.Org)); f.Domains < len(f.seen) && !slices.Contains(f.seen[:f.Domains], h) {
		f.seen[f.Domains] = h
		f.Domains++
	}
}

// displace removes a network that handed on mail of one domain alone.
func (b *Builder) displace() bool {
	tries := 0
	for p, f := range b.known.forwarders {
		if f.Domains == 1 {
			delete(b.known.forwarders, p)
			return true
		}
		if tries++; tries == 16 {
			break
		}
	}
	return false
}

// finish keeps a domain of which there is enough mail.
func (b *Builder) finish() {
	d := b.one
	if d == nil {
		return
	}
	d.Days = bits.OnesCount32(d.days)
	d.Established = d.Days >= MinDays && d.Passes >= MinPasses
	d.SignsAll = d.Established && d.UnsignedNetworkDays*MaxUnsignedShare <= d.NetworkDays &&
		d.unsigned&(1<<UnsignedDays-1) == 0 && d.days&(1<<StaleDays-1) != 0
	if d.Days >= MinDays && (len(b.known.domains) < maxDomains || b.displaceDomain(d.Days)) {
		b.known.domains[b.last] = d
	}
}

// displaceDomain removes a domain with mail of fewer days.
func (b *Builder) displaceDomain(days int) bool {
	tries := 0
	for name, d := range b.known.domains {
		if d.Days < days {
			delete(b.known.domains, name)
			return true
		}
		if tries++; tries == 16 {
			break
		}
	}
	return false
}

// Known returns what the rows say. The builder is of no use afterwards.
func (b *Builder) Known() *Known {
	b.finish()
	for p, f := range b.known.forwarders {
		if f.Days = bits.OnesCount32(f.days); f.Days < ForwarderDays || f.Domains < ForwarderDomains {
			delete(b.known.forwarders, p)
		}
	}
	return &b.known
}

// Domain returns what is known of an organizational domain, and whether there is enough.
func (k *Known) Domain(org string) (Domain, bool) {
	if k == nil || k.domains[org] == nil {
		return Domain{}, false
	}
	return *k.domains[org], true
}

// Forwarder returns what is known of a network, and whether it is known as a forwarder.
func (k *Known) Forwarder(p netip.Prefix) (Through, bool) {
	if k == nil || k.forwarders[p] == nil {
		return Through{}, false
	}
	return *k.forwarders[p], true
}

// Size returns the number of domains and of forwarders that are known.
func (k *Known) Size() (domains, forwarders int) {
	if k == nil {
		return 0, 0
	}
	return len(k.domains), len(k.forwarders)
}

func (k *Known) has(org string) bool {
	_, ok := k.Domain(org)
	return ok
}

// Observe adds what is known about a failing message. It leaves facts unknown while no domain
// and no forwarder is known, as on a new machine.
func (k *Known) Observe(o *result.Observed, res *result.Results) {
	if domains, forwarders := k.Size(); domains+forwarders == 0 {
		return
	}
	org := res.DMARC.OrganizationalDomain
	if d, ok := k.Domain(org); ok {
		o.SignsAll.State = result.Absent
		if d.SignsAll {
			o.SignsAll = result.Fact{State: result.Present, Text: fmt.Sprintf("%s signed its mail of %d days, and this has no signature of it", foreign.Line(org, 100), d.Days)}
		}
	}
	o.Forwarder = k.forwarder(res)
}

// forwarder finds that a client is a forwarder, or that a sender authenticates as a domain
// that was known before, such as a help desk or a newsletter service.
func (k *Known) forwarder(res *result.Results) result.Fact {
	if ip, err := netip.ParseAddr(res.Client.IP); err == nil {
		p := addrlist.NetworkOf(ip)
		if f, ok := k.Forwarder(p); ok {
			return result.Fact{State: result.Present, Text: fmt.Sprintf("signed mail of at least %d domains came through %s on %d days", f.Domains, p, f.Days)}
		}
	}
	found := result.Fact{State: result.Absent}
	sender := func(domain string) {
		name, ok := message.NormalizeDomain(domain)
		if !ok || found.State == result.Present || ofAuthor(res, name) {
			return
		}
		if d, ok := k.Domain(registered(name)); ok && d.Established {
			found = result.Fact{State: result.Present, Text: fmt.Sprintf("it comes from %s, whose own mail passed on %d days", foreign.Line(name, 100), d.Days)}
		}
	}
	if s, ok := res.EnvelopeSPF(); ok && s.Status == spf.Pass {
		sender(s.Domain)
	}
	for _, s := range res.DKIM {
		if s.Status == dkim.Pass {
			sender(s.Domain)
		}
	}
	return found
}
