package repair

import (
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
)

// scheme is what stands for "mailto:" before an address.
var scheme = regexp.MustCompile(`(?i)^(?:<|mail ?to\s*[:;=/]*\s*)+`)

// sizeLimit is what RFC 7489 allowed behind a URI.
var sizeLimit = regexp.MustCompile(`(?i)![0-9]+[kmgt]?$`)

// reportURIs returns the mailto: URIs of lists, each once.
func reportURIs(lists []string) (uris []string) {
	for _, list := range lists {
		words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
		for i := 0; i < len(words); i++ {
			w := words[i]
			if s := scheme.FindString(w); s == w && i+1 < len(words) { // "mailto: a@b.example"
				i++
				w += words[i]
			}
			if u := reportURI(w); u != "" && !slices.Contains(uris, u) {
				uris = append(uris, u)
			}
		}
	}
	return uris
}

// reportURI returns the URI that was meant; "" if there is none that receivers must
// support.
func reportURI(s string) string {
	address := scheme.ReplaceAllString(s, "")
	if strings.Contains(address, "://") || strings.Count(address, "@") != 1 {
		return ""
	}
	address = sizeLimit.ReplaceAllString(strings.Trim(address, "<>;:."), "")
	address = strings.TrimRight(address, "<>;:.")
	uri := "mailto:" + address
	if dmarc.URIHost(uri) == "" {
		return ""
	}
	rec, err := dmarc.ParseRecord("v=DMARC1; p=none; rua=" + uri)
	if err != nil || len(rec.Problems) > 0 || len(rec.RUA) != 1 {
		return ""
	}
	return uri
}
