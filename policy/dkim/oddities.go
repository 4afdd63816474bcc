package dkim

import "strings"

// The oddities that are accepted, as the package's documentation has them.
const (
	oddEmptyTag    = "has an empty tag (two semicolons), which is accepted, as it says nothing"
	oddHyphen      = "has a tag whose name has a hyphen, which is ignored like any unknown tag"
	oddCapitals    = "has a value in capitals that is written in small letters; it means the same"
	oddVersion     = "has v= behind other tags, which is accepted, as the version is known all the same"
	oddLineEnd     = "has a line end beside a tag or value, which is accepted as white space"
	inTheRecord    = "the key record "
	inTheSignature = "the signature "
)

// oddities returns what breaks the grammar in a list of tags that is accepted all the
// same, one sentence each. literals are the tags whose values have no case.
func oddities(text string, tags Tags, literals ...string) []string {
	var odd []string
	specs := strings.Split(text, ";")
	for _, spec := range specs[:len(specs)-1] { // a semicolon may end the list
		if strings.Trim(spec, whiteSpace) == "" {
			odd = append(odd, oddEmptyTag)
			break
		}
	}
	for _, t := range tags {
		if strings.Contains(t.Name, "-") {
			odd = append(odd, oddHyphen)
			break
		}
	}
	for _, name := range literals {
		if value, ok := tags.Get(name); ok && strings.ToLower(value) != value {
			odd = append(odd, oddCapitals)
			break
		}
	}
	return odd
}

// signatureOddities returns those of a signature that could be parsed.
func signatureOddities(s *Signature) []string {
	return begin(inTheSignature, oddities(s.Field.Value(), s.Tags, "a", "c", "q"))
}

// keyOddities returns those of a key record that could be parsed.
func keyOddities(text string, tags Tags) []string {
	odd := oddities(text, tags, "k", "t")
	if _, ok := tags.Get("v"); ok && tags[0].Name != "v" {
		odd = append(odd, oddVersion)
	}
	// A record is no header field, and has no folds.
	beside := func(s string) bool { return strings.Trim(s, whiteSpace) != strings.Trim(s, " \t") }
	for spec := range strings.SplitSeq(text, ";") {
		if name, value, _ := strings.Cut(spec, "="); beside(name) || beside(value) {
			odd = append(odd, oddLineEnd)
			break
		}
	}
	return begin(inTheRecord, odd)
}

func begin(with string, sentences []string) []string {
	for i := range sentences {
		sentences[i] = with + sentences[i]
	}
	return sentences
}
