package manual

import (
	"fmt"

	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/patterns"
	"github.com/postvet/postvet/policy/result"
)

const judgementPage = "postvet-judgement"

// judgement writes postvet-judgement(7).
func (e Edition) judgement() Page {
	r, file := e.page(judgementPage, 7, "how postvet tells forgeries from indirect mail")
	r.section("Description")
	r.text(`A domain with p=reject asks receivers to refuse mail that does not prove to be its own. Such mail may be forged. It may also be genuine and have come by way of a mailing list, a forwarder or a gateway, which broke SPF and the signature. RFC 9989 (sections 7.4 and 8) therefore does not allow a receiver to refuse a message for that policy alone. It asks for other knowledge, and without any it has p=reject treated as p=quarantine.

The key on_reject of [policy] says what is done. With "judge", the default, Postvet looks for evidence. With "always" every such message is refused, as most software does. With "quarantine" all of them are held. This page is about "judge".`, "PP")
	r.section("The rule")
	r.text(`A message is refused if at least one entry speaks for a forgery and none for indirect mail. Every other message is treated as p=quarantine: held, or tagged, as the key quarantine says.

Anybody can write most signs of indirect mail. A forger who does so has his message held in place of refused. No sign leads to acceptance.

If a DNS failure hides whether there is a sign of indirect mail, the message is held. Evidence that rests on earlier mail counts as absent as long as nothing is known.`, "PP")
	for _, side := range []struct {
		side        result.Side
		title, text string
	}{
		{result.Forgery, "Evidence of forgery", `But for "never-unsigned", the evidence is about mail that nothing authenticates: no signature of any domain is intact, SPF passes neither for MAIL FROM nor for the HELO name, and the client's verified name is neither of the author's organization nor of the sender's. A sender who authenticates as another domain than the author's can be named and blocked. Help desks, calendars and newsletters send such mail for their customers.`},
		{result.Indirect, "Evidence of indirect mail", `A forwarder that keeps MAIL FROM, breaks the signature and removes the Received fields cannot be told from a forger; nor can a gateway whose names are those of other networks. List it in trust.forwarders, by which its mail is accepted.`},
	} {
		r.section(side.title)
		r.text(side.text, "PP")
		for _, x := range judgement.Entries() {
			if x.Side == side.side {
				r.item(x.Name)
				r.filled(x.Says + ".")
			}
		}
	}
	r.text(`For "earlier-hop", SPF of the author's domain is asked for the client, unless MAIL FROM has had that asked, and for at most 4 hosts of the Received fields. A gateway may have other names inside than outside. If none of the names in the fields is of the client's organization, the addresses of at most 4 of them are asked: the fields do not lead to the client if all of these are in other networks. Nor does the name of a host count whose addresses are elsewhere. These lookups are made only for messages that fail under p=reject, and only if on_reject is "judge", a shadow policy has it, or a rule asks for the fact "judgement".`, "PP")
	r.section("What is learned")
	r.text(learnedText, "PP")
	r.section("Stricter, and milder")
	for _, i := range stricter {
		r.item(i[0])
		r.filled(i[1])
	}
	r.section("Held mail")
	r.text(`"postvet held" lists what is held, by the author's domain, with the evidence and the commands that release or delete it. hold_digest of [policy] sends that list by mail each day.

hold_per_day and hold_per_domain bound how much is held. Mail above them is deferred or tagged, as hold_over says, and never refused: a DNS failure may be the reason why it is held.`, "PP")
	r.section("What it would change")
	r.text(`The key "judgement" of the log has the outcome and the names of the evidence of each message that fails under p=reject, with each value of on_reject. "postvet check --trace" shows every entry, and "postvet explain REF" why a past message was held or refused. These commands show what another value would have done with the mail of a month:

  printf '[policy]\non_reject = "always"\n' > always.toml
  postvet policy test --history 30d --rules always.toml

If "always" was in force, neither the client nor the earlier hops were asked. Then the outcome of "judge" is unknown for messages that something else speaks against, and is counted apart. A shadow policy with on_reject = "judge" has them asked, and refuses nothing more.

Reports to the author's domain have what was really done, with the reason local_policy.`, "PP")
	r.section("See also")
	r.references("postvet(1)", "postvet-check(1)", "postvet-explain(1)", "postvet-held(1)", "postvet-policy(1)", configPage+"(5)", "postvet-rules(5)")
	return Page{file, r.b.Bytes()}
}

// learnedText is about package patterns.
var learnedText = fmt.Sprintf(`With [journal], Postvet learns from mail that passes DMARC, for each organizational domain: from which networks it comes that pass SPF, which domains sign it, how much of it is unsigned, and through which networks it comes that passes by its signature alone. Numbers of %[1]d days count. They are kept in state.db of the journal, are written and read again each hour, and go with journal.keep_counts and "postvet journal forget". Machines that share a PostgreSQL database (journal.postgres) know together what each of them learned: each sends its numbers after it has written them, and reads those of the others. A single message that several saw from one network on one day counts once, so that replaying it to all of them teaches no more than replaying it to one. A machine that cannot reach the database judges by what it learned itself, and "postvet journal status" says so. Without a journal nothing is learned, and the rest of the evidence works as it does.

A domain signs all its mail if mail from networks that pass SPF came on at least %[2]d days, %[3]d messages in all, the last within %[4]d days. At most one in %[5]d pairs of network and day may have had unsigned mail, and none of the last %[6]d days. A domain without an SPF record is judged by its signed mail.

A network is a known forwarder if mail of at least %[7]d domains that somebody registered came through it on at least %[8]d days, which SPF did not authenticate while the author's signature did. A domain is known as a sender with %[2]d days and %[3]d messages of its own. Then a message that authenticates as this domain, such as that of a help desk or of a newsletter service, is held in place of refused, whoever its author is.

A service that nobody knows yet sends unsigned mail of a domain that signs all of its own: a forger does so, but a new help desk does too. "never-unsigned" therefore does not count for mail that authenticates as somebody, unless its network sent such mail of 3 domains within the hour.

Mail that fails teaches nothing. Nobody can teach anything about a domain of others but by replaying its signed messages. Such a message does not pass SPF for the author's domain. So it does not count as volume or as signed. It counts once a day for a network, whatever the number, and can make the forger's own network a known forwarder: his messages are then held in place of refused. A domain whose SPF record covers others, as that of a service with many customers may, can be made to look as if it did not sign all its mail, by these.

"postvet domain --observed" shows what is known of a domain. "postvet check" and "postvet policy test" with stored messages judge by what the journal of their --config has at present, and change nothing there; "check --trace" says so.`, patterns.Days, patterns.MinDays, patterns.MinPasses, patterns.StaleDays, patterns.MaxUnsignedShare, patterns.UnsignedDays, patterns.ForwarderDomains, patterns.ForwarderDays)

// stricter is how the outcome is changed.
var stricter = [][2]string{
	{"Your own domains", `are judged by nobody: mail of own_domains that fails under p=reject is refused as with "always".`},
	{"Domains that forgers like", `become strict by author_overrides: "bank.example" = "reject" refuses their failing mail, also if something speaks for indirect mail. "none" never refuses, and "quarantine" always holds.`},
	{"Rules of your own", `may ask for the fact judgement, which is "refuse", "hold" or "". These keys refuse what would be held for recipients who are on no list: if = 'judgement == "hold" and not list', to = ["payroll@example.org"], action = "reject".`},
	{"All mail that fails under p=reject", `is refused with on_reject = "always". quarantine = "reject" refuses it too, and mail that fails under p=quarantine as well.`},
	{"Domains whose learned patterns mislead", `are judged without them if they stand in observed_except, such as a domain that begins to send by a service that does not sign for it. observed = false does so for all, and learns nothing.`},
	{"Users whose mail others forward", `to your server are listed in trust.forwarded_recipients, if the forwarding hosts cannot be. Their failing mail is held in place of refused, and a forger profits from that too. Nobody learns such recipients: a forger would only have to send them what others signed, and hosts through which signed mail of several domains comes are learned as forwarders, whoever gets it.`},
	{"Forwarders, sealers and lists", `that you trust are treated more mildly: trust.forwarders, trust.sealers and mailing_lists = "accept" have their mail accepted.`},
}
