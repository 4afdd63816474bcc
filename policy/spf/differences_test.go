package spf

// These cases of other suites we answer differently on purpose, each with the
// section of RFC 7208 that decides. A listed case must give exactly this
// answer.

const singleLabel = "a domain of one label is no multi-label domain name and has no policy"

var pyspfDifferences = map[string]difference{
	"4.default-modifier": {
		Neutral, "6",
		"default= of the drafts before RFC 4408 is an unknown modifier, which is ignored; the suite tests pyspf's lax mode",
	},
	"4.default-modifier-harsh": {
		Neutral, "6",
		"an unknown modifier is ignored; the suite tests pyspf's harsh mode, whose \"ambiguous\" is no result of RFC 7208",
	},
}

var blitiriDifferences = map[string]difference{
	"8.resolution-with-10-lookups": {
		PermError, "7.1",
		"include:d11 is no domain-spec: one that does not end in a macro needs a dot before its top label",
	},
	"9.mx-resolution-10-terms": {None, "4.3", singleLabel},
	"9.mx-resolution-11-terms": {None, "4.3", singleLabel},
	"10.one-mx-not-found":      {None, "4.3", singleLabel},
	"10.all-mx-not-found":      {None, "4.3", singleLabel},
	"10.include-not-found":     {None, "4.3", singleLabel},
	"10.redirect-not-found":    {None, "4.3", singleLabel},
}

var mailAuthDifferences = map[string]difference{
	"basic-1-1": {
		None, "4.3",
		"the domain has more than 253 octets and is malformed; mail-auth itself says none, the collected expectation is what others did below their SMTP parsers",
	},
	"basic-1-3": {
		None, "4.3",
		singleLabel + "; mail-auth itself says none",
	},
	"basic-5-8": {
		Fail, "4.6.4",
		"the limit is on terms with a void lookup, and the PTR lookup of this term found names; that the client's names have no addresses is the client's doing and may not make an error of the domain's record. mail-auth and mox say fail too",
	},
}

var moxDifferences = map[string]difference{
	"mox-124": {
		Fail, "6.2",
		"there are two TXT records at the exp= domain, so the explanation is ignored; the result is the same",
	},
}
