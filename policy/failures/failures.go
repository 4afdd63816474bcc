// Package failures remembers for how many domains mail of a client's network failed DMARC
// within the last hour. A client that fails for many domains that ask for reject, with mail
// that nothing authenticates, is a forger. So is, in all likelihood, one that sends
// unsigned mail of several domains that sign all of theirs; the table counts that apart.
//
// Senders choose their domains, and botnets have many addresses. So the table has a bounded
// size: what does not fit displaces what was there, and a forger who floods it is held in
// place of refused at worst. The clock is that of the messages.
package failures

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// Bounds of each memory: 16384 networks, of each of which 8 domains are remembered.
const (
	shards     = 64
	perShard   = 256
	perNetwork = 8
	lasts      = time.Hour
)

// Table is the memory. It is safe for concurrent use, and never waits for more than another
// message's turn.
type Table struct {
	seed maphash.Seed
	// anonymous is for mail that nothing authenticates, named for that of somebody else
	// than its author.
	anonymous, named memory
}

type memory [shards]shard

type shard struct {
	mu       sync.Mutex
	networks map[netip.Prefix]*network
}

// network has the domains for which a network failed, as hashes, and when it did so last.
type network struct {
	domains [perNetwork]uint64
	at      [perNetwork]int64 // Unix seconds
}

// New returns an empty table.
func New() *Table { return &Table{seed: maphash.MakeSeed()} }

// Observe returns the number of domains for which the client's network failed, and takes
// note of the message if nothing authenticates it, and if it bears no sign of indirect mail.
// A forwarder is never taken for a forger by mail that shows that it was forwarded.
func (t *Table) Observe(res *result.Results, indirect bool) result.Observed {
	n := t.note(&t.anonymous, res, !indirect && judgement.Anonymous(res) == result.Present)
	if n < 0 {
		return result.Observed{}
	}
	return result.Observed{FailedDomains: max(1, n)}
}

// Impersonated takes note of a message that authenticates as somebody else than its author,
// whose domain signs all its mail, and returns for how many such domains the client's network
// sent any; 0 if nothing or the author authenticates this one.
func (t *Table) Impersonated(res *result.Results) int {
	if judgement.Anonymous(res) != result.Absent {
		return 0
	}
	return max(0, t.note(&t.named, res, true))
}

// note returns the number of domains of the client's network, -1 if it has none, and takes
// note of a message if asked to.
func (t *Table) note(m *memory, res *result.Results, note bool) int {
	ip, err := netip.ParseAddr(res.Client.IP)
	if err != nil {
		return -1
	}
	p := addrlist.NetworkOf(ip)
	domain := maphash.String(t.seed, res.DMARC.OrganizationalDomain)
	now := res.Arrived.Unix()
	s := &m[maphash.Comparable(t.seed, p)%shards]

	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.networks[p]
	if note {
		if n == nil {
			n = s.add(p, now)
		}
		n.note(domain, now)
	}
	return n.count(now)
}

// add adds a network. If the shard is full, one is displaced whose time is over, or any.
func (s *shard) add(p netip.Prefix, now int64) *network {
	if s.networks == nil {
		s.networks = map[netip.Prefix]*network{}
	}
	if len(s.networks) >= perShard {
		var displaced netip.Prefix
		for other, n := range s.networks {
			if displaced = other; n.count(now) == 0 {
				break
			}
		}
		delete(s.networks, displaced)
	}
	n := &network{}
	s.networks[p] = n
	return n
}

// note remembers a domain in place of the one that failed longest ago.
func (n *network) note(domain uint64, now int64) {
	oldest := 0
	for i := range n.domains {
		if n.domains[i] == domain && n.at[i] != 0 {
			oldest = i
			break
		}
		if n.at[i] < n.at[oldest] {
			oldest = i
		}
	}
	n.domains[oldest], n.at[oldest] = domain, now
}

// count returns the number of domains of the last hour; 0 for no network.
func (n *network) count(now int64) (domains int) {
	if n == nil {
		return 0
	}
	for _, at := range n.at {
		if age := now - at; at != 0 && age < int64(lasts/time.Second) && age > -int64(lasts/time.Second) {
			domains++
		}
	}
	return domains
}
