package manual

// offers are what an MTA offers a milter when it connects, by the names of libmilter, and
// what happens to messages without each.
var offers = []struct{ name, text string }{
	{
		"SMFIF_CHGHDRS",
		`Delete header fields. Without it no forged field can be removed, so a message with a field in our name is deferred (451
4.3.0), in monitor mode too. All other messages pass as usual.`,
	},
	{
		"SMFIF_ADDHDRS",
		`Add header fields. Without it messages pass without our Authentication-Results and without a signature, with a warning
for each. A message that is to be tagged (policy.quarantine = "tag") is deferred (451 4.7.1).`,
	},
	{
		"SMFIF_QUARANTINE",
		`Hold messages. Without it a message that is to be held is delivered with a field X-Postvet-Quarantine. If the MTA lets no
field be added either, the message is deferred (451 4.7.1), since it must not pass as a good one.`,
	},
	{
		"SMFIF_ADDRCPT, SMFIF_DELRCPT",
		`Replace recipients. Without them a message that a rule redirects is deferred (451 4.3.0).`,
	},
	{
		"SMFIF_SETSYMLIST",
		`Ask for macros. Without it the MTA's own lists of macros must have i, {auth_authen}, {auth_type}, {tls_version}, {daemon_name}
and {client_addr}; otherwise Postvet does not know, for example, which users are logged in.`,
	},
	{
		"SMFIP_HDR_LEADSPC",
		`Header fields with their exact white space. Without it DKIM signatures with simple canonicalization of the header may
fail.`,
	},
}

// mtas writes the section about what an MTA must offer.
func mtas(r *roff) {
	r.section("What the MTA must offer")
	r.filled(`Postfix from 2.6 (milter_protocol = 6, its default) and Sendmail from 8.14 offer all of this. maddy and
some proxies do not. What is missing is logged when the MTA connects, and each message that it concerns has one warning.
The key answer_rcpt_and_data is for proxies that hang.`)
	for _, o := range offers {
		r.item(o.name)
		r.filled(o.text)
	}
}
