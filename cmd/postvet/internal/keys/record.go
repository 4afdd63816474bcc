package keys

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Form is a way to write a record for the place where it is entered.
type Form string

// The forms.
const (
	FormBIND     Form = "bind"     // a line of a zone file
	FormQuoted   Form = "quoted"   // strings in quotes, for panels that ask for them
	FormPlain    Form = "plain"    // the text alone, for most panels
	FormNSUpdate Form = "nsupdate" // commands of nsupdate(1)
	FormJSON     Form = "json"     // name, type, value and strings
)

// Forms returns all forms.
func Forms() []Form { return []Form{FormPlain, FormBIND, FormQuoted, FormNSUpdate, FormJSON} }

// maxString is the length of one string of a TXT record (RFC 1035 section 3.3).
const maxString = 255

// recordTTL is the TTL that is proposed, in seconds.
const recordTTL = 3600

// WriteRecord returns the key's TXT record in a form, with a line end. The strings of a
// quoted record are joined without a blank (RFC 6376 section 3.6.2.2), and stand in one
// line with exactly one blank between them: panels take a line end for a new record.
func (k Key) WriteRecord(f Form) (string, error) {
	return k.write(f, k.Record(), "prereq nxrrset %s. TXT\n")
}

// WriteRevocation returns the record that revokes the key, as WriteRecord does.
func (k Key) WriteRevocation(f Form) (string, error) {
	return k.write(f, RevokedRecord(k.kind), "update delete %s. TXT\n")
}

// write writes a record; first is the first command of nsupdate.
func (k Key) write(f Form, text, first string) (string, error) {
	strings := split(text)
	quoted := `"` + join(strings, `" "`) + `"`
	switch f {
	case FormPlain:
		return text + "\n", nil
	case FormQuoted:
		return quoted + "\n", nil
	case FormBIND:
		return fmt.Sprintf("%s. %d IN TXT ( %s )\n", k.Name(), recordTTL, quoted), nil
	case FormNSUpdate:
		return fmt.Sprintf(first+"update add %[1]s. %[2]d TXT %[3]s\nsend\n", k.Name(), recordTTL, quoted), nil
	case FormJSON:
		object, err := json.MarshalIndent(struct {
			Name    string   `json:"name"`
			Type    string   `json:"type"`
			TTL     int      `json:"ttl"`
			Value   string   `json:"value"`
			Strings []string `json:"strings"`
		}{k.Name(), "TXT", recordTTL, text, strings}, "", "  ")
		return string(object) + "\n", err
	}
	return "", fmt.Errorf("%q is no form; write one of %s", f, join(Forms(), ", "))
}

// split returns the strings of a record.
func split(text string) []string {
	var list []string
	for rest := text; rest != ""; {
		n := min(len(rest), maxString)
		list = append(list, rest[:n])
		rest = rest[n:]
	}
	return list
}

func join[T ~string](list []T, separator string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(string(s))
	}
	return b.String()
}
