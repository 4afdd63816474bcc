package journal

import (
	"context"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Evidence is a DNS record that a verdict rested on, as it was then and as it is now.
type Evidence struct {
	rows.Place
	Name string `json:"name"`
	// Then is the record as it was. Without it, None is true if there was none, and Failed
	// if a DNS failure hid it; otherwise it is not kept.
	Then   string `json:"then,omitempty"`
	None   bool   `json:"none_then"`
	Failed bool   `json:"failed_then"`
	// Doubtful is true if the record changed back and forth, so that it may have been
	// another one.
	Doubtful bool `json:"doubtful"`
	// Now is what the DNS says today; nil if it was not asked.
	Now *Present `json:"now,omitempty"`
	// Says tells all that in words.
	Says []string `json:"says,omitempty"`
}

// RecordReader has the DNS records that were kept.
type RecordReader interface {
	// Records returns the records of a place that may have been in force at a time, the
	// likeliest first.
	Records(ctx context.Context, p rows.Place, at time.Time) ([]rows.Published, error)
}

// FindEvidence sets the evidence of a story to the records as they were then.
func (s *Story) FindEvidence(ctx context.Context, reader RecordReader) {
	res := s.Row.Results
	if s.Row.Class() == rows.Accepted && res.DMARC.Status == dmarc.Pass {
		return // of such mail they are not kept, and nothing needs them
	}
	seen := map[rows.Place]bool{}
	rows.EachPlace(res, func(p rows.Place, _ string) {
		if seen[p] {
			return
		}
		seen[p] = true
		e := Evidence{Place: p, Name: p.Name(), None: wasNone(res, p), Failed: hasFailed(res, p)}
		if !e.None && !e.Failed {
			all, _ := reader.Records(ctx, p, s.Row.Ref.Time()) // what cannot be read is not kept
			for _, r := range all {
				switch {
				case !fits(res, p, r.Text):
				case e.Then == "":
					e.Then = r.Text
				default:
					e.Doubtful = true
				}
			}
		}
		s.Evidence = append(s.Evidence, e)
	})
	s.tellEvidence()
}

// wasNone reports whether a message found no record at a place.
func wasNone(res *result.Results, p rows.Place) bool {
	switch p.Standard {
	case rows.SPF:
		s, _ := spfOf(res, p)
		return s.Status == spf.None && (strings.HasSuffix(s.Reason, "publishes no SPF record") || strings.HasSuffix(s.Reason, "does not exist"))
	case rows.DMARC:
		return res.DMARC.Status == dmarc.None && res.DMARC.RecordDomain == ""
	default:
		d, _ := dkimOf(res, p)
		return d.Failure == dkim.FailureKeyMissing
	}
}

// hasFailed reports whether a DNS failure hid the record at a place.
func hasFailed(res *result.Results, p rows.Place) bool {
	switch p.Standard {
	case rows.SPF:
		s, _ := spfOf(res, p)
		return s.Status == spf.TempError && s.Lookups == 0
	case rows.DMARC:
		return res.DMARC.Status == dmarc.TempError && res.DMARC.RecordDomain == ""
	default:
		d, _ := dkimOf(res, p)
		return d.Failure == dkim.FailureDNS
	}
}

// fits reports whether a text agrees with what a message found at its place. A record that
// was not kept, as there were too many, must not be taken for the one before it.
func fits(res *result.Results, p rows.Place, text string) bool {
	switch p.Standard {
	case rows.SPF:
		s, _ := spfOf(res, p)
		return s.Mechanism == "" || s.Mechanism == "default" || strings.Contains(text, s.Mechanism) || strings.Contains(strings.ToLower(text), "redirect=")
	case rows.DMARC:
		d := res.DMARC
		if d.Policy == "" {
			return true
		}
		r, err := dmarc.ParseRecord(text)
		if err != nil {
			return false
		}
		policy := map[string]dmarc.Policy{"p": r.P, "sp": r.SP, "np": r.NP}[d.PolicyTag]
		return d.PolicyTag == "" || d.ADKIM == r.ADKIM && d.ASPF == r.ASPF && d.Policy == r.InForce(policy)
	default:
		d, _ := dkimOf(res, p)
		k, err := dkim.ParseKey(text)
		if d.KeyBits == 0 || err != nil {
			return (d.Failure == dkim.FailureKeyRevoked) == (err == nil && k.Revoked)
		}
		return k.Bits == d.KeyBits
	}
}

func spfOf(res *result.Results, p rows.Place) (spf.Result, bool) {
	for _, s := range res.SPF {
		if s.Domain == p.Domain {
			return s, true
		}
	}
	return spf.Result{}, false
}

func dkimOf(res *result.Results, p rows.Place) (dkim.Result, bool) {
	for _, d := range res.DKIM {
		if d.Domain == p.Domain && d.Selector == p.Selector {
			return d, true
		}
	}
	return dkim.Result{}, false
}
