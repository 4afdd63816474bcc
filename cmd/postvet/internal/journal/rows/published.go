package rows

import (
	"strings"
	"time"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// Standard is the standard that a DNS record belongs to.
type Standard string

// The standards whose records are kept.
const (
	SPF   Standard = "spf"
	DKIM  Standard = "dkim"
	DMARC Standard = "dmarc"
)

// Published is a TXT record in the DNS, as it was between two times.
type Published struct {
	Standard Standard `json:"standard"`
	// Name is where the record was, such as "_dmarc.example.org".
	Name string `json:"name"`
	Text string `json:"text"`
	// First and Last are when a message met the record first and last.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// Place is where a record of a standard is looked for. It has parts, since their names are
// joined only when they are needed.
type Place struct {
	Standard Standard `json:"standard"`
	// Selector is that of a key.
	Selector string `json:"selector,omitempty"`
	Domain   string `json:"domain"`
}

// Name returns the name in the DNS.
func (p Place) Name() string {
	switch p.Standard {
	case DKIM:
		return dkim.KeyName(p.Selector, p.Domain)
	case DMARC:
		return "_dmarc." + p.Domain
	default:
		return p.Domain
	}
}

// EachPlace calls f with each place of a record that governed results, and with the record
// as it was then. text is "" if there was none, if nobody looked, and in results that were
// read back. No place has a local part: names that the macros of SPF make are none.
func EachPlace(res *result.Results, f func(p Place, text string)) {
	for i := range res.SPF {
		if s := &res.SPF[i]; s.Domain != "" {
			f(Place{Standard: SPF, Domain: s.Domain}, s.Record)
		}
	}
	if d := &res.DMARC; d.RecordDomain != "" {
		f(Place{Standard: DMARC, Domain: d.RecordDomain}, d.Record)
	} else if d.AuthorDomain != "" {
		f(Place{Standard: DMARC, Domain: d.AuthorDomain}, "")
	}
	for i := range res.DKIM[:min(len(res.DKIM), maxSignatures)] {
		d := &res.DKIM[i]
		lookedUp := d.KeyRecord != "" || d.KeyBits > 0 || strings.HasPrefix(string(d.Failure), "key_") || d.Failure == dkim.FailureDNS
		if lookedUp && d.Domain != "" && d.Selector != "" {
			f(Place{Standard: DKIM, Selector: d.Selector, Domain: d.Domain}, d.KeyRecord)
		}
	}
}

// RefreshRecords is how old Last of a record may be although messages met the record until
// just now.
const RefreshRecords = time.Hour

// MaxRecordText bounds the text of a record that is kept, in octets.
const MaxRecordText = 2000

// RecordText returns the text of a record as it is kept: harmless, and cut if it is long.
func RecordText(text string) string {
	return foreign.Terminal(text[:min(len(text), MaxRecordText)], foreign.Whole)
}
