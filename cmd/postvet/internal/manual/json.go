package manual

const jsonPage = "postvet-json"

// json writes postvet-json(5).
func (e Edition) json() Page {
	r, file := e.page(jsonPage, 5, "JSON of postvet domain, route and held, and of the web page")
	r.section("Description")
	r.text(`With --json, postvet-domain(1), postvet-route(1) and postvet-held(1) print an object. Programs may rely on its fields: later versions may add fields and words, but they rename and remove none. A field that has nothing to say may be missing. Its texts have no control characters, but most come from the DNS, or from messages: the owner of the domain or the sender chose them.

The exit code of the first two says whether anything is wrong: 0 no; 1 yes; 2 wrong usage; 3 too many lookups failed to tell. "verdict" says the same of each domain of --file:

  postvet domain --file domains.txt --json | jq -r 'select(.verdict == "faulty").name'

Below are all objects. Where an object is in a field, or in a list in it, the field names it.`, "PP")
	r.objects("SH", JSONObjects)
	r.section("The web page")
	r.text(`Each page of postvet-web(7) is also an object, at its path with ".json" behind it, for users who may see the page. The same promise holds for its fields, but not for the texts that are written for people: sentences, titles and links may change. A list is never null. A time that is not known is left out.`, "PP")
	r.objects("SS", WebObjects)
	r.section("See also")
	r.references("postvet-domain(1)", "postvet-held(1)", "postvet-route(1)", webPage+"(7)")
	return Page{file, r.b.Bytes()}
}

// objects writes objects, each below a heading.
func (r *roff) objects(heading string, all []JSONObject) {
	for _, o := range all {
		r.request(heading, o.Name)
		r.text(o.About, "PP")
		for _, f := range o.Fields {
			r.item(f[0])
			r.filled(f[1] + ".")
		}
	}
}
