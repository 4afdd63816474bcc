// Package bimi reads the records by which a domain says where its logo stands, for mail
// programs to show beside its mail (Brand Indicators for Message Identification,
// draft-brand-indicators-for-message-identification-08), and judges the files that they
// name.
//
// All functions are pure. They neither ask the DNS nor fetch a file.
package bimi

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// DefaultSelector is the selector of mail that names none (section 4.4).
const DefaultSelector = "default"

// Version is the version at the beginning of a record.
const Version = "BIMI1"

// RecordName returns where the record of a domain stands.
func RecordName(selector, domain string) string { return selector + "._bimi." + domain }

// Record is a BIMI assertion record (section 4.3).
type Record struct {
	// Location is l=, the URI of the logo; "" if the domain has none to show.
	Location string
	// Evidence is a=, the URI of the certificate for the logo; "" for none.
	Evidence string
	// Avatar is avp=, what is shown where the recipient knows a picture of the sender:
	// "brand" or "personal", "brand" by default.
	Avatar string
}

// Declined reports whether the domain refuses to take part (section 4.3.1).
func (r Record) Declined() bool { return r.Location == "" && r.Evidence == "" }

// String returns the text of the record.
func (r Record) String() string {
	s := "v=" + Version + "; l=" + r.Location + "; a=" + r.Evidence + ";"
	if r.Avatar != "" && r.Avatar != avatarBrand {
		s += " avp=" + r.Avatar + ";"
	}
	return s
}

const (
	avatarBrand    = "brand"
	avatarPersonal = "personal"
)

// maxTags bounds the tags of a record, maxURI the octets of a URI.
const (
	maxTags = 100
	maxURI  = 2000
)

// The errors of records.
var (
	// ErrVersion is the error of a text that is no such record at all.
	ErrVersion  = errors.New("it does not begin with v=BIMI1")
	errTag      = errors.New("a tag has no equals sign")
	errTwice    = errors.New("a tag stands twice")
	errMany     = errors.New("more than 100 tags")
	errLocation = errors.New("the tag l is missing")
)

// ParseRecord reads the text of a record. Receivers repair nothing (section 4.3): the
// error says in words what is wrong. Unknown tags are ignored.
func ParseRecord(text string) (Record, error) {
	rest, ok := cutVersion(text)
	if !ok {
		return Record{}, ErrVersion
	}
	tags := map[string]string{}
	for tag := range strings.SplitSeq(rest, ";") {
		if strings.TrimSpace(tag) == "" {
			continue
		}
		name, value, ok := strings.Cut(tag, "=")
		name, value = strings.Trim(name, blanks), strings.Trim(value, blanks)
		_, known := tags[name]
		switch {
		case !ok:
			return Record{}, errTag
		case known:
			return Record{}, errTwice
		case len(tags) == maxTags:
			return Record{}, errMany
		}
		tags[name] = value
	}
	location, ok := tags["l"]
	if !ok {
		return Record{}, errLocation
	}
	r := Record{Location: location, Evidence: tags["a"], Avatar: avatarBrand}
	if tags["avp"] == avatarPersonal {
		r.Avatar = avatarPersonal // other values are ignored
	}
	if err := checkURI(r.Location); err != nil {
		return Record{}, fmt.Errorf("l= %w", err)
	}
	if err := checkURI(r.Evidence); err != nil {
		return Record{}, fmt.Errorf("a= %w", err)
	}
	return r, nil
}

const blanks = " \t\r\n"

// cutVersion reports whether a text begins as a record does, and returns what follows the
// version (section 4.3: it is the first tag, and matches precisely).
func cutVersion(text string) (rest string, ok bool) {
	version, rest, _ := strings.Cut(text, ";")
	name, value, ok := strings.Cut(version, "=")
	return rest, ok && strings.TrimRight(name, blanks) == "v" && strings.Trim(value, blanks) == Version
}

// Candidates returns those texts that begin as a record does. With any other number than
// one the domain has no record (section 7.2).
func Candidates(texts []string) (list []string) {
	for _, t := range texts {
		if _, ok := cutVersion(t); ok {
			list = append(list, t)
		}
	}
	return list
}

// checkURI checks a URI: HTTPS with a whole domain name, and commas encoded (section 4.3).
// An empty one is no mistake.
func checkURI(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURI:
		return fmt.Errorf("is longer than %d octets", maxURI)
	case err != nil || !printable(text):
		return errors.New("is no URI")
	case strings.Contains(text, ","):
		return errors.New("has a comma, but must be one URI, in which a comma is written %2C")
	case !strings.EqualFold(u.Scheme, "https"):
		return errors.New("does not begin with https://")
	case u.User != nil:
		return errors.New("has a login in front of the host")
	case !isHost(u.Hostname()):
		return errors.New("does not name a host by a whole domain name")
	}
	return nil
}

// printable reports whether a text has octets of URIs alone (RFC 3986 section 2).
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte("\"<>\\^`{|}", s[i]) >= 0 {
			return false
		}
	}
	return true
}

// isHost reports whether a name is a domain name with a dot, and no address.
func isHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return strings.Contains(name, ".") && len(name) <= 253
}
