package rules

import (
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// Rules configure the decision about messages. The zero value of each field is its
// default.
type Rules struct {
	// Modes are the exceptions to Mode.
	Mode  Mode
	Modes Modes
	// AuthservID is the name of this server in our field (RFC 8601 section 2.5).
	AuthservID string
	// SPFHelo puts the SPF result of HELO behind that of MAIL FROM in our field.
	SPFHelo    bool
	DMARC      DMARC
	OnReject   OnReject
	Quarantine Quarantine
	// OnTempError applies unless the domain is known to ask for quarantine or
	// reject, or its policy is what could not be looked up, for a while. Such a
	// message is always deferred, because a forger may have caused the DNS failure,
	// and genuine mail is only late.
	OnTempError       TempError
	OnAmbiguousAuthor AmbiguousAuthor
	// SenderDomain applies after Trust.
	SenderDomain SenderDomain
	OnFault      Fault
	OnKeyError   KeyError
	// HelpURL is put at the end of each refusal, see [explain.CheckHelpURL]; ""
	// for none.
	HelpURL    string
	OnDegraded Degraded
	// Trust names the parties that are trusted although DMARC fails. Local has
	// this server's own demands.
	Trust   Trust
	Local   Local
	Reports Reports
	// Custom are the administrator's own rules.
	Custom []Rule
	// NoHold is true if the MTA cannot hold messages. They are tagged instead.
	NoHold bool
	// NoHoldKey is the key of the configuration that is the reason for NoHold; "" if the
	// MTA is.
	NoHoldKey string
}

// Decide returns what is done with a message. It is a pure function: what ends, ends
// by the time at which the message arrived.
func (r Rules) Decide(res *result.Results) result.Verdict {
	r.at(res.Arrived)
	d := decision{results: res}
	r.take(&d, stepUnreadable, stepMode)
	d.conclude()
	r.take(&d, stepMode, stepEnd)
	r.edit(&d)
	return explain.Verdict(r.HelpURL, res, d.verdict)
}
