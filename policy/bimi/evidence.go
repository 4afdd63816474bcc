package bimi

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// forBrands is the purpose of certificates for logos, the extended key usage
// id-kp-BrandIndicatorforMessageIdentification of draft-fetch-validation-vmc-wchuang.
var forBrands = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 31}

// maxCertificates bounds the certificates of a file that are read.
const maxCertificates = 20

// CheckEvidence says what is wrong with the file of a certificate for the logo of a
// domain, nil if nothing is found: the first certificate must be for logos, for the domain
// or its organization, and valid at a time. Whether its authority is one that receivers
// trust is not checked, as each has a list of its own.
func CheckEvidence(file []byte, now time.Time, domains ...string) (ends time.Time, err error) {
	var first *x509.Certificate
	for n := 0; n < maxCertificates; n++ {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		file = rest
		if block.Type != "CERTIFICATE" {
			return ends, errors.New("it holds something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return ends, errors.New("it holds a certificate that cannot be read")
		}
		if first == nil {
			first = c
		}
	}
	if first == nil {
		return ends, errors.New("it holds no certificate in the form PEM")
	}
	ends = first.NotAfter
	switch {
	case !isForBrands(first):
		return ends, errors.New("its first certificate is not for logos")
	case now.After(first.NotAfter):
		return ends, fmt.Errorf("its certificate has expired on %s", first.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(first.NotBefore):
		return ends, fmt.Errorf("its certificate is not valid before %s", first.NotBefore.UTC().Format(time.DateOnly))
	case !isFor(first, domains):
		return ends, errors.New("its certificate is not for " + strings.Join(domains, " or "))
	}
	return ends, nil
}

func isForBrands(c *x509.Certificate) bool {
	return slices.ContainsFunc(c.UnknownExtKeyUsage, forBrands.Equal)
}

// isFor reports whether a certificate names one of the domains, or a record of theirs such
// as default._bimi.example.org.
func isFor(c *x509.Certificate, domains []string) bool {
	for _, name := range c.DNSNames {
		name = strings.ToLower(name)
		for _, d := range domains {
			if name == d || strings.HasSuffix(name, "._bimi."+d) {
				return true
			}
		}
	}
	return false
}
