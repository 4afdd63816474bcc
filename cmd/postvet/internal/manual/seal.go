package manual

const sealPage = "postvet-seal"

// seal writes postvet-seal(7).
func (e Edition) seal() Page {
	r, file := e.page(sealPage, 7, "sealing of forwarded mail by postvet")
	r.section("Description")
	r.text(`A message that is forwarded comes to its next host from a server that the author's domain does not know: SPF fails. A mailing list that adds a footer or a tag in the Subject breaks the author's DKIM signature too. ARC (RFC 8617) lets a server that forwards add three fields: what it found when the message arrived, a signature of the message as it leaves, and a seal over both and over the sets of the servers before. The section [seal] of postvet.toml(5) says which messages Postvet seals. By default it seals none.`, "PP")
	r.section("Whether to seal")
	r.text(`A seal proves who wrote down the results, and not that they are true: anybody can seal anything. So a receiver believes a seal only if it trusts the sealer. Before you seal, find out whether the receivers of your forwarded mail trust you.`, "PP")
	for _, i := range sealAdvice {
		r.item(i[0])
		r.filled(i[1])
	}
	r.text(`RFC 8617 is an experiment. In 2026 the working group that made it began to declare it historic. If you can do without seals, do without.`, "PP")
	r.section("How to seal")
	r.text(`The keys are those of [sign]. The domain that seals needs an RSA key whose record is published, see postvet-key(1); it may be the key that signs. Which mail is forwarded is said in one of two ways, or both.

Mail that your server sends on unchanged, by an alias or a .forward, is sealed when it arrives, with the results that were found then:

  [sign]
  keys = "/etc/postvet/keys"
  [seal]
  domain = "example.org"
  recipients = ["alumni.example.org"]

Mail that a list server or a filter changes must be sealed after that, since the seal covers the message as it leaves. The list hands it in again, and Postvet must see it there, after all other filters:

  [seal]
  domain = "lists.example.org"
  networks = ["127.0.0.1", "::1"]

The results are then those in the Authentication-Results fields that Postvet wrote when the message arrived from outside. The message is not checked again: the list has changed it, and a second check would find that its signatures are broken. For the same reason a client in "networks" is not checked, and its fields in your name stay. Name only clients that keep what the border wrote and let nobody write such fields. Through other clients, an attacker who hands in mail there has forged results sealed in your name. A client that logs in is a user, and what it hands in is its own mail.

"postvet check --sign" says whether a message would be sealed.`, "PP")
	r.section("What a set says")
	r.text(`The set stands on top of the message: ARC-Seal, ARC-Message-Signature, ARC-Authentication-Results. The message signature covers the fields that DKIM signatures of Postvet cover by default, and the DKIM-Signature fields. It has no expiry.

The first set says cv=none, a further one cv=pass if the chain was valid on arrival. A chain that was not gets a set with cv=fail, which seals itself alone: it says at which host the chain was lost. Such a chain is never continued.`, "PP")
	r.section("Reasons")
	r.text(`The log has one of these words in the key "unsealed" of each message that is not sealed, and a sentence in "unsealed_why". The metric postvet_sealing_total counts them. A message that cannot be sealed is delivered without a set.`, "PP")
	for _, i := range sealReasons {
		r.item(i[0])
		r.filled(i[1])
	}
	r.section("See also")
	r.references("postvet(1)", "postvet-check(1)", "postvet-key(1)", "postvet-sign(1)", configPage+"(5)")
	return Page{file, r.b.Bytes()}
}

// sealAdvice is when a seal helps.
var sealAdvice = [][2]string{
	{"It helps with Microsoft 365", `if the administrator of the receiving organization has listed your domain as a trusted ARC sealer.`},
	{"It may help with Google", `which recommends ARC to those who forward mail and does not say whose seals it believes.`},
	{"It helps with other receivers", `if they say so. Postvet believes the sealers in trust.sealers, and no others.`},
	{"It is needless for mail that stays as it is", `as the author's DKIM signature stays valid, and DMARC passes by it. Do not add footers or tags, and rewrite MAIL FROM (SRS) so that bounces and SPF are yours.`},
	{"It is no replacement for a list that writes as itself", `From: "Ann via list" <list@lists.example.org>, signed by your domain, passes DMARC at every receiver. Mailman does so for authors whose domains ask for reject ("dmarc_mitigate_action").`},
	{"It is wrong for mail of your own users", `which DKIM signs. Postvet never seals it.`},
}

// sealReasons are the words of sign.SealReasons.
var sealReasons = [][2]string{
	{"not-forwarded", "No recipient is one of seal.recipients, and the client is none of those that hand on mail."},
	{"oversize", "The message exceeds the limits of what is read."},
	{"not-delivered", "The message is refused, deferred or discarded."},
	{"no-results", "The message was not checked when it arrived: it has no Authentication-Results field of this server, or its client is exempt."},
	{"results-unreadable", "A field of this server cannot be read."},
	{"author-ambiguous", "The message has not exactly one From field."},
	{"chain-failed", "A host before has marked the chain as failed."},
	{"chain-undecided", "It is not known whether the chain is valid: a DNS failure, or a border that does not verify chains."},
	{"chain-changed", "The fields of the chain do not fit the results: somebody has removed or added some."},
	{"chain-full", "The chain has 50 sets, and may have no more."},
	{"no-key", "The domain has no RSA key."},
	{"key-unreadable", "The key cannot be read or used."},
	{"key-unpublished", "The DNS does not show the key."},
	{"key-mismatch", "The DNS shows another key."},
	{"fault", "An internal error; the log has it."},
}
