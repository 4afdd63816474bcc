package peers

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Notes on options about reports.
const (
	noteHistory  = "Postvet counts messages itself and begins anew; send the reports of what was counted before once more, then end the job that does so"
	noteDatabase = "Postvet keeps its counts in a file or in the database of journal.postgres; the old ones stay where they are"
	noteDaily    = "a report is about a day of UTC, and is sent in the hours behind it (report.send_window)"
	notePace     = "report.rate, report.max_per_day and the pauses of a destination say how fast"
	noteCopies   = "nobody gets a copy; \"postvet report show\" has what was sent"
	noteSubmit   = "reports are handed to a server by SMTP (report.smtp)"
)

// noteReports is for reports by DKIM, which nobody asks for any more.
const noteReports = "Postvet sends reports by DMARC ([report]), none by DKIM (RFC 6651)"

// reporter is what peers say of the reports that they sent.
type reporter struct {
	// sends are settings by which a peer sent aggregate reports, and failures those by
	// which it sent failure reports.
	sends, failures []Setting
}

// reportAddress takes over an address for keys of [report] that no setting before has set.
func (p *Plan) reportAddress(s Setting, keys ...string) {
	local, domain := message.SplitPath(strings.TrimSpace(s.Value))
	name, ok := message.NormalizeDomain(domain)
	if !ok || local == "" || !strings.Contains(name, ".") || strings.ContainsAny(local, " \t<>\"") {
		p.item(s, NoCounterpart, "it is no address; write one into "+strings.Join(keys, " and "), keys...)
		return
	}
	p.reportText(s, local+"@"+name, keys...)
}

// reportText takes over a text for keys that no setting before has set.
func (p *Plan) reportText(s Setting, value string, keys ...string) {
	outcome, note := Kept, ""
	for _, key := range keys {
		if before, taken := p.draft.get(key); !taken {
			p.draft.putFrom(s, key, quoted(value))
		} else if before != quoted(value) {
			outcome, note = Changed, "another was set above: "+key+" = "+before
		}
	}
	p.item(s, outcome, note, keys...)
}

// reportServerOf takes over the server that takes reports, from the settings of its name and
// of its port.
func (p *Plan) reportServerOf(get func(string) (Setting, bool), server, port string) {
	n, hasPort := get(port)
	number := "25"
	if hasPort {
		number = n.Value
	}
	switch s, ok := get(server); {
	case ok:
		p.reportServer(s, s.Value, number)
		if hasPort {
			p.item(n, Kept, "", "report.smtp")
		}
	case hasPort:
		p.reportServer(n, "127.0.0.1", number)
	}
}

// reportServer takes over the server at a host and a port.
func (p *Plan) reportServer(s Setting, host, port string) {
	const key = "report.smtp"
	ip, err := netip.ParseAddr(host)
	note := ""
	switch {
	case strings.EqualFold(host, "localhost"):
		host = "127.0.0.1"
	case err != nil || !ip.IsLoopback():
		note = "the server must offer TLS, as it is not on this machine"
	}
	if strings.ContainsAny(host, " \t/\"") || host == "" {
		p.item(s, NoCounterpart, "it is no server; write one into "+key, key)
		return
	}
	p.draft.putFrom(s, key, quoted(net.JoinHostPort(host, port)))
	p.item(s, Kept, note, key)
}

// reportDomains takes over domains without reports, or those that alone have them.
func (p *Plan) reportDomains(s Setting, key, note string) {
	all, why := parseDataset(s.Value)
	var list []string
	for _, one := range all {
		name, ok := message.NormalizeDomain(strings.TrimPrefix(one, "."))
		switch {
		case strings.HasPrefix(one, "file:"):
			list = append(list, one)
		case ok && strings.Contains(name, "."):
			list = append(list, name)
		default:
			why = one + " is no domain"
		}
	}
	if why != "" || len(list) == 0 {
		p.item(s, NoCounterpart, "write its domains into "+key, key)
		return
	}
	p.extend(s, key, list)
	p.item(s, Changed, note, key)
}

// reports decides which reports are sent, which no option says alone, and completes what
// they say of the sender.
func (p *Plan) reports() {
	r := &p.reporter
	if len(r.sends) == 0 {
		for _, s := range r.failures {
			p.item(s, NoCounterpart, "failure reports go out beside aggregate ones alone: set [report] send, and send in [report.failure]", "report.failure.send")
		}
		return
	}
	p.completeReporter()
	first := r.sends[0]
	p.draft.putFrom(first, "report.directory", quoted("/var/lib/postvet"), "Where messages are counted.")
	if missing := p.missingOfReporter(); len(missing) > 0 {
		p.draft.putFrom(first, "report.collect", "true", "Messages are counted, and nothing is sent until "+strings.Join(missing, ", ")+" are written and send is \"known\".")
		for _, s := range r.sends {
			p.itemOnce(s, "messages are counted; write "+strings.Join(missing, ", ")+" and send = \"known\" into [report], then reports are sent. "+noteHistory, "report.collect")
		}
		for _, s := range r.failures {
			p.item(s, NoCounterpart, "write send = \"known\" into [report.failure] too", "report.failure.send")
		}
		return
	}
	value := "known"
	if known, ok := p.lists["report.known"]; ok && len(known) > 0 {
		value = "listed"
	}
	p.draft.putFrom(first, "report.send", quoted(value))
	for _, s := range r.sends {
		p.itemOnce(s, "only domains seen on two days of 30 get reports, as those of spammers live for one; \"all\" has each get some. "+noteHistory, "report.send")
	}
	for _, s := range r.failures {
		p.draft.putFrom(s, "report.failure.send", quoted(value))
		p.item(s, Changed, "headers alone, with hashes in place of local parts, and no more than report.failure.per_destination; BSI TR-03182 says that the law of the EU does not allow them", "report.failure.send")
	}
	if first.Peer == RspamdDMARC {
		return // its trap says so
	}
	p.trap(first, "two that report on the same mail are worse than one: end the jobs that import, send and delete reports for this peer, and do not put it behind Postvet")
}

// itemOnce lists a setting that says that reports are sent, unless it is listed because it
// says something else too.
func (p *Plan) itemOnce(s Setting, note, key string) {
	if !slices.ContainsFunc(p.Items, func(it Item) bool { return it.Setting == s }) {
		p.item(s, Changed, note, key)
	}
}

// completeReporter derives from what is known of the sender what is not.
func (p *Plan) completeReporter() {
	copied := func(to, from string) {
		value, ok := p.draft.get(from)
		if _, set := p.draft.get(to); ok && !set {
			p.draft.put(to, value, "As "+from+".")
		}
	}
	copied("report.from", "report.email")
	copied("report.email", "report.from")
	if from, ok := p.draft.get("report.from"); ok {
		if _, set := p.draft.get("report.submitter"); !set {
			_, domain := message.SplitPath(strings.Trim(from, `"`))
			p.draft.put("report.submitter", quoted(domain), "The domain of report.from.")
		}
	}
}

// missingOfReporter returns the keys without which nothing is sent.
func (p *Plan) missingOfReporter() (missing []string) {
	for _, name := range []string{"submitter", "email", "from"} {
		if _, ok := p.draft.get("report." + name); !ok {
			missing = append(missing, name)
		}
	}
	return missing
}
