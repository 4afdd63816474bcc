package patterns

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Kind says what the name of a row is.
type Kind string

// The kinds. Mail from a Network passes SPF for the author's domain, or the domain has no SPF
// record and signs. A Signer is the domain of an aligned signature. Mail through a Forwarder
// passes by its signature alone. A service that sends for others looks the same.
const (
	Network   Kind = "network"
	Signer    Kind = "signer"
	Forwarder Kind = "forwarder"
)

// Row has the numbers of one name of a domain on one day.
type Row struct {
	Org  string
	Kind Kind
	Name string
	Day  int64 // since 1970
	// N is the number of messages. Those that do not pass SPF for the author's domain may be
	// replayed, and count once a day. Unsigned are those without any signature of the domain.
	N, Unsigned int64
}

// DayOf returns the day of a time.
func DayOf(at time.Time) int64 { return at.Unix() / 86400 }

// Bounds of a day. Senders choose their domains, and the subdomains of one can be
// organizational domains of their own (RFC 9989 section 4.10.2, psd=y).
const (
	// MaxRows bounds the rows.
	MaxRows = 32768
	// maxOrgs bounds the domains, and maxNew those among them that were not known before.
	maxOrgs = 8192
	maxNew  = 4096
	// maxNewOfNetwork bounds the new domains that a client's network brings, and maxNewOfWide
	// those of all networks of an IPv6 /32, which anybody can have.
	maxNewOfNetwork = 64
	maxNewOfWide    = maxNew / 4
	// maxNewBelow bounds the new organizational domains of one registered domain.
	maxNewBelow = 64
	// maxNames bounds the names of a kind for a domain.
	maxNames = 16
	// maxDays bounds the days that are not written yet.
	maxDays = 2
)

// Learner counts what passes. It is safe for concurrent use. A nil Learner learns nothing.
type Learner struct {
	mu   sync.Mutex
	days map[int64]*day
	left int64
}

type day struct {
	orgs     map[string]*org
	rows     int
	fresh    int
	networks map[netip.Prefix]int // new domains
	owners   map[string]int       // the same by registered domain
}

type org struct {
	tallies map[name]*tally
	names   [3]int
}

type name struct {
	kind    Kind
	network netip.Prefix
	domain  string
}

type tally struct {
	n, unsigned int64
	counted     bool // on this day
}

// Learn takes note of a message if it passes DMARC. known is what was learned before.
func (l *Learner) Learn(res *result.Results, known *Known) {
	if l == nil || res.Exempt != "" || res.User != "" || res.Client.Inside || res.Client.Hidden != "" || res.DMARC.Status != dmarc.Pass || res.DMARC.OrganizationalDomain == "" {
		return
	}
	ip, err := netip.ParseAddr(res.Client.IP)
	if err != nil {
		return
	}
	client := name{network: addrlist.NetworkOf(ip), kind: Forwarder}
	if res.DMARC.SPFAligned || withoutSPF(res) {
		client.kind = Network
	}
	var unsigned int64
	if !signed(res) {
		unsigned = 1
	}
	signers := make([]string, 0, 4)
	for _, s := range res.DKIM {
		if s.Status == dkim.Pass && ofAuthor(res, s.Domain) {
			signers = append(signers, s.Domain)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.dayOf(DayOf(res.Arrived))
	if d == nil {
		l.left++
		return
	}
	o := d.org(res.DMARC.OrganizationalDomain, client.network, known)
	if o == nil {
		l.left++
		return
	}
	switch t := d.tally(o, client); {
	case t == nil:
		l.left++
	case res.DMARC.SPFAligned || !t.counted:
		t.n, t.unsigned, t.counted = t.n+1, t.unsigned+unsigned, true
	}
	for _, domain := range signers {
		if t := d.tally(o, name{kind: Signer, domain: domain}); t != nil && (res.DMARC.SPFAligned || !t.counted) {
			t.n, t.counted = t.n+1, true
		}
	}
}

// withoutSPF reports whether the author's domain is that of MAIL FROM and has no SPF record,
// so that its mail passes by signatures alone.
func withoutSPF(res *result.Results) bool {
	s, ok := res.EnvelopeSPF()
	return ok && s.Status == spf.None && ofAuthor(res, s.Domain)
}

// signed reports whether a message has a signature of the author's domain, if a broken one.
func signed(res *result.Results) bool {
	for _, s := range res.DKIM {
		if ofAuthor(res, s.Domain) {
			return true
		}
	}
	return false
}

// ofAuthor reports whether a name is of the author's organization.
func ofAuthor(res *result.Results, domain string) bool {
	name, ok := message.NormalizeDomain(domain)
	return ok && message.Below(name, res.DMARC.OrganizationalDomain)
}

func (l *Learner) dayOf(at int64) *day {
	d := l.days[at]
	if d != nil || len(l.days) >= maxDays {
		return d
	}
	if l.days == nil {
		l.days = map[int64]*day{}
	}
	d = &day{orgs: map[string]*org{}, networks: map[netip.Prefix]int{}, owners: map[string]int{}}
	l.days[at] = d
	return d
}

// org returns the numbers of a domain; nil if there are too many. A domain that was known
// before always comes before those that are new.
func (d *day) org(domain string, client netip.Prefix, known *Known) *org {
	o := d.orgs[domain]
	if o != nil || len(d.orgs) >= maxOrgs {
		return o
	}
	domain = strings.Clone(domain) // a part of a header would keep all of it in memory
	if !known.has(domain) {
		wide, owner := wideOf(client), registered(domain)
		if d.fresh >= maxNew || d.networks[client] >= maxNewOfNetwork || d.networks[wide] >= maxNewOfWide || d.owners[owner] >= maxNewBelow {
			return nil
		}
		d.fresh++
		d.networks[client]++
		d.owners[owner]++
		if wide.IsValid() {
			d.networks[wide]++
		}
	}
	o = &org{tallies: map[name]*tally{}}
	d.orgs[domain] = o
	return o
}

// wideOf returns the /32 of an IPv6 network, which is invalid for one of IPv4: a /24 costs
// more than a /48 of IPv6.
func wideOf(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4() {
		return netip.Prefix{}
	}
	wide, _ := p.Addr().Prefix(32) // fails only for an invalid address
	return wide
}

func (d *day) tally(o *org, n name) *tally {
	t := o.tallies[n]
	if t != nil {
		return t
	}
	i := 0
	switch n.kind {
	case Signer:
		i = 1
	case Forwarder:
		i = 2
	}
	if o.names[i] >= maxNames || d.rows >= MaxRows {
		return nil
	}
	o.names[i]++
	d.rows++
	n.domain = strings.Clone(n.domain) // as in org
	t = &tally{}
	o.tallies[n] = t
	return t
}

// Take returns what was counted since the last time. Days before today are forgotten then.
func (l *Learner) Take(today int64) (rows []Row) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, d := range l.days {
		for domain, o := range d.orgs {
			for n, t := range o.tallies {
				if t.n == 0 {
					continue
				}
				r := Row{Org: domain, Kind: n.kind, Name: n.domain, Day: at, N: t.n, Unsigned: t.unsigned}
				if n.kind != Signer {
					r.Name = n.network.String()
				}
				rows = append(rows, r)
				t.n, t.unsigned = 0, 0
			}
		}
		if at != today {
			delete(l.days, at)
		}
	}
	return rows
}

// Forget removes a domain, and those below it.
func (l *Learner) Forget(domain string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.days {
		for name, o := range d.orgs {
			if message.Below(name, domain) {
				d.rows -= len(o.tallies)
				delete(d.orgs, name)
			}
		}
	}
}

// Left returns the number of messages that found no place.
func (l *Learner) Left() int64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}

// registered returns the domain that somebody registered, by the public suffix list. Its
// owner has any number of organizational domains below it.
func registered(domain string) string {
	if name, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return name
	}
	return domain
}
