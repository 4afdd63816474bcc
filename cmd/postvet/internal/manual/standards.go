package manual

// deviations are the choices of the evaluators that an administrator could take for
// mistakes: where a standard says something else, or where other programs do.
var deviations = []struct{ section, text string }{
	{
		"RFC 6376 section 3.6.1",
		`A DKIM signature whose key is in test mode (t=y) counts as if it were not there, whether it passes or fails: it is
dkim=neutral in our field, aligns nobody for DMARC, and is no proof for [trust] or for rules. Other programs let it count if
it passes. A domain that has left t=y in its key should take it out.`,
	},
	{
		"RFC 8601 section 5",
		`Postvet removes Authentication-Results fields that claim its name, and those of a version other than 1. It leaves
ARC-Authentication-Results fields alone, whatever name they carry and whether the chain verifies or not. Such a field speaks
for the sealer of its set, and only together with a chain that verifies and a sealer that the reader trusts. Without it the
chain would look as if nobody had ever sealed the message. Do not read these fields as results; read arc= in ours.`,
	},
}

// standards writes the section about them.
func standards(r *roff) {
	r.section("Standards")
	r.line("These choices concern what an administrator sees.")
	for _, d := range deviations {
		r.item(d.section)
		r.filled(d.text)
	}
}
