package config

import (
	"path/filepath"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
)

// Report is which DMARC reports are sent, how, and which are read as they come.
type Report struct {
	Send ReportSend
	// Collect has messages counted although no report is sent.
	Collect bool
	// Directory is where counts and reports are kept; "" for that of the journal.
	Directory string
	Retention time.Duration

	// Submitter is the domain in whose name reports are sent. OrgName, Email and Contact
	// are what they say of us; an empty OrgName is Submitter.
	Submitter, OrgName, Email, Contact string
	// From is the address in the From field of reports.
	From string
	// SMTP is the server that takes reports, as HOST:PORT or "unix:" and a path. AuthFile
	// has its login, "" for none.
	SMTP, AuthFile string
	// DKIMDomain and DKIMSelector are of the key that signs reports; "" for none, or for
	// any key of the domain.
	DKIMDomain, DKIMSelector string
	// BounceDomain is that of the envelope sender; "" for that of From.
	BounceDomain string
	Bounce       ReportBounce

	SendWindow time.Duration
	Rate       int // messages a minute
	MaxPerDay  int
	EnvelopeTo bool
	Forged     bool
	Known      List
	Exclude    List
	// DestinationsDNSBL are the zones of lists of domains that get no reports.
	DestinationsDNSBL []string

	Failure ReportFailure

	// Inbox are our addresses for reports that others send.
	Inbox       []string
	RequirePass bool
}

// ReportFailure is which failure reports are sent.
type ReportFailure struct {
	Send           ReportSend
	PerDestination int // an hour
	Rate           int // a minute
	Subject        bool
}

// ReportSend says which domains get reports.
type ReportSend string

// The values of report.send and report.failure.send.
const (
	ReportSendOff    ReportSend = "off"
	ReportSendKnown  ReportSend = "known"
	ReportSendAll    ReportSend = "all"
	ReportSendListed ReportSend = "listed"
)

// ReportBounce says what is done with bounces of our reports.
type ReportBounce string

// The values of report.bounce.
const (
	ReportBounceConsume ReportBounce = "consume"
	ReportBounceDeliver ReportBounce = "deliver"
)

// Collects reports whether messages are counted for reports.
func (r *Report) Collects() bool { return r.Send != ReportSendOff || r.Collect }

// Stores reports whether anything is kept of reports.
func (r *Report) Stores() bool { return r.Collects() || len(r.Inbox) > 0 }

// reportsName is the file of counts and reports in its directory.
const reportsName = "reports.db"

// ReportFile returns the path of the file that keeps counts and reports; "" if none is
// named, or if they are kept in the database of journal.postgres.
func (c *Config) ReportFile() string {
	dir := c.Report.Directory
	if dir == "" {
		dir = c.Journal.Directory
	}
	if dir == "" || c.Journal.Postgres != "" {
		return ""
	}
	return filepath.Join(dir, reportsName)
}

func (r *Report) sections() []section {
	keys := append(r.storeKeys(), r.submitterKeys()...)
	keys = append(keys, r.paceKeys()...)
	keys = append(keys, r.inboxKeys()...)
	return []section{
		{name: "report", keys: keys, comment: `Reports by DMARC. Domains that ask for it are told once a day how the mail in
their name fared here: aggregate reports (RFC 9990). Nothing is sent unless
send says so. Reports that come to you about your own domains are read if
inbox names their address.`},
		{name: "report.failure", keys: r.Failure.keys(), comment: `Failure reports (RFC 9991): about single messages that failed, at once, to
domains whose record has ruf=. They have header fields of mail that is not
yours, never a body: postvet-reports(7) says which. BSI TR-03182 says that the
law of the EU (GDPR) does not allow them; ask your lawyer first.`},
	}
}

func (r *Report) storeKeys() []key {
	return []key{
		{
			name: "send", value: oneOf(&r.Send, ReportSendOff, ReportSendKnown, ReportSendAll, ReportSendListed), environment: true,
			comment: `Which domains get a report of the day before. off: none. known: those whose
mail came on at least two days of the last 30, and those of known; spammers'
domains of a day do not qualify. all: each one that asks. listed: those of
known alone.`,
		},
		{
			name: "collect", value: truth(&r.Collect, false),
			comment: `Count messages although send is off, for "postvet report preview".`,
		},
		{
			name: "directory", value: text(&r.Directory, "", checkReportDirectory), restart: true,
			comment: `Where counts and reports are kept, in the file reports.db: a directory of a
local disk that the service may write. Empty: that of the journal. If
journal.postgres is set, they are kept there. Needs a restart to change.`,
		},
		{
			name: "retention", value: duration(&r.Retention, 35*day, 3*day, 400*day),
			comment: `How long counts, reports and what became of them are kept (72h to 9600h).`,
		},
		{
			name: "known", value: entries(&r.Known, addrlist.Names, 0),
			comment: `Domains that get reports with send = "known" and "listed", such as
"example.org", and ".example.org" for those below it.`,
		},
		{
			name: "exclude", value: entries(&r.Exclude, addrlist.Names, 0),
			comment: `Domains that get no report: neither about their mail nor at their addresses.
"postvet report suppress" does so for single addresses.`,
		},
		{
			name: "forged", value: truth(&r.Forged, false),
			comment: `Send reports also to a domain none of whose mail passed DMARC while we refused
all of it. Victims of forgery want them; but who forges mail can then have
reports sent to anybody that publishes a record.`,
		},
		{
			name: "destinations_dnsbl", value: list(&r.DestinationsDNSBL, checkZone, `write a list, such as ["dmarc.dnsbl.example"]`),
			comment: `DNS lists of domains that get no report: each is asked for the domain of an
address, and 127.0.0.0/8 as an answer means no.`,
		},
		{
			name: "envelope_to", value: truth(&r.EnvelopeTo, false),
			comment: `Whether reports tell the domains of recipients. Few receivers do.`,
		},
	}
}

func (r *Report) submitterKeys() []key {
	return []key{
		{
			name: "submitter", value: text(&r.Submitter, "", checkDomain), environment: true,
			comment: `The domain in whose name reports are sent, such as "example.org". It stands in
their Subject and in their file names.`,
		},
		{
			name: "org_name", value: text(&r.OrgName, "", checkReportText),
			comment: `The name of your organization in reports. Empty: that of submitter.`,
		},
		{
			name: "email", value: text(&r.Email, "", checkMailAddress), environment: true,
			comment: `Your address for questions about reports, such as "postmaster@example.org".`,
		},
		{
			name: "contact", value: text(&r.Contact, "", checkReportText),
			comment: `Further contact data in reports, such as the URL of a page.`,
		},
		{
			name: "from", value: text(&r.From, "", checkMailAddress), environment: true,
			comment: `The address that reports come from, such as "noreply@reports.example.org".
Choose a domain of its own with SPF, DKIM, an MX, and a DMARC record without
rua: nobody then reports about your reports, and you report about nobody's.`,
		},
		{
			name: "smtp", value: text(&r.SMTP, "127.0.0.1:25", checkReportServer), environment: true,
			comment: `The server that takes reports and sends them on: "HOST:PORT", or "unix:" and
the path of a socket. TLS is demanded of one that is not on this machine.`,
		},
		{
			name: "auth_file", value: text(&r.AuthFile, "", checkServerFile),
			comment: `A file with the login for that server: the user's name in its first line, the
password in its second. Empty: no login.`,
		},
		{
			name: "dkim_domain", value: text(&r.DKIMDomain, "", checkDomain),
			comment: `Sign reports as this domain, by its key of [sign]. Empty: the server signs
them.`,
		},
		{
			name: "dkim_selector", value: text(&r.DKIMSelector, "", checkSelector),
			comment: `The selector of the key that signs them. Empty: any of the domain.`,
		},
		{
			name: "bounce_domain", value: text(&r.BounceDomain, "", checkDomain),
			comment: `The domain of the envelope sender, "bounce+TOKEN@" this domain. Its MX must be
this server, so that Postvet sees which addresses are dead. Bounces that
Postfix itself writes it sees with internal_mail_filter_classes = bounce and
non_smtpd_milters = $smtpd_milters in main.cf. Empty: that of from.`,
		},
		{
			name: "bounce", value: oneOf(&r.Bounce, ReportBounceConsume, ReportBounceDeliver),
			comment: `What is done with a bounce of a report when Postvet has read it. consume:
accept and drop it. deliver: deliver it too. Postfix shows its own bounces to
no milter, unless main.cf has internal_mail_filter_classes = bounce and
non_smtpd_milters with Postvet.`,
		},
	}
}

func (r *Report) paceKeys() []key {
	return []key{
		{
			name: "send_window", value: duration(&r.SendWindow, 6*time.Hour, 10*time.Minute, 20*time.Hour),
			comment: `Over which time after midnight (UTC) the reports of a day are spread (10m to
20h).`,
		},
		{
			name: "rate", value: integer(&r.Rate, 60, 1, 6000),
			comment: "How many reports are sent a minute at most (1 to 6000).",
		},
		{
			name: "max_per_day", value: integer(&r.MaxPerDay, 2000, 1, 1_000_000),
			comment: "How many are sent a day at most (1 to 1000000).",
		},
	}
}

func (r *Report) inboxKeys() []key {
	return []key{
		{
			name: "inbox", value: list(&r.Inbox, checkMailAddress, `write a list, such as ["dmarc-reports@example.org"]`),
			comment: `Your addresses that the rua= and ruf= of your own records name. Reports are
read as they come to them, and delivered. Mail to them causes no reports.`,
		},
		{
			name: "require_pass", value: truth(&r.RequirePass, false),
			comment: `Refuse mail to inbox that does not pass DMARC, as reports must (RFC 9990
section 3.5).`,
		},
	}
}

func (f *ReportFailure) keys() []key {
	return []key{
		{
			name: "send", value: oneOf(&f.Send, ReportSendOff, ReportSendKnown, ReportSendAll, ReportSendListed),
			comment: "Which domains get them, as send of [report] says.",
		},
		{
			name: "per_destination", value: integer(&f.PerDestination, 1, 1, 60),
			comment: `How many an address gets an hour at most (1 to 60). Failures that are alike
are one report, which counts them.`,
		},
		{
			name: "rate", value: integer(&f.Rate, 10, 1, 600),
			comment: "How many are sent a minute at most (1 to 600).",
		},
		{
			name: "subject", value: truth(&f.Subject, false),
			comment: `Whether they have the Subject. Local parts of addresses are always replaced
by a keyed hash.`,
		},
	}
}
