package mta

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// PostfixClients returns what is found about the clients that Postfix trusts: the hosts
// in mynetworks, and the content filters that hand mail back. dir is the folder of
// main.cf, and master is master.cf.
func PostfixClients(dir string, cf MainCF, master string, p Postvet) finding.List {
	c := check{postvet: p}
	c.postfixClients(dir, cf, parseMasterCF(master, cf.level() < chrootLevel))
	return c.Once()
}

// level returns compatibility_level, which says which defaults hold.
func (m MainCF) level() float64 {
	level, _ := strconv.ParseFloat(m.Value("compatibility_level", "0"), 64)
	return level
}

// The levels from which on a chroot and mynetworks_style have their new defaults
// (COMPATIBILITY_README).
const (
	chrootLevel     = 1
	networksLevel   = 2
	styleHost       = "host"
	styleSubnet     = "subnet"
	overrideMilters = "no_milters"
)

// asks reports whether a service asks Postvet, and cf is how the service sees main.cf.
func (c *check) asks(main MainCF, s service) (cf MainCF, asks bool) {
	cf = main.with(s.options)
	off := strings.Contains(cf.Value("receive_override_options", ""), overrideMilters)
	return cf, !off && c.postvet.find(cf.queue(), ParseMilters(cf.Value("smtpd_milters", ""))) >= 0
}

func (c *check) postfixClients(dir string, main MainCF, services []service) {
	c.networksOf(dir, main, services, c.contentFilters(main, services))
}

// networksOf compares mynetworks of each service that asks Postvet about outside mail
// with [exempt]. handsBack reports whether a filter hands mail back from loopback.
func (c *check) networksOf(dir string, main MainCF, services []service, handsBack bool) {
	for _, s := range services {
		cf, asks := c.asks(main, s)
		if s.command != "smtpd" || !asks || s.isInternal() {
			continue
		}
		c.myNetworks(dir, cf, handsBack)
	}
}

// conditional finds a value that depends on other parameters, as in ${a?{b}:{c}}.
var conditional = regexp.MustCompile(`\$[{(][^})]*[?:]`)

// myNetworks compares the parameter mynetworks of a service with [exempt].
func (c *check) myNetworks(dir string, cf MainCF, handsBack bool) {
	if _, ok := cf.Get("mynetworks"); ok {
		var hosts networks
		if raw, _ := cf.Get("mynetworks"); conditional.MatchString(raw.Value) {
			hosts.unknown = append(hosts.unknown, raw.Value)
		} else {
			hosts.add(cf.Value("mynetworks", ""), dir)
		}
		c.trusted("mynetworks", hosts, handsBack)
		return
	}
	byDefault := styleSubnet
	if cf.level() >= networksLevel {
		byDefault = styleHost
	}
	if style := cf.Value("mynetworks_style", byDefault); style != styleHost {
		c.Warning("mynetworks is not set and mynetworks_style is "+style+": hosts of this machine's networks may send through it, and whether [exempt] has them cannot be told",
			"write what \"postconf -h mynetworks\" prints into [exempt] addresses, or set mynetworks_style = host")
	}
}

// contentFilters finds services through which a content filter hands outside mail back
// to Postfix (FILTER_README) so that Postvet sees the filter as the client, and reports
// whether there is one.
func (c *check) contentFilters(main MainCF, services []service) (found bool) {
	filtered := main.Value("content_filter", "") != ""
	outside := ""
	for _, s := range services {
		if s.command != "smtpd" || s.isInternal() {
			continue
		}
		cf, asks := c.asks(main, s)
		filtered = filtered || cf.Value("content_filter", "") != "" || cf.Value("smtpd_proxy_filter", "") != ""
		switch {
		case asks && cf.Value("smtpd_proxy_filter", "") != "":
			c.Error("smtpd on "+s.name+" has smtpd_proxy_filter: there Postfix shows milters neither header nor body, so that Postvet checks nothing",
				"let the filter work after the queue (content_filter, FILTER_README) instead of before it")
		case asks:
			outside = s.name
		}
	}
	if !filtered {
		return false
	}
	for _, s := range services {
		if s.command != "smtpd" || !s.isLoopback() {
			continue
		}
		if _, asks := c.asks(main, s); asks {
			found = true
			c.handsBack("smtpd on "+s.name, outside, s.filterAddress(), "-o smtpd_milters= (or -o receive_override_options=no_milters) for "+s.name+" in master.cf")
		}
	}
	return found
}

// handsBack adds what is found about a service that takes outside mail back from a
// content filter and asks Postvet. outside is a service that asked Postvet about the
// mail before, "" if none did, and off is how the service stops asking.
func (c *check) handsBack(where, outside, client, off string) {
	network, _ := parseNetwork(client)
	exempt := c.postvet.isExempt(network)
	switch {
	case outside == "" && exempt:
		c.Error(where+" takes outside mail back from a content filter, no service before it asks Postvet, and "+client+" is exempt: forged mail passes",
			"let the service that takes mail from outside ask Postvet, and set "+off)
	case outside == "":
		c.Error(where+" takes outside mail back from a content filter, and no service before it asks Postvet: it sees "+client+" as the client of all mail",
			"let the service that takes mail from outside ask Postvet, and set "+off)
	case exempt && c.postvet.Signing != nil:
		c.OK(where + " takes mail back from a content filter and asks Postvet, which exempts " + client + " and signs what users sent")
	case exempt:
		c.Warning(where+" takes mail back from a content filter and asks Postvet again, which exempts "+client+": mail that reaches the filter by another way than "+outside+" is never checked, and forgeries in it pass",
			off)
	default:
		c.Error(where+" takes mail back from a content filter and asks Postvet again, which checks it as mail that "+client+" sends: SPF fails, and good mail is refused",
			off)
	}
}

// isLoopback reports whether a service takes mail only from this machine, over TCP.
func (s service) isLoopback() bool {
	return s.kind == "inet" && (strings.HasPrefix(s.name, "127.") || strings.HasPrefix(s.name, "localhost:") || strings.HasPrefix(s.name, "[::1]"))
}

// filterAddress returns the address that a client of a loopback service has.
func (s service) filterAddress() string {
	if strings.HasPrefix(s.name, "[::1]") {
		return "::1"
	}
	return "127.0.0.1"
}
