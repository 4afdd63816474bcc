package reportsending

import (
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
)

// Why says why there is no report.
type Why string

// The reasons.
const (
	Chosen       Why = ""
	WhyOff       Why = "off"        // nothing is sent
	WhyOwn       Why = "own"        // it is the domain of our reports
	WhyExcluded  Why = "excluded"   // the administrator excludes the domain
	WhyNoAddress Why = "no-address" // no address of its record can be used
	WhyRideAlong Why = "ride-along" // only reports, bounces or forgeries came
	WhyUnknown   Why = "unknown"    // it was seen on one day alone
	WhyNotListed Why = "not-listed" // the administrator does not list it
	WhyInvalid   Why = "invalid"    // no valid document can be made
	WhyTooLate   Why = "too-late"   // nobody would want it any more
)

// Choices returns all reasons.
func Choices() []Why {
	return []Why{WhyOff, WhyOwn, WhyExcluded, WhyNoAddress, WhyRideAlong, WhyUnknown, WhyNotListed, WhyInvalid, WhyTooLate}
}

// KnownDays is on how many days of 30 a domain must have been seen to be known. Domains
// that spammers throw away live for one.
const KnownDays = 2

// Choose returns whether the messages of a subject lead to a report: Chosen, or why not.
func (s *Settings) Choose(subject *reports.Subject) Why {
	domain := subject.Policy.Domain
	addresses, _ := ParseURIs(subject.Policy.RUA)
	switch {
	case s.Send == Off || s.Send == "":
		return WhyOff
	case message.Below(domain, s.ownDomain()):
		return WhyOwn // two receivers would report about each other's reports
	case s.Excluded(domain):
		return WhyExcluded
	case len(addresses) == 0:
		return WhyNoAddress
	case s.Send == Listed && !s.Known(domain):
		return WhyNotListed
	case !s.causes(subject):
		return WhyRideAlong
	case s.Send == Known && subject.DaysSeen < KnownDays && !s.Known(domain):
		return WhyUnknown
	}
	return Chosen
}

// causes reports whether the messages of a subject may cause a report. Others are only told
// in one that there is anyway: whoever forges mail, and receivers that answer reports with
// reports, must not have us send mail at will.
func (s *Settings) causes(subject *reports.Subject) bool {
	if subject.Messages[reporting.Ordinary] > 0 {
		return true
	}
	return subject.Messages[reporting.Refused] > 0 && (s.Forged || subject.Passed)
}
