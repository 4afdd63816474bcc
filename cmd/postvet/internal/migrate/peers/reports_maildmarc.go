package peers

import (
	"net"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// mailDMARCOptions are the options of mail-dmarc.ini, behind their sections. A star is
// for all others.
var mailDMARCOptions = []option{
	{name: "organization domain"},
	{name: "organization org_name"},
	{name: "organization email"},
	{name: "organization extra_contact_info"},
	{name: "organization *", outcome: NoCounterpart, note: "[report] says who sends reports"},
	{name: "dns *", outcome: Changed, note: "[dns] says how lookups are made"},
	{name: "report_store *", outcome: Changed, note: noteDatabase},
	{name: "report_sending min_delay", outcome: Changed, note: notePace},
	{name: "report_sending *", outcome: Changed, note: noteDaily},
	{name: "report_sign *", outcome: NoCounterpart, note: "put its key into the directory of sign.keys, and write report.dkim_domain; otherwise the server of report.smtp signs"},
	{name: "smtp hostname", outcome: Changed, note: "HELO has the host's name"},
	{name: "smtp cc", outcome: NoCounterpart, note: noteCopies},
	{name: "smtp smarthost"},
	{name: "smtp smartuser", outcome: Changed, note: "write it into the first line of report.auth_file"},
	{name: "smtp smartpass", outcome: Changed, note: "write it into the second line of report.auth_file"},
	{name: "smtp whitelist", outcome: NoCounterpart, note: "trust.forwarders lists forwarders"},
	{name: "smtp report_skip_to"},
	{name: "smtp *", outcome: Changed, note: noteSubmit},
	{name: "imap *", outcome: NoCounterpart, note: "name the address of the mailbox in report.inbox: reports are read as they come. \"postvet report read\" reads stored ones"},
	{name: "http *", outcome: NoCounterpart, note: "\"postvet report sources\" shows who sends as a domain"},
	{name: "https *", outcome: NoCounterpart, note: "\"postvet report sources\" shows who sends as a domain"},
	{name: "*", outcome: NoCounterpart, note: "Postvet has nothing like it"},
}

// readINI reads the lines "name = value" of sections, as Config::Tiny does.
func (r *reader) readINI(n int, line string) {
	if strings.HasPrefix(line, ";") {
		return // a comment
	}
	if inner, ok := strings.CutPrefix(line, "["); ok {
		name, _, closed := strings.Cut(inner, "]")
		if !closed {
			r.fault(n, line, "is a section without an end", "write [name]")
		}
		r.section = strings.TrimSpace(name)
		return
	}
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		r.fault(n, line, "has no value", "write \"name = value\", or remove the line")
		return
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if value == "" {
		return
	}
	if strings.Contains(name, "pass") || name == "ssl_key" {
		value = hiddenValue
	}
	r.add(n, strings.TrimSpace(r.section+" "+name), value)
}

// mailDMARC translates the reports of Mail::DMARC, which also authentication_milter uses.
func (p *Plan) mailDMARC() {
	get := func(name string) (Setting, bool) { return p.setting(MailDMARC, name) }
	if s, ok := get("organization domain"); ok {
		p.reporter.sends = append(p.reporter.sends, s)
		p.reportDomainName(s, "report.submitter")
	}
	if s, ok := get("organization org_name"); ok {
		p.reportText(s, s.Value, "report.org_name")
	}
	if s, ok := get("organization email"); ok {
		p.reportAddress(s, "report.email", "report.from")
	}
	if s, ok := get("organization extra_contact_info"); ok {
		p.reportText(s, s.Value, "report.contact")
	}
	_, login := get("smtp smartuser")
	if s, ok := get("smtp smarthost"); ok {
		port := "25"
		if login {
			port = "587"
		}
		host := s.Value
		if h, n, err := net.SplitHostPort(s.Value); err == nil {
			host, port = h, n
		}
		p.reportServer(s, host, port)
		if login {
			p.draft.put("report.auth_file", quoted("/etc/postvet/smtp.login"), "The user and the password belong into its two lines.")
		}
	} else if len(p.reporter.sends) > 0 {
		p.differs(Setting{Peer: MailDMARC, Name: "smtp smarthost"}, "without a smarthost Mail::DMARC sent reports to the MX of each address itself; Postvet hands them to the MTA at report.smtp")
	}
	if s, ok := get("smtp report_skip_to"); ok {
		p.item(s, NoCounterpart, "\"postvet report suppress add ADDRESS\" does that for each of them")
	}
}

// reportDomainName takes over a domain.
func (p *Plan) reportDomainName(s Setting, key string) {
	name, ok := message.NormalizeDomain(s.Value)
	if !ok || !strings.Contains(name, ".") {
		p.item(s, NoCounterpart, "it is no domain; write one into "+key, key)
		return
	}
	p.reportText(s, name, key)
}
