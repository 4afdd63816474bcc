package resulttext

import (
	"slices"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// Report is a report as "check --json" prints it, on whose keys scripts rely. Its
// lists are never null.
//
// What nobody gave has no key: the client's address and HELO name, the result of SPF
// for a HELO name, and MAIL FROM. A mail_from of "" is the null sender.
type Report struct {
	Client clientJSON `json:"client"`
	result.Report
	MailFrom      *string        `json:"mail_from,omitempty"`
	Notes         []string       `json:"notes,omitempty"`
	SecondOpinion []dkim.Opinion `json:"second_opinion,omitempty"`
}

// clientJSON is a client without the keys of what nobody gave.
type clientJSON struct {
	IP   string `json:"ip,omitempty"`
	Helo string `json:"helo,omitempty"`
	result.ClientResult
}

// NewReport returns the form of a report for JSON.
func NewReport(r *result.Report) Report {
	full := *r
	results := *r.Results
	full.Results = &results
	results.SPF = slices.DeleteFunc(slices.Clone(results.SPF), func(s spf.Result) bool { return heloNotGiven(&results, s) })
	orEmpty(&results.SPF)
	orEmpty(&results.DKIM)
	orEmpty(&results.ARC.Sealers)
	orEmpty(&results.Author.Mailboxes)
	orEmpty(&results.Author.Oddities)
	orEmpty(&results.Recipients)
	orEmpty(&results.SenderDomains)
	orEmpty(&results.Claims)
	orEmpty(&results.Faults)
	orEmpty(&results.Trace)
	emptyVerdict(&full.Verdict)
	if full.Shadow != nil {
		shadow := *full.Shadow
		emptyVerdict(&shadow)
		full.Shadow = &shadow
	}
	out := Report{Client: clientJSON{results.Client.IP, results.Client.Helo, results.Client}, Report: full}
	if !results.MailFromUnknown {
		out.MailFrom = &results.MailFrom
	}
	return out
}

// heloNotGiven reports whether a result is that of a HELO name which nobody gave.
func heloNotGiven(r *result.Results, s spf.Result) bool {
	return s.Identity == spf.HELO && s.Domain == "" && r.Client.Helo == "" && r.Client.Hidden == ""
}

// emptyVerdict replaces the nil lists of a verdict by empty ones, which JSON shows as [].
func emptyVerdict(v *result.Verdict) {
	orEmpty(&v.Overrides)
	orEmpty(&v.Refused)
	orEmpty(&v.Why)
	orEmpty(&v.Hints)
	orEmpty(&v.Matched)
	orEmpty(&v.Faults)
}

// orEmpty makes a list empty if it is nil.
func orEmpty[S ~[]E, E any](s *S) {
	if *s == nil {
		*s = S{}
	}
}
