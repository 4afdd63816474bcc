package explain

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/postvet/postvet/policy/result"
)

// helpPlaceholders are the words that a help URL may hold in braces.
var helpPlaceholders = []string{"{author}", "{client}", "{rule}", "{hint}", "{ref}"}

const (
	// maxHelpTemplate bounds the configured URL, maxHelpURL the URL of one message on
	// the wire. Both leave room in a reply for its reason.
	maxHelpTemplate = 160
	maxHelpURL      = 240
)

// CheckHelpURL returns what is wrong with a help URL, or nil. The URL must be http
// or https, have a host, and be printable ASCII of at most 160 octets. After the host
// it may contain {author}, {client}, {rule}, {hint} and {ref}: the Author Domain, the
// client's address, the name of the rule, the word of the first hint, and the reference.
// The values are percent-encoded.
func CheckHelpURL(s string) error {
	switch i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`|'", r) }); {
	case len(s) > maxHelpTemplate:
		return fmt.Errorf("it is longer than %d octets", maxHelpTemplate)
	case i >= 0:
		return fmt.Errorf("it holds %q, which must be percent-encoded", s[i:i+1])
	}
	plain := s
	for _, p := range helpPlaceholders {
		plain = strings.ReplaceAll(plain, p, "x")
	}
	if i := strings.IndexAny(plain, "{}"); i >= 0 {
		return fmt.Errorf("it holds a brace that is none of %s", strings.Join(helpPlaceholders, ", "))
	}
	u, err := url.Parse(plain)
	if err != nil {
		return errors.New("it is no URL")
	}
	_, afterScheme, _ := strings.Cut(s, "://")
	host, _, _ := strings.Cut(afterScheme, "/")
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it does not begin with https:// or http://")
	case u.Hostname() == "":
		return errors.New("it has no host")
	case u.User != nil:
		return errors.New("it holds a user name")
	case strings.Contains(strings.FieldsFunc(host+"?", func(r rune) bool { return r == '?' || r == '#' })[0], "{"):
		return errors.New("it holds a placeholder in its host")
	}
	return nil
}

// helpURL returns the help URL for one message, "" if there is none. If it would be too
// long, it leaves values out, the longest first.
func helpURL(template string, res *result.Results, v *result.Verdict) string {
	if template == "" {
		return ""
	}
	values := map[string]string{
		"{author}": res.Author.Domain, "{client}": res.Client.IP, "{rule}": v.Rule, "{hint}": "", "{ref}": res.Reference.String(),
	}
	if len(v.Hints) > 0 {
		values["{hint}"] = string(v.Hints[0].Word)
	}
	// RFC 3986 section 3.1: a scheme in any case is valid, and lower case is its
	// normal form.
	scheme, afterScheme, _ := strings.Cut(template, "://")
	template = strings.ToLower(scheme) + "://" + afterScheme
	for {
		expanded, longest := template, ""
		for _, p := range helpPlaceholders {
			expanded = strings.ReplaceAll(expanded, p, percentEncode(values[p]))
			if len(values[p]) > len(values[longest]) {
				longest = p
			}
		}
		switch {
		case wireLength(expanded) <= maxHelpURL:
			return expanded
		case longest == "":
			return "" // CheckHelpURL does not allow such a template
		}
		values[longest] = ""
	}
}

// percentEncode leaves only the unreserved characters of RFC 3986 section 2.3.
func percentEncode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
