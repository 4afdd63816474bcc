package manual

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

const journalPage = "postvet-journal"

// journal writes postvet-journal(5).
func (e Edition) journal() Page {
	r, file := e.page(journalPage, 5, "the journal of past messages of postvet")
	r.section("Description")
	r.text(`The journal has a row for each message that the running service has decided about, if journal.directory in postvet.toml(5) names a place for it. "postvet history" finds messages, "postvet explain" tells the story of one, "postvet top" ranks domains and clients, and "postvet journal" looks after the files. This page is for who wants to ask the files themselves.

Rows are written once a second, after the MTA has its answer. Mail never waits for them: what the disk does not take is left out, and postvet_journal_dropped_total counts it. When the process is killed, the rows of the last second are lost; when the machine loses its power, those of the last minute may be, or with journal.sync = "full" those of the last second. A day has 381 octets for a row of usual mail, and 437 when it is over and has its indexes.

Not every message has a row: mail that is exempt is left out unless journal.exempt = "keep", and so is all mail to the domains of journal.ignore.`, "PP")
	r.section("Files")
	r.text(`All files are readable by the user of the service alone. A day is one of UTC. It is removed with its files when journal.keep or keep_accepted is over, at the latest an hour later.`, "PP")
	for _, f := range journalFiles {
		r.item(f[0])
		r.filled(f[1])
	}
	r.section("Addresses")
	r.text(`journal.privacy says what is kept of addresses: their domains; or also a keyed hash of each, by which a known address is found; or the addresses themselves. Hashes are pseudonyms: who has the key of the month can try addresses. A key is removed with the last file of its month. Subjects, bodies, display names and other fields of the header are never kept.

If journal.client_after is set, days lose what names their clients when they have been over for so long: client becomes the network (192.0.2.0/24, or /48 of IPv6), helo becomes NULL, and in facts the names of reverse DNS and the addresses that ARC sealers have recorded are removed likewise. The file is made anew, so that nothing is left in its pages. Such a row is found by its network, no longer by an address; "postvet explain" says that facts are missing.

Each search for an address or a client by "postvet history" is written down in audit.log, with the user who asked. Who reads the files with other programs is not.`, "PP")
	r.section("Asking with SQL")
	r.text(`The files are SQLite databases, and may be read while the service writes. The view "mail" has the columns below and "at", the time of the verdict:

  sqlite3 -readonly 2026-11-29.rest.db \
    "SELECT at, action, author, rule FROM mail WHERE dmarc = 'fail' ORDER BY at DESC LIMIT 20"
  sqlite3 -readonly 2026-11-29.rest.db \
    "SELECT org, count(*) FROM message GROUP BY org ORDER BY 2 DESC LIMIT 10"

Indexed are queue, org and message_key, and in the files of the rest also client and mail_from_key. Files of accepted mail get their indexes when the day is over. A value that is not there is NULL. Senders chose most of the texts; they have no control characters, but are no more trustworthy for that.`, "PP")
	r.section("Columns of message")
	for c := range rows.Columns {
		r.item(fmt.Sprintf("%s (%s)", c, journalKinds[c.Kind()]))
		r.filled(journalColumns[c])
	}
	r.section("Columns of generation")
	r.text(`The configurations that were in force, as "postvet config show" prints them: id, which message.generation names; since, from when; text.`, "PP")
	r.section("DNS records")
	r.text(fmt.Sprintf(`The table "record" of state.db, and its view "records" with times in words, have the SPF, DMARC and DKIM key records that messages met, each text once: name, standard (spf, dmarc or dkim), text, first and last, the times in seconds when a message met it first and last. Accepted mail that passes DMARC is left out. What the last message of an hour met is not written again, so last may be an hour old. A text is cut after %d octets. Records are removed with the rows of their time; of too many, those that were met on one day alone go first.

  sqlite3 -readonly state.db \
    "SELECT since, until, text FROM records WHERE name = '_dmarc.example.org' ORDER BY since"`, rows.MaxRecordText), "PP")
	r.section("Patterns")
	r.text(`The table "pattern" of state.db, and its view "patterns" with days in words, have what was learned from mail that passes DMARC, see postvet-judgement(7): org, the organization of the author; kind and name, a "network" or a "forwarder" with its network, or a "signer" with its domain; day, in days since 1970; n, the number of messages, and unsigned, those without a signature of the domain. What passes without SPF is counted once a day. A day has at most 32,768 rows, and is removed after 30 days.`, "PP")
	r.section("Counts")
	r.text(`The file state.db has how many messages came in each hour and day, for "postvet top". The tables hour and day have a row for each name of a kind: "domain", the organization of the author as in message.org; "client", the network of the client, of 256 IPv4 addresses or a /48 of IPv6; "hint" and "rule", as in message. The row of kind "all" has the sum of all messages. at is the beginning of the hour or day in seconds since 1970; the views hours and days have it as text:

  sqlite3 -readonly state.db \
    "SELECT time, name, failed, n FROM days WHERE kind = 'domain' AND failed > 0 ORDER BY failed DESC LIMIT 20"

An hour is written when it is over, and added to its day. Until then, what was counted is in the table recent, in a form of its own that "postvet top" reads; it is written each ten seconds, and no more is lost when the process is killed. Messages that are only kept out of the files, since there was no room for them, are counted all the same; period.missing and postvet_journal_uncounted_total have those that could not be.

Senders invent names, so that an hour has at most 20,000 of a kind; messages of further ones are counted as "(other)". When a day is over, the 20,000 names with most messages are kept, and "(other)" has the rest. Messages without an author and a sender are counted as "(none)". "postvet journal forget --domain" adds the numbers of a domain to those of "(other)". Hours are kept for 15 days, and of days that are over with 5,000 names alone; days are kept for journal.keep_counts. With privacy = "counts", state.db is all that is written.`, "PP")
	for f := range counts.Fields {
		r.item(f.String() + " (integer)")
		r.filled(journalFields[f])
	}
	r.text(`Mail that failed DMARC or was not plainly accepted is also counted by its facts: hour_facts and day_facts have at, org, dmarc, action, would, override (the reason alone), hint, rule and n. The table period has for each hour and day its length, its beginning at, n, missing, and seq, which grows with each change.`, "PP")
	r.section("Parquet")
	r.text(`"postvet journal export --format parquet --to DIR" writes each day that is over into files DAY.rest.parquet and DAY.accepted.parquet, once, for programs that analyse many days or machines. They have the columns of message except for facts, and at, the time of the verdict in milliseconds. A value that is not there is null; 0 is a value for rcpts, size, took_us and generation. The files are compressed by zstd. journal.keep does not remove them, and "postvet journal forget" does not change them.`, "PP")
	e.fleet(r)
	r.section("Versions")
	r.text(`PRAGMA user_version is the version of the tables. Newer programs read older files. A file of a newer version is not read, and if the service were to write into it, it sets it aside under the name FILE.newer-1 and begins another one; so it does with a file that is damaged (FILE.damaged-1). New columns may be added in any version.`, "PP")
	r.section("See also")
	r.references("postvet(1)", "postvet-explain(1)", "postvet-history(1)", "postvet-journal(1)", "postvet-top(1)", configPage+"(5)")
	return Page{file, r.b.Bytes()}
}

// journalFiles are the files in journal.directory.
var journalFiles = [][2]string{
	{"DAY.rest.db", "mail of a day that was refused, deferred, held, redirected or discarded, or accepted only because it is monitored, or with an internal error"},
	{"DAY.accepted.db", "all other mail of a day"},
	{"state.db", "what outlives the days: how many messages came of each domain and client, and the DNS records that governed verdicts"},
	{"FILE-wal, FILE-shm", "what was written into a database last; they belong to it"},
	{"MONTH.key", "the key of the hashes of a month"},
	{"audit.log", "who searched for an address or a client, or had something forgotten, one JSON object a line"},
	{"lock", "the process that writes"},
	{"identity", "a number by which a PostgreSQL database knows the directory"},
}

var journalKinds = map[rows.Kind]string{rows.Text: "text", rows.Integer: "integer", rows.Blob: "blob"}

// journalColumns explain the columns.
var journalColumns = map[rows.Column]string{
	rows.ColRef:         `the reference as a number. Its upper bits are the time in milliseconds since 2025-01-01 (ref >> 20). "postvet history --json" prints it as it stands in replies.`,
	rows.ColQueue:       "the queue id of the MTA; NULL if the message had none yet",
	rows.ColMessageID:   `the first Message-ID without its angle brackets, with privacy = "addresses" alone`,
	rows.ColMessageKey:  "its hash",
	rows.ColClient:      "the address of the client that was evaluated; behind a trusted relay that of its client; its network after journal.client_after",
	rows.ColHelo:        "its argument of HELO or EHLO",
	rows.ColRelay:       "the address of the trusted relay that connected",
	rows.ColMailFrom:    `the domain of MAIL FROM, or all of it with privacy = "addresses"; "<>" for the null sender`,
	rows.ColMailFromKey: "the hash of the address",
	rows.ColRcpts:       "the number of recipients",
	rows.ColRcpt:        `their domains, each once, or with privacy = "addresses" the recipients, with blanks between; at most 16`,
	rows.ColRcptKeys:    "the hashes of the recipients, six octets each",
	rows.ColAuthor:      "the author's domain",
	rows.ColOrg:         "its Organizational Domain; if that is not known the author's domain, and without one the domain of MAIL FROM",
	rows.ColSPF:         "the result of SPF for MAIL FROM, or for HELO if that is null",
	rows.ColDKIM:        "the result of the best signature",
	rows.ColDMARC:       "the result of DMARC",
	rows.ColPolicy:      "the DMARC policy that applies to the author: none, quarantine or reject",
	rows.ColARC:         "the result of ARC",
	rows.ColSignatures:  `result, domain and selector of each DKIM signature, such as "pass example.org/s1, fail /s2". The author's domain is left out.`,
	rows.ColAction:      "what was done: accept, quarantine, reject, tempfail, redirect or discard",
	rows.ColWould:       "what would have been done if the message were not only monitored",
	rows.ColCode:        "reply code and enhanced status code of a refusal",
	rows.ColRule:        "the rule that decided",
	rows.ColOverride:    "reason and source of the last exception from what the author's domain asks for",
	rows.ColHint:        "the likeliest cause of a failure, as in postvet-log(5)",
	rows.ColShadow:      "action and rule of the shadow policy if it differs",
	rows.ColSize:        "octets of the message",
	rows.ColTook:        "microseconds from the end of the message to the verdict",
	rows.ColGeneration:  "the configuration that was in force, in the table generation",
	rows.ColFacts:       `everything else, in a form of its own, for "postvet explain" and "postvet history --json"`,
}

// journalFields explain the numbers of a name.
var journalFields = [counts.Fields]string{
	counts.All:         "all messages",
	counts.Passed:      "those that passed DMARC",
	counts.Failed:      "those that failed it",
	counts.NoPolicy:    "those of domains without a DMARC policy",
	counts.Undecided:   "those of which DMARC is not known: temperror, permerror",
	counts.Rejected:    "those that were rejected",
	counts.Quarantined: "those that were held",
	counts.Deferred:    "those that were deferred (tempfail)",
	counts.Redirected:  "those that were redirected",
	counts.Discarded:   "those that were discarded",
	counts.Would:       "those that are only monitored, and otherwise would not have been accepted",
	counts.Shadow:      "those that were accepted, and not by the shadow policy",
	counts.Spared:      "those of would and shadow",
	counts.Overridden:  "those with an exception from what the author's domain asks for",
	counts.Forwarded:   "those of which SPF or DMARC fails as forwarding makes it fail: the hints forwarded, maybe_forwarded and altered_by_list",
	counts.Broken:      "those of them that failed DMARC",
}
