package manual

const reportsPage = "postvet-reports"

// reports writes postvet-reports(7).
func (e Edition) reports() Page {
	r, file := e.page(reportsPage, 7, "DMARC reports that postvet sends")
	r.section("Description")
	r.text(`The DMARC record of a domain may ask receivers for two kinds of reports. Aggregate reports (RFC 9990, the tag rua) say once a day how many messages in the name of the domain came from which addresses and how they fared. Failure reports (RFC 9991, the tag ruf) say at once what a single message was that failed. Postvet sends both if the sections [report] and [report.failure] of postvet.toml(5) say so, and none by default.

"postvet report check" says whether your reports can arrive and be believed, and "postvet report preview DOMAIN" what one would say. See postvet-report(1).`, "PP")
	r.section("Aggregate reports")
	r.text(`Each message that was checked counts, whatever was done with it, except those that are deferred, exempt, or refused before DATA. A report is about one policy of one domain on one day of UTC. It has addresses, domains and selectors, and nothing of any user.

With send = "known" only domains get reports whose mail came on at least two of 30 days, and those in the list "known": the domains that spammers throw away live for one day. Mail to your own addresses for reports, reports themselves and bounces never cause a report. They are only told in one that there is anyway.`, "PP")
	r.section("Bounces")
	r.text(`The envelope sender of a report is "bounce+TOKEN@" and report.bounce_domain, with a token of its own for each address. When a bounce comes to it, Postvet knows which report did not arrive: the address gets no reports for 30 days, then 90, then 365, until one is taken. "postvet report suppress list" shows who gets none.

Your MTA must take mail to these addresses and show it to Postvet. Most bounces it writes itself, when another server refuses a report; Postfix shows these to Postvet with two lines in main.cf:

  internal_mail_filter_classes = bounce
  non_smtpd_milters = $smtpd_milters

It must take any extension behind "bounce+" (recipient_delimiter = + with a mailbox or alias "bounce"). Postvet drops the bounces that it has read, unless report.bounce = "deliver". "postvet report check" asks whether the address is taken.`, "PP")
	r.section("Failure reports")
	r.text(`A failure report is about mail that is not yours, and goes to whoever the author's domain names. BSI TR-03182 says that the law of the EU (GDPR) does not allow it. Large providers send none. Ask first, and prefer aggregate reports.

The tag fo says when one is asked for: "0", the default, if nothing gives an aligned pass; "1" if SPF or DKIM gives none; "d" if a signature fails; "s" if SPF fails. A DNS failure is never a reason.

The report has the result that it is about, above the header all results, the client's address, the failed signature with its key record, the SPF record, and what may be told of the header. The body is never in it.`, "PP")
	r.section("What is told of a header")
	for _, i := range toldOfHeader {
		r.item(i[0])
		r.filled(i[1])
	}
	r.text(`The key of the hash (RFC 6590) is made new at each start and every 30 days, is another one for each domain, and is in memory alone. So two domains cannot compare what they were told, and nobody can find out later whose a hash was.`, "PP")
	r.section("How many are sent")
	r.text(`Failures that are alike are one report, whose field Incidents counts them: of the same domains, with the same result and the same signature, from the same network (/24 or /64). It is sent ten minutes after the first of them. An address gets at most "per_destination" an hour, and all together "rate" a minute. Until it is the turn of an address, failures go on being counted, for a day at most. 500 reports are open at one time, and 10 for a domain.

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
	{"bounce", `it is a bounce of a report of ours`},
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
	{"too-late", `for a day it was not the turn of its addresses, or DNS failed`},
	{"invalid", `no valid report could be made, which is a bug`},
	{"stopped", `the store failed when the service ended, or failure reports were turned off`},
}
