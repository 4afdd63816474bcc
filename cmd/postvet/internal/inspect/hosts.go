package inspect

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// Hosts is the hosts that send, as far as they are known one by one.
type Hosts struct {
	List []Sender `json:"list"`
	// Omitted is how many more the SPF record names.
	Omitted  int          `json:"omitted"`
	Findings finding.List `json:"findings"`
}

// Sender is a host that sends mail of the domain.
type Sender struct {
	IP netip.Addr `json:"ip"`
	// Source says how it was found, Term which term of the SPF record names it.
	Source Source `json:"source"`
	Term   string `json:"term,omitempty"`
	// SPF is the result of SPF for mail of the domain from the host.
	SPF spf.Status `json:"spf"`
	// Reverse is "pass" if Name, of its reverse DNS, leads back to the address.
	Reverse iprev.Status `json:"reverse"`
	Name    string       `json:"name"`
	// Helo is the name that it was seen to use in HELO, "" if that is not known.
	Helo string `json:"helo,omitempty"`
	// HeloSPF is the result of SPF for that name, or else for Name; "" if neither is
	// known.
	HeloSPF spf.Status `json:"helo_spf,omitempty"`
}

// maxSenders bounds the hosts that are checked.
const maxSenders = 16

func newHosts() Hosts { return Hosts{List: []Sender{}, Findings: finding.List{}} }

// find checks the hosts that were given, seen, or that the record names at names of the
// organization. known are addresses whose reverse DNS has findings elsewhere.
func (h *Hosts) find(ctx context.Context, l *lookups.Lookups, domain string, o *Options, tree *spf.Tree, known map[netip.Addr]bool) {
	h.collect(domain, o, tree)
	var all sync.WaitGroup
	for i := range h.List {
		all.Go(func() { h.List[i].check(ctx, l, domain) })
	}
	all.Wait()
	var nameless []string
	for i := range h.List {
		s := &h.List[i]
		h.judge(s, domain)
		if s.Source == Reports && s.SPF != spf.Pass {
			continue // it may be nobody's
		}
		if !known[s.IP] && !h.judgeReverse(s, domain) {
			nameless = append(nameless, s.IP.String())
		}
	}
	if len(nameless) > 0 {
		h.Findings.Warning("the reverse DNS of "+layout.First(nameless, 4)+noReverse, "have the owner of each address set its reverse name (PTR) to the name of the host, and give that name the address")
	}
}

// noReverse ends a sentence about reverse DNS.
const noReverse = " does not lead back; Google, Microsoft and many others refuse mail of such hosts"

// collect lists the hosts.
func (h *Hosts) collect(domain string, o *Options, tree *spf.Tree) {
	add := func(s Sender) {
		s.IP = s.IP.Unmap().WithZone("")
		switch {
		case !s.IP.IsValid() || s.Source == Record && len(route.Reachable([]netip.Addr{s.IP})) == 0:
		case slices.ContainsFunc(h.List, func(known Sender) bool { return known.IP == s.IP }):
		case len(h.List) >= maxSenders:
			h.Omitted++
		default:
			h.List = append(h.List, s)
		}
	}
	for _, ip := range o.Hosts {
		add(Sender{IP: ip, Source: Given})
	}
	for _, ip := range o.Observed.busiestHosts(maxSenders / 2) {
		seen := o.Observed.hosts[ip]
		add(Sender{IP: ip, Source: seen.source, Helo: seen.helo})
	}
	if tree == nil {
		return
	}
	for _, host := range tree.Hosts(10 * maxSenders) {
		if message.Below(host.Domain, domain) || registered(host.Domain) != "" && registered(host.Domain) == registered(domain) {
			add(Sender{IP: host.Addr, Source: Record, Term: foreign.Line(host.Term, advice.MaxText)})
		}
	}
}

// check looks up what there is about a host.
func (s *Sender) check(ctx context.Context, l *lookups.Lookups, domain string) {
	var both sync.WaitGroup
	both.Go(func() {
		r := iprev.Check(ctx, l, s.IP)
		s.Reverse, s.Name = r.Status, foreign.Line(r.Name, advice.MaxText)
	})
	both.Go(func() {
		s.SPF = spf.Check(ctx, l, spf.Query{Identity: spf.MailFrom, IP: s.IP, Sender: "postmaster@" + domain, Helo: domain}, spf.Options{Sequential: true}).Status
	})
	both.Wait()
	name, ok := normalize(s.Helo)
	if s.Helo == "" {
		name, ok = s.Name, s.Name != ""
	}
	if ok {
		s.HeloSPF = spf.Check(ctx, l, spf.Query{Identity: spf.HELO, IP: s.IP, Helo: name}, spf.Options{Sequential: true}).Status
	}
}

// judge adds what is wrong with a host, but for its reverse DNS.
func (h *Hosts) judge(s *Sender, domain string) {
	add := "add " + networkTerm(s.IP) + " to the SPF record, in front of its all"
	switch {
	case s.SPF == spf.TempError:
		h.Findings.DNSFailure("whether " + s.IP.String() + " may send by SPF could not be looked up")
	case s.SPF == spf.Pass:
	case s.Source == Given:
		h.Findings.Error(fmt.Sprintf("%s may not send mail of %s: the result of SPF is %s", s.IP, domain, s.SPF), add)
	case s.Source == Reports: // which anybody may write
		h.Findings.Warning(fmt.Sprintf("reports say that %s has sent mail of %s which passed SPF, but the result of SPF is now %s", s.IP, domain, s.SPF),
			"look whether the host is yours (postvet report sources "+domain+"); if it is and still sends, "+add)
	case s.Source != Record:
		h.Findings.Warning(fmt.Sprintf("%s has sent genuine mail of %s, but the result of SPF is now %s", s.IP, domain, s.SPF), "if it still sends, "+add)
	}
	switch name := cmp.Or(s.Helo, s.Name); s.HeloSPF {
	case spf.TempError:
		h.Findings.DNSFailure("the SPF record of " + name + ", the name of a host, could not be looked up")
	case spf.Fail, spf.SoftFail, spf.PermError:
		h.Findings.Warning(fmt.Sprintf("SPF of %s, the name of %s in HELO, has the result %s: bounces that it sends are refused by some", name, s.IP, s.HeloSPF), "have the SPF record of "+name+" list the host, as "+advice.QuotedTXT("v=spf1 a -all")+" does")
	}
	if s.Helo != "" && !strings.Contains(s.Helo, ".") {
		h.Findings.Warning(fmt.Sprintf("%s introduces itself as %s, which is no whole domain name (RFC 5321 section 4.1.1.1)", s.IP, foreign.Word(s.Helo, 100)), "have the host say its full name in HELO: myhostname in Postfix, confDOMAIN_NAME in Sendmail")
	}
}

// judgeReverse adds what is wrong with the reverse DNS of a host. It returns false if it is
// wrong and no name is known that would be right.
func (h *Hosts) judgeReverse(s *Sender, domain string) bool {
	switch s.Reverse {
	case iprev.Pass:
		return true
	case iprev.TempError:
		h.Findings.DNSFailure("the reverse DNS of " + s.IP.String() + " could not be looked up")
		return true
	}
	name := hostOf(s.Term, domain)
	if name == "" {
		return false
	}
	h.Findings.Add(finding.Warning, "the reverse DNS of "+s.IP.String()+noReverse, advice.Propose(dnscache.ReverseName(s.IP), "PTR "+name+"."))
	return true
}

// hostOf returns the name of the host that an a term names, "" for another term.
func hostOf(term, domain string) string {
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(term, "+")), "/")
	switch target, ok := strings.CutPrefix(name, "a:"); {
	case name == "a":
		return domain
	case ok:
		target, _ = normalize(target)
		return target
	}
	return ""
}

// networkTerm returns the term of SPF for one address.
func networkTerm(ip netip.Addr) string {
	if ip.Is4() {
		return "ip4:" + ip.String()
	}
	return "ip6:" + ip.String()
}
