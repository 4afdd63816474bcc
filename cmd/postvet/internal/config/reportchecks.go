package config

import (
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postvet/postvet/policy/message"
)

func checkReportDirectory(s string) (normal, problem, remedy string) {
	return checkCleanPath(s, "directory", "/var/lib/postvet/reports")
}

// checkDomain accepts a domain name of two labels at least.
func checkDomain(s string) (normal, problem, remedy string) {
	normal, ok := message.NormalizeDomain(s)
	if !ok || !strings.Contains(normal, ".") || !validHost(normal) {
		return "", cite(s) + " is no domain name", `write one such as "example.org"`
	}
	return normal, "", ""
}

// checkMailAddress accepts an address that stands in a field without quotes.
func checkMailAddress(s string) (normal, problem, remedy string) {
	local, domain, _ := strings.Cut(s, "@")
	normal, ok := message.NormalizeDomain(domain)
	if !ok || !validRecipient(local+"@"+normal) {
		return "", cite(s) + " is no address", `write one such as "dmarc@example.org"`
	}
	return local + "@" + normal, "", ""
}

// maxReportText bounds a text about us in reports, in octets.
const maxReportText = 200

// checkReportText accepts a text that any reader of XML takes.
func checkReportText(s string) (normal, problem, remedy string) {
	remedy = "write a short text"
	switch {
	case !utf8.ValidString(s):
		return "", "is not UTF-8", remedy
	case len(s) > maxReportText:
		return "", "has " + strconv.Itoa(len(s)) + " octets", "write at most " + strconv.Itoa(maxReportText)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", cite(s) + " has a character that cannot be printed", remedy
	case strings.TrimSpace(s) == "":
		return "", "is blank", remedy
	}
	return s, "", ""
}

// checkReportServer accepts a host with a port, or a unix socket.
func checkReportServer(s string) (normal, problem, remedy string) {
	remedy = `write "127.0.0.1:25", "mail.example.org:587" or "unix:/path"`
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		_, problem, _ = checkPath(path, "file", "")
		return s, problem, remedy
	}
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || net.ParseIP(host) == nil && !validHost(host) {
		return "", cite(s) + " is no address of a server", remedy
	}
	return s, "", ""
}

// checkZone accepts the zone of a DNS list.
func checkZone(s string) (normal, problem, remedy string) {
	normal, problem, _ = checkDomain(s)
	return normal, problem, `write a name such as "dmarc.dnsbl.example"`
}

func (r *Report) conflicts(x *conflicts) {
	if r.Stores() && x.config.Journal.Directory == "" && r.Directory == "" {
		name := "report.send"
		switch {
		case r.Send != ReportSendOff:
		case r.Collect:
			name = "report.collect"
		default:
			name = "report.inbox"
		}
		x.noEffect(name, "report.directory", `name a directory for reports, such as "/var/lib/postvet/reports", or that of the journal`)
	}
	if r.Send != ReportSendOff {
		r.needed(x)
	} else if r.Failure.Send != ReportSendOff {
		x.noEffect("report.failure.send", "report.send", `write send = "known" in [report]`)
	}
	if r.RequirePass && len(r.Inbox) == 0 {
		x.noEffect("report.require_pass", "report.inbox", "name your addresses for reports in inbox")
	}
	r.signingConflicts(x)
}

// needed finds what sending needs and is not set.
func (r *Report) needed(x *conflicts) {
	for _, k := range []struct{ name, value, example string }{
		{"report.submitter", r.Submitter, "example.org"},
		{"report.email", r.Email, "postmaster@example.org"},
		{"report.from", r.From, "noreply@reports.example.org"},
	} {
		if k.value == "" {
			_, last := split(k.name)
			x.fault("report.send", k.name, "report.send needs "+k.name, "write "+last+" = "+strconv.Quote(k.example)+" with your own names")
		}
	}
	listed := r.Send == ReportSendListed || r.Failure.Send == ReportSendListed
	if listed && len(r.Known.Entries) == 0 {
		name := "report.send"
		if r.Send != ReportSendListed {
			name = "report.failure.send"
		}
		x.noEffect(name, "report.known", "list the domains in report.known")
	}
}

func (r *Report) signingConflicts(x *conflicts) {
	switch _, from, _ := strings.Cut(r.From, "@"); {
	case r.DKIMDomain == "" && r.DKIMSelector != "":
		x.noEffect("report.dkim_selector", "report.dkim_domain", "name the domain that signs")
	case r.DKIMDomain == "":
	case !x.config.Sign.Signs():
		x.noEffect("report.dkim_domain", "sign.keys", `name the directory of the private keys, such as "/etc/postvet/keys"`)
	case from != "" && !message.Below(from, r.DKIMDomain):
		x.fault("report.dkim_domain", "report.from",
			"a signature of "+cite(r.DKIMDomain)+" proves nothing about "+cite(r.From)+", so that DMARC fails (RFC 9990 section 3.5)",
			"sign as the domain of report.from, or as one above it")
	}
}
