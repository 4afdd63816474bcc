package arc

import (
	"net/netip"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// Recorded is what a sealer's ARC-Authentication-Results field says of the
// message as it came there. It is the sealer's word, which its seal and all
// later ones cover. Domains are lower-case A-labels.
type Recorded struct {
	// DMARC is the result, "" if there is none, and From the author domain that
	// it was found for.
	DMARC string `json:"dmarc"`
	From  string `json:"from"`
	// SPF is the domain of MAIL FROM for which SPF passed, "" if it did not.
	SPF string `json:"spf"`
	// DKIM are the domains whose signatures passed, at most 10; never nil.
	DKIM []string `json:"dkim"`
	// RemoteIP is the client that the sealer had the message from; "" if it
	// does not say.
	RemoteIP string `json:"remote_ip"`
	// Problem says why the field could not be read, or says nothing that can be
	// relied on; the others are then empty.
	Problem string `json:"problem"`
}

const maxRecordedDKIM = 10

// readRecorded reads the value of an ARC-Authentication-Results field. What it
// holds may have been written by anybody, in spite of the seal, if the sealer
// was careless: a field that contradicts itself is not used.
func readRecorded(value string) Recorded {
	none := Recorded{DKIM: []string{}}
	_, methods, err := authres.Parse(behindInstance(value))
	if err != nil {
		none.Problem = "it cannot be read: " + strings.TrimPrefix(err.Error(), "authres: ")
		return none
	}
	r := none
	for _, m := range methods {
		if ip, err := netip.ParseAddr(property(m, "smtp.remote-ip")); err == nil && r.RemoteIP == "" {
			r.RemoteIP = ip.String()
		}
		passed := m.Result == "pass"
		switch m.Name {
		case "dmarc":
			from := domainOf(property(m, "header.from"))
			if r.DMARC != "" && (r.DMARC != m.Result || r.From != from) {
				none.Problem = "it holds two different results of DMARC"
				return none
			}
			r.DMARC, r.From = m.Result, from
		case "spf":
			d := domainOf(property(m, "smtp.mailfrom"))
			if d == "" {
				d = domainOf(property(m, "smtp.mfrom")) // as in RFC 8617 appendix B
			}
			if passed && r.SPF == "" {
				r.SPF = d
			}
		case "dkim":
			d := domainOf(property(m, "header.d"))
			if d == "" {
				d = domainOf(property(m, "header.i"))
			}
			if passed && d != "" && len(r.DKIM) < maxRecordedDKIM {
				r.DKIM = append(r.DKIM, d)
			}
		}
	}
	return r
}

// behindInstance returns what follows "i=1;", an ordinary value of
// Authentication-Results; resultsInstance has read it before.
func behindInstance(value string) string {
	rest := strings.TrimPrefix(skipCFWS(value), "i")
	rest = skipCFWS(strings.TrimPrefix(skipCFWS(rest), "="))
	rest = skipCFWS(strings.TrimLeft(rest, "0123456789"))
	return strings.TrimPrefix(rest, ";")
}

func property(m authres.Method, name string) string {
	for _, p := range m.Properties {
		if p.Type+"."+p.Name == name {
			return p.Value
		}
	}
	return ""
}

// domainOf is the domain of an address, or the domain itself; "" if it is none.
func domainOf(s string) string {
	if _, domain := message.SplitPath(s); domain != "" {
		s = domain
	}
	name, ok := message.NormalizeDomain(strings.TrimPrefix(s, "@"))
	if !ok {
		return ""
	}
	return name
}
