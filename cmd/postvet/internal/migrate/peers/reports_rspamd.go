package peers

import (
	"path/filepath"
	"strings"
)

// rspamdDMARCOptions are the options of Rspamd's dmarc.conf; those of its section reporting
// behind its name. A star is for all others.
var rspamdDMARCOptions = []option{
	{name: "reporting enabled"},
	{name: "reporting"},
	{name: "reporting email"},
	{name: "reporting domain"},
	{name: "reporting org_name"},
	{name: "reporting smtp"},
	{name: "reporting smtp_port", kind: number},
	{name: "reporting only_domains"},
	{name: "reporting exclude_domains"},
	{name: "reporting from_name", outcome: Changed, note: "the From field says \"DMARC reports\""},
	{name: "reporting helo", outcome: Changed, note: "HELO has the host's name"},
	{name: "reporting bcc_addrs", outcome: NoCounterpart, note: noteCopies},
	{name: "reporting additional_address", outcome: NoCounterpart, note: noteCopies},
	{name: "reporting override_address", outcome: NoCounterpart, note: "reports go where the domain asks for them, or nowhere; \"postvet report preview\" shows one"},
	{name: "reporting additional_address_bcc", outcome: NoCounterpart, note: noteCopies},
	{name: "reporting max_entries", outcome: Changed, note: "all rows are in the report, up to 50000; Rspamd left the others out and said nothing"},
	{name: "reporting keys_expire", outcome: Changed, note: "report.retention says how long counts are kept; Rspamd lost what was older than two days"},
	{name: "reporting report_local_controller", outcome: Changed, note: "mail that is exempt is in no report"},
	{name: "reporting exclude_recipients", outcome: NoCounterpart, note: "messages count whoever gets them; mail to report.inbox causes no reports"},
	{name: "reporting exclude_rua_addresses", outcome: NoCounterpart, note: "\"postvet report suppress add ADDRESS\" does that for each of them"},
	{name: "reporting retries", outcome: Changed, note: "a report is tried for two days"},
	{name: "reporting *", outcome: NoCounterpart, note: "Postvet has nothing like it"},
	{name: "servers", outcome: Changed, note: noteDatabase},
	{name: "key_prefix", outcome: Changed, note: noteDatabase},
	{name: "actions *", outcome: Changed, note: "Rspamd goes on to act on DMARC; to have Postvet do it set mode = \"enforce\", and take the actions out of dmarc.conf"},
	{name: "enabled", outcome: Kept},
	{name: "*", outcome: Changed, note: "it is for Rspamd, which goes on with it"},
	{name: ".include", outcome: NoCounterpart, note: "read it too: --rspamd FILE, if its name is dmarc.conf"},
}

// Of returns which peer a file of the peer is about: dmarc.conf of Rspamd is about its
// reports.
func (p Peer) Of(file string) Peer {
	if p == Rspamd && filepath.Base(file) == "dmarc.conf" {
		return RspamdDMARC
	}
	return p
}

// rspamdReports translates Rspamd's reports. Before version 3.0 "reporting" was yes or no,
// and their options stood beside it.
func (p *Plan) rspamdReports() {
	get := func(name string) (Setting, bool) { return p.setting(RspamdDMARC, "reporting "+name) }
	on, ok := get("enabled")
	if !ok {
		on, ok = p.setting(RspamdDMARC, "reporting")
	}
	switch {
	case ok && isTrue(on.Value):
		p.reporter.sends = append(p.reporter.sends, on)
		p.trap(on, "write enabled = false into reporting of local.d/dmarc.conf, and end the job of \"rspamadm dmarc_report\": it has what came behind Postvet alone")
	case ok:
		p.item(on, Kept, "", "report.send")
	}
	if s, ok := get("email"); ok {
		p.reportAddress(s, "report.email", "report.from")
	}
	if s, ok := get("domain"); ok {
		p.reportDomainName(s, "report.submitter")
	}
	if s, ok := get("org_name"); ok {
		p.reportText(s, s.Value, "report.org_name")
	}
	p.reportServerOf(get, "smtp", "smtp_port")
	for name, key := range map[string]string{"only_domains": "report.known", "exclude_domains": "report.exclude"} {
		if s, ok := get(name); ok {
			s.Value = uclPath(strings.TrimPrefix(s.Value, "map://"))
			note := "no reports to these domains, neither aggregate nor failure reports"
			if key == "report.known" {
				note = "these domains alone get reports (send = \"listed\")"
			}
			p.reportDomains(s, key, note)
		}
	}
}
