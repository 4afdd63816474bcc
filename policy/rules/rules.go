package rules

import (
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// Rules turn results into a verdict. They are a plain value; of each word "" is
// the default.
type Rules struct {
	// Modes are the exceptions to Mode.
	Mode  Mode
	Modes Modes
	// AuthservID is the name that our field carries.
	AuthservID string
	DMARC      DMARC
	Quarantine Quarantine
	// OnTempError decides unless the domain is known to ask for quarantine or
	// reject. Then the message is deferred in any case: whoever forges mail of
	// the domain may have caused the DNS failure, and honest mail is only late.
	OnTempError       TempError
	OnAmbiguousAuthor AmbiguousAuthor
	// SenderDomain decides after Trust.
	SenderDomain SenderDomain
	OnFault      Fault
	// HelpURL ends each refusal, see [explain.CheckHelpURL]; "" for none.
	HelpURL    string
	OnDegraded Degraded
	// Trust says whose word counts against a failure of DMARC, Local what we ask
	// for beside DMARC.
	Trust Trust
	Local Local
	// Custom are the administrator's own rules.
	Custom []Rule
	// NoHold tells that the MTA cannot keep a message back: it is tagged instead.
	NoHold bool
}

// Decide returns what is done with a message. It is a pure function.
func (r Rules) Decide(res *result.Results) result.Verdict {
	d := decision{results: res}
	r.take(&d, stepUnreadable, stepMode)
	d.conclude()
	r.take(&d, stepMode, stepEnd)
	r.edit(&d)
	return explain.Verdict(r.HelpURL, res, d.verdict)
}
