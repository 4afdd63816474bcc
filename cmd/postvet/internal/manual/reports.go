package manual

const reportsPage = "postvet-reports"

// reports writes postvet-reports(7).
func (e Edition) reports() Page {
	r, file := e.page(reportsPage, 7, "DMARC reports that postvet sends and reads")
	r.section("Description")
	r.text(`The DMARC record of a domain may ask receivers for two kinds of reports. Aggregate reports (RFC 9990, the tag rua) say once a day how many messages in the name of the domain came from which addresses and how they fared. Failure reports (RFC 9991, the tag ruf) say at once what a single message was that failed. Postvet sends both if the sections [report] and [report.failure] of postvet.toml(5) say so, and none by default. It also reads the reports that others send about your domains.`, "PP")
	r.section("To begin")
	r.text(`These lines of postvet.toml(5) send aggregate reports. Write your own names:

  [report]
  send = "known"
  directory = "/var/lib/postvet/reports"
  submitter = "example.org"
  email = "postmaster@example.org"
  from = "noreply@reports.example.org"

The domain of from needs an MX record that leads to this server, an SPF record, and a DMARC record without rua. To count first and send later, write collect = true in place of the line send. These commands show, in this order, whether it works:

  postvet config check FILE            are keys missing or wrong?
  postvet report check                 can reports arrive, be believed?
  postvet reload
  postvet report preview example.net   what would today's report say?
  postvet report send --due --dry-run  who gets one, and when?
  postvet report list                  what became of each report?

Let no other program report on the same mail. "postvet config import" takes over the settings of opendmarc, Rspamd and Mail::DMARC. See postvet-report(1).`, "PP")
	r.section("Aggregate reports")
	r.text(`Each message that was checked counts, whatever was done with it, except those that are deferred, exempt, or refused before DATA. A report is about one policy of one domain on one day of UTC. It has addresses, domains and selectors, and nothing of any user.

With send = "known" only domains get reports whose mail came on at least two of 30 days, and those in the list "known": the domains that spammers throw away live for one day. Mail to your own addresses for reports, reports themselves and bounces never cause a report. They are counted in a report that is sent anyway.`, "PP")
	r.section("Bounces")
	r.text(`The envelope sender of a report is "bounce+TOKEN@" and report.bounce_domain, with a token of its own for each address. When a bounce comes to it, Postvet knows which report did not arrive: the address gets no reports for 30 days, then 90, then 365, until one is taken. "postvet report suppress list" shows who gets none.

Your MTA must take mail to these addresses and show it to Postvet. It writes most bounces itself, when another server refuses a report; Postfix shows these to Postvet with two lines in main.cf:

  internal_mail_filter_classes = bounce
  non_smtpd_milters = $smtpd_milters

It must take any extension behind "bounce+" (recipient_delimiter = + with a mailbox or alias "bounce"). Postvet drops the bounces that it has read, unless report.bounce = "deliver". "postvet report check" asks whether the address is taken.`, "PP")
	r.section("Reports of others")
	r.text(`Name the addresses of rua and ruf in your own DMARC records in the key inbox of [report], which needs the key directory. Reports that come there by mail are read and kept, and the mail is delivered as before. "postvet report received" lists them, "postvet report failures" shows the failure reports, and "postvet report sources DOMAIN" says who sends as your domain and whether it is ready for p=quarantine or p=reject.

Anybody can send a report. Only those whose mail passed DMARC count; the flag --unproven shows or counts the others too, and require_pass = true refuses them. "postvet report read --store" adds reports that are in files or mailboxes.`, "PP")
	r.section("Failure reports")
	r.text(`A failure report is about mail that is not yours, and goes to an address that the author's domain chooses. BSI TR-03182 says that the law of the EU (GDPR) does not allow it. Large providers send none. Ask first, and prefer aggregate reports.

The tag fo says when one is asked for: "0", the default, if nothing gives an aligned pass; "1" if SPF or DKIM gives none; "d" if a signature fails; "s" if SPF fails. A DNS failure is never a reason.

The report has the result that it is about, above the header all results, the client's address, the failed signature with its key record, the SPF record, and what may be told of the header. The body is never in it.`, "PP")
	r.section("What is told of a header")
	for _, i := range toldOfHeader {
		r.item(i[0])
		r.filled(i[1])
	}
	r.text(`The key of the hash (RFC 6590) is made new at each start and every 30 days, is another one for each domain, and is in memory alone. So two domains cannot compare what they were told, and nobody can find out later which address a hash stands for.`, "PP")
	r.section("How many are sent")
	r.text(`Failures that are alike lead to one report, whose field Incidents counts them: of the same domains, with the same result and the same signature, from the same network (/24 or /64). It is sent ten minutes after the first of them. An address gets at most "per_destination" an hour, and all together "rate" a minute. Failures go on being counted until it is the turn of an address, for a day at most. 500 reports are open at one time, and 10 for a domain.

Before a report is sent, and at each further attempt, the record is looked up again. An address of another organization must consent by a record at DOMAIN._report._dmarc. and its own domain; otherwise nothing is sent there.

Reports that are open go into the outbox when the service ends, and wait there for their turn. They are lost only if the service is killed, or if the store fails then.`, "PP")
	r.section("Reasons for no failure report")
	r.text(`The metrics postvet_report_failure_skipped_total and postvet_report_failure_dropped_total have one of these words in the label "why": the first for mail that leads to none, the second for failures that a domain asked about.`, "PP")
	for _, i := range failureReasons {
		r.item(i[0])
		r.filled(i[1])
	}
	r.section("See also")
	r.references("postvet(1)", "postvet-report(1)", configPage+"(5)", logPage+"(5)")
	return Page{file, r.b.Bytes()}
}

// toldOfHeader is what failure reports have of a header.
var toldOfHeader = [][2]string{
	{"From, Sender, Reply-To, To, Cc and the like", `their addresses, without names and remarks. Each local part is replaced by a keyed hash: the same one for the same local part in all reports to a domain.`},
	{"Received", `names and addresses of hosts, protocol, id and time. The recipient behind "for" is replaced by its hash; remarks, in which logins and senders stand, are left out.`},
	{"DKIM-Signature, ARC-Seal, ARC-Message-Signature", `their tags, with the local part of i= replaced, and without z=, which has copies of other fields.`},
	{"Authentication-Results, ARC-Authentication-Results", `methods, results and domains, without reasons, logins and the rules of receivers.`},
	{"Message-ID", `so that the sender finds the message. Its left side is replaced if it has an address in it, or the local part of one.`},
	{"Subject", `on request (subject = true): decoded, with addresses replaced and "http" written "hxxp".`},
	{"Date, MIME-Version, Content-Type, Content-Transfer-Encoding, List-Id, Precedence, Auto-Submitted, User-Agent, X-Mailer", `without names of files and boundaries.`},
	{"All other fields", `are left out, and counted.`},
}

// failureReasons are the reasons of messages that lead to no failure report.
var failureReasons = [][2]string{
	{"deferred", `the message comes again`},
	{"exempt", `it was not checked`},
	{"fault", `an internal error hides what it is`},
	{"bounce", `it is a bounce of our report`},
	{"no-client", `the client's address is not known`},
	{"no-author-domain", `there is no single author domain`},
	{"undecided", `a DNS failure hides whether it failed, or the record is broken`},
	{"no-record", `no DMARC record applies`},
	{"no-address", `the record has no ruf, or no address there takes reports`},
	{"psd", `the record is that of a public suffix (psd=y), which RFC 9991 forbids to ask`},
	{"not-asked", `nothing failed that fo asks about`},
	{"null-sender", `it has no sender: a bounce or another notification`},
	{"report", `it says that a program sends it: a report, or an answer`},
	{"list", `it looks like a mailing list's, whose members it would tell`},
	{"own-domain", `it is in the name of a domain of yours (own_domains), or of your reports`},
	{"excluded", `report.exclude has the domain`},
	{"not-listed", `send is "listed", and report.known does not have the domain`},
	{"unknown", `send is "known", and the domain is not`},
	{"full", `too many failures of too many kinds`},
	{"too-late", `the turn of its addresses did not come for a day, or DNS failed`},
	{"invalid", `no valid report could be made, which is a bug`},
	{"stopped", `the store failed when the service ended, or failure reports were turned off`},
}
