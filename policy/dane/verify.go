package dane

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result says what senders do with a record set.
type Result string

// The results.
const (
	// Pass: a usable record matches, so that mail is delivered.
	Pass Result = "pass"
	// Fail: no usable record matches. Mail is not delivered (RFC 7672 section 2.2).
	Fail Result = "fail"
	// None: there is no usable record. TLS is required if there is any record at all,
	// and the certificate is not checked (RFC 7672 section 2.2).
	None Result = "none"
)

// maxCertificates bounds the certificates of a server that are looked at.
const maxCertificates = 20

// Verify compares a signed record set with the certificates of a server, which sent its
// own first. names are the names that its certificate may have if an authority vouches
// for it: the host, and the domain where a CNAME or MX led from (RFC 7672 section
// 3.2.2). The reason says in words why the result is not Pass.
func Verify(records []Record, chain []*x509.Certificate, names []string, now time.Time) (result Result, matched Record, reason string) {
	usable := Strongest(records)
	switch {
	case len(usable) == 0:
		return None, Record{}, "no TLSA record is usable"
	case len(chain) == 0:
		return Fail, Record{}, "the server has no certificate"
	}
	chain = chain[:min(len(chain), maxCertificates)]
	why := "its certificate matches no TLSA record"
	for _, r := range usable {
		if r.Usage == DANEEE {
			// RFC 7672 section 3.1.1: neither names nor dates count.
			if r.Matches(chain[0]) {
				return Pass, r, ""
			}
			continue
		}
		err := verifyAuthority(r, chain, names, now)
		if err == nil {
			return Pass, r, ""
		}
		if !errors.Is(err, errNoAuthority) {
			why = err.Error()
		}
	}
	return Fail, Record{}, why
}

// errNoAuthority is the error of a chain without the authority of a record.
var errNoAuthority = errors.New("no certificate of the chain is that of the TLSA record")

// verifyAuthority checks a chain by the authority that a record names (RFC 7672 section
// 3.1.2). The server must send the authority too, unless the record has all of it.
func verifyAuthority(r Record, chain []*x509.Certificate, names []string, now time.Time) error {
	roots, found := x509.NewCertPool(), false
	for _, c := range chain {
		if r.Matches(c) {
			roots.AddCert(c)
			found = true
		}
	}
	if r.Matching == Full && r.Selector == Cert && !found {
		if c, err := x509.ParseCertificate([]byte(r.Data)); err == nil {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return errNoAuthority
	}
	return verifyChain(chain, roots, names, now)
}

// verifyChain checks dates, signatures and names.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool, names []string, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	switch {
	case err != nil:
		return fmt.Errorf("the authority of the TLSA record does not vouch for its certificate: %w", err)
	case !slices.ContainsFunc(names, func(n string) bool { return chain[0].VerifyHostname(n) == nil }):
		return fmt.Errorf("its certificate is not for %s", strings.Join(names, " or "))
	}
	return nil
}

// Strongest returns the usable records that senders compare: of those with the same
// usage and selector only the ones with the strongest digest count (RFC 7671 section
// 9). Full data always counts.
func Strongest(records []Record) []Record {
	var usable []Record
	for _, r := range records {
		if r.Unusable() == "" {
			usable = append(usable, r)
		}
	}
	stronger := func(r Record) bool {
		return slices.ContainsFunc(usable, func(o Record) bool {
			return o.Usage == r.Usage && o.Selector == r.Selector && r.Matching == SHA256 && o.Matching == SHA512
		})
	}
	var counting []Record
	for _, r := range usable {
		if !stronger(r) {
			counting = append(counting, r)
		}
	}
	return counting
}
