package config

import "github.com/postvet/postvet/policy/addrlist"

// Trust is whose word counts, about the client and against a failure of DMARC.
type Trust struct {
	Relays              List
	Forwarders          List
	Sealers             List
	ForwardedRecipients List
}

func (t *Trust) section() section {
	return section{name: "trust", comment: `Whose word counts: about the client, and against a failure of DMARC. Lists
take single entries and files of entries, such as
"file:/etc/postvet/forwarders": one entry a line, "#" for remarks, "!" for
exceptions, as in the lists of opendkim and opendmarc. A name stands for
itself, ".example.org" for the names below it. In all such lists, also
in [policy] and [exempt], { entry = "192.0.2.25", until = 2026-12-31 } is
an entry that counts until the end of that day in the machine's time zone.
A date and time, 2026-12-31T18:00:00 or with an offset, will do too, and so
will "until" in a [[rule]]. "postvet config check" warns of what has ended.`, inRules: true, keys: []key{
		{
			name: "relays", value: entries(&t.Relays, addrlist.Addresses, 0), evaluation: true, environment: true,
			comment: `Hosts in front of this MTA, as addresses or prefixes: backup MXs, gateways.
SPF is evaluated for the client that they had, which the topmost Received
fields name; every hop that is listed is skipped. List only hosts that put a
Received field with the client's address on top of every message: below a host
that does not, a forged field of the sender would be believed. Relays are not
exempt, whatever [exempt] says.`,
		},
		{
			name: "forwarders", value: entries(&t.Forwarders, addrlist.Addresses|addrlist.Names|addrlist.Signers, 0),
			comment: `Who checks mail and then forwards it to us? Addresses, names that lead back to
the client's address, or "dkim:example.org" for all mail that this domain has
signed. Their mail is not rejected or held for failing DMARC or SPF, or by
sender_domain.`,
		},
		{
			name: "sealers", value: entries(&t.Sealers, addrlist.Names, 0),
			comment: `Whose ARC seals do we believe? A message passes if every sealer is listed,
from the newest down to one that saw the author's domain authenticated.`,
		},
		{
			name: "forwarded_recipients", value: entries(&t.ForwardedRecipients, addrlist.MailAddresses|addrlist.Names, 0), evaluation: true,
			comment: `Who of our users gets mail that hosts of others forward? Mail addresses, as
they stand in RCPT TO, such as "bob@example.org", or domains. With on_reject =
"judge", mail to them that fails under p=reject is held and not rejected, also
if it is forged; none is accepted for it. It is evidence of indirect mail, see
postvet-judgement(7). Name the hosts in forwarders if you know them.`,
		},
	}}
}

func (t *Trust) conflicts(x *conflicts) {
	x.everybody("trust.relays", t.Relays, "trusts", "list the relays' own addresses")
	x.everybody("trust.forwarders", t.Forwarders, "trusts", "list the forwarders' own addresses and names")
}
