package arc

import (
	"net/netip"
	"strings"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/message"
)

// Recorded holds the results in a sealer's ARC-Authentication-Results field. They
// are the sealer's claims about the message when it arrived there. Its seal and all
// later seals cover them. Domains are lower-case A-labels.
type Recorded struct {
	// DMARC is the DMARC result, "" if there is none, and From its author domain.
	DMARC string `json:"dmarc"`
	From  string `json:"from"`
	// SPF is the domain of MAIL FROM if SPF passed for it, otherwise "".
	SPF string `json:"spf"`
	// DKIM are the domains whose signatures passed, at most 10; never nil.
	DKIM []string `json:"dkim"`
	// RemoteIP is the address from which the sealer received the message, "" if
	// it is not recorded.
	RemoteIP string `json:"remote_ip"`
	// Problem says why the field cannot be used, "" if it can. All other fields
	// are then empty.
	Problem string `json:"problem"`
}

// maxRecordedDKIM bounds Recorded.DKIM.
const maxRecordedDKIM = 10

// readRecorded parses the value of an ARC-Authentication-Results field. A careless
// sealer may have sealed results that somebody else wrote, so a field with
// contradictory DMARC results is not used.
func readRecorded(value string) Recorded {
	none := Recorded{DKIM: []string{}}
	_, methods, err := authres.Parse(afterInstance(value))
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
				none.Problem = "it has two different DMARC results"
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

// afterInstance returns the value after "i=1;", which is an Authentication-Results
// value (RFC 8617 section 4.1.1). resultsInstance has checked the instance before.
func afterInstance(value string) string {
	rest := strings.TrimPrefix(skipCFWS(value), "i")
	rest = skipCFWS(strings.TrimPrefix(skipCFWS(rest), "="))
	rest = skipCFWS(strings.TrimLeft(rest, "0123456789"))
	return strings.TrimPrefix(rest, ";")
}

// property returns the value of a property such as header.d, "" if it is absent.
func property(m authres.Method, name string) string {
	for _, p := range m.Properties {
		if p.Type+"."+p.Name == name {
			return p.Value
		}
	}
	return ""
}

// domainOf returns the domain of an address, or a domain itself, as lower-case
// A-labels; "" if it is invalid.
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
