package mta

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// SendmailClients returns what is found about the clients that Sendmail trusts: those
// that the files access and relay-domains in a folder let relay, and daemons through
// which a content filter may hand mail back.
func SendmailClients(dir string, cf Sendmail, p Postvet) finding.List {
	c := check{postvet: p}
	c.sendmailClients(dir, cf)
	return c.Once()
}

func (c *check) sendmailClients(dir string, cf Sendmail) {
	handsBack := c.filterDaemons(cf)
	for _, list := range []struct {
		name string
		read func(string) networks
	}{{"access", accessRelays}, {"relay-domains", relayDomains}} {
		file := filepath.Join(dir, list.name)
		if text, err := ReadText(file); err == nil {
			c.trusted(file, list.read(text), handsBack)
		}
	}
}

// accessRelays returns the networks that the text of an access table lets relay: lines
// such as "Connect:192.0.2 RELAY". Names may be of recipients, too, and are left out.
func accessRelays(text string) (hosts networks) {
	for _, l := range logicalLines(text) {
		f := strings.Fields(l.text)
		const columns = 2
		if len(f) < columns || !strings.EqualFold(f[1], "RELAY") || len(hosts.prefixes) >= maxNetworks {
			continue
		}
		hosts.addClient(f[0])
	}
	return hosts
}

// relayDomains returns the networks in the class of relay domains.
func relayDomains(text string) (hosts networks) {
	for _, l := range logicalLines(text) {
		if len(hosts.prefixes) >= maxNetworks {
			break
		}
		hosts.addClient(strings.TrimSpace(l.text))
	}
	return hosts
}

// addClient adds a client in Sendmail's notation: an address, one that is cut at a dot,
// or IPv6 behind "IPv6:". Names are no networks.
func (n *networks) addClient(s string) {
	const tag = len("Connect:")
	if len(s) > tag && strings.EqualFold(s[:tag], "Connect:") {
		s = s[tag:]
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	for _, parse := range []func(string) (netip.Prefix, bool){parseNetwork, octets} {
		if p, ok := parse(s); ok {
			n.prefixes = append(n.prefixes, p)
			return
		}
	}
}

// filterDaemons finds daemons on a port of their own of this machine, which content
// filters hand mail back to, and reports whether one asks Postvet.
func (c *check) filterDaemons(cf Sendmail) (found bool) {
	defined := map[string]Milter{}
	for _, l := range cf.Lines {
		if l.Milter != nil {
			defined[l.Milter.Name] = *l.Milter
		}
	}
	usual := []string{"", "smtp", "25", "submission", "587", "smtps", "submissions", "465"}
	all := cf.Milters()
	for _, d := range cf.Daemons {
		list := all
		if d.Own {
			list = nil
			for _, name := range d.Filters {
				list = append(list, defined[name])
			}
		}
		if d.Loopback == "" || slices.Contains(usual, d.Port) || c.postvet.find(QueueDirectory, list) < 0 {
			continue
		}
		found = true
		client := "127.0.0.1"
		if d.Loopback == "::1" {
			client = d.Loopback
		}
		outside := ""
		if c.postvet.find(QueueDirectory, all) >= 0 {
			outside = "the daemon that takes mail from outside"
		}
		c.handsBack(d.Name+" on port "+d.Port+" of this machine", outside, client, "InputMailFilters= (empty) in the options of "+d.Name)
	}
	return found
}
