// Package mtasts reads what a domain says about encryption on the way to it: the record
// and the policy of MTA-STS (RFC 8461), and the record that says where reports on
// failures go (TLS-RPT, RFC 8460 section 3).
//
// MTA-STS says over HTTPS which hosts take the mail of a domain, and that they must have
// valid certificates. A record in the DNS says that there is a policy, and which one.
//
// All functions are pure. They neither ask the DNS nor fetch a policy.
package mtasts

import (
	"errors"
	"fmt"
	"strings"
)

// The versions at the beginning of records and policies.
const (
	Version          = "STSv1"
	ReportingVersion = "TLSRPTv1"
)

// RecordName returns where the record of a domain stands (RFC 8461 section 3.1).
func RecordName(domain string) string { return "_mta-sts." + domain }

// Record is the MTA-STS record of a domain.
type Record struct {
	// ID changes with each change of the policy.
	ID string
	// Extensions are the other fields.
	Extensions []Field
}

// The errors of records.
var (
	// ErrVersion is the error of a text that is no such record at all.
	ErrVersion = errors.New("it does not begin with its version and a semicolon")
	errNoID    = errors.New("the field id is missing")
	errID      = errors.New("the value of id is not 1 to 32 letters and digits")
	errNoRUA   = errors.New("the field rua is missing")
)

// ParseRecord reads the text of an MTA-STS record. The error says in words what is
// wrong with it.
func ParseRecord(text string) (Record, error) {
	rest, ok := cutVersion(text, Version)
	if !ok {
		return Record{}, ErrVersion
	}
	fields, err := readFields(rest)
	if err != nil {
		return Record{}, err
	}
	r, found := Record{}, false
	for _, f := range fields {
		if strings.Contains(f.Value, "=") {
			return Record{}, errValue // only a URI of TLS-RPT may have one
		}
		if f.Name != "id" {
			r.Extensions = append(r.Extensions, f)
			continue
		}
		r.ID, found = f.Value, true
	}
	switch {
	case !found:
		return Record{}, errNoID
	case !validID(r.ID):
		return Record{}, errID
	}
	return r, nil
}

func validID(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 32
}

// Candidates returns those texts that begin as a record with this version does. With
// any other number than one the domain has no record (RFC 8461 section 3.1, RFC 8460
// section 3).
func Candidates(texts []string, v string) (list []string) {
	for _, t := range texts {
		if _, ok := cutVersion(t, v); ok {
			list = append(list, t)
		}
	}
	return list
}

// String returns the text of the record.
func (r Record) String() string {
	s := "v=" + Version + "; id=" + r.ID + ";"
	for _, f := range r.Extensions {
		s += " " + f.Name + "=" + f.Value + ";"
	}
	return s
}

// IDFormat is the form of an id that is the time of the change, so that each differs from
// those before.
const IDFormat = "20060102150405"

// Proposal returns the record with an id, which a time makes unique.
func Proposal(id string) (string, error) {
	r := Record{ID: id}
	if _, err := ParseRecord(r.String()); err != nil {
		return "", fmt.Errorf("mtasts: no id: %w", err)
	}
	return r.String(), nil
}

// ReportingName returns where the TLS-RPT record of a domain stands (RFC 8460 section
// 3).
func ReportingName(domain string) string { return "_smtp._tls." + domain }

// Reporting is the TLS-RPT record of a domain.
type Reporting struct {
	// URIs are where reports go, "mailto:" and "https:" alone.
	URIs []string
	// Unknown are URIs of other schemes, which nobody reports to.
	Unknown    []string
	Extensions []Field
}

// maxURIs bounds the places where reports go.
const maxURIs = 20

// ParseReporting reads the text of a TLS-RPT record. The error says in words what is
// wrong with it.
func ParseReporting(text string) (Reporting, error) {
	rest, ok := cutVersion(text, ReportingVersion)
	if !ok {
		return Reporting{}, ErrVersion
	}
	// White space may surround the commas between URIs.
	fields, err := readFields(closeCommas(rest))
	if err != nil {
		return Reporting{}, err
	}
	r, found := Reporting{}, false
	for _, f := range fields {
		if f.Name != "rua" {
			r.Extensions = append(r.Extensions, f)
			continue
		}
		found = true
		uris := strings.Split(f.Value, ",")
		for _, u := range uris[:min(len(uris), maxURIs)] {
			if validURI(u) {
				r.URIs = append(r.URIs, u)
			} else {
				r.Unknown = append(r.Unknown, u)
			}
		}
	}
	switch {
	case !found:
		return Reporting{}, errNoRUA
	case len(r.URIs) == 0:
		return Reporting{}, errors.New("rua has no address: write mailto: or https: in front")
	}
	return r, nil
}

// closeCommas removes the blanks around commas.
func closeCommas(s string) string {
	if !strings.Contains(s, ",") {
		return s
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		if i > 0 {
			p = strings.TrimLeft(p, " \t")
		}
		if i < len(parts)-1 {
			p = strings.TrimRight(p, " \t")
		}
		parts[i] = p
	}
	return strings.Join(parts, ",")
}

// validURI reports whether reports can be sent to a URI: an address behind "mailto:" or
// a host behind "https://". A "!" must be escaped (RFC 8460 section 3).
func validURI(u string) bool {
	low := strings.ToLower(u)
	if strings.Contains(u, "!") {
		return false
	}
	if address, ok := strings.CutPrefix(low, "mailto:"); ok {
		at := strings.LastIndexByte(address, '@')
		return at > 0 && at < len(address)-1
	}
	host, ok := strings.CutPrefix(low, "https://")
	return ok && host != "" && host[0] != '/'
}
