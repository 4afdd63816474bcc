package policy

// Mode says whether verdicts are carried out.
type Mode string

// Enforce acts; Monitor decides and reports, and accepts everything.
const (
	Enforce Mode = "enforce"
	Monitor Mode = "monitor"
)

// Rules turn results into a verdict. They are a plain value.
type Rules struct {
	Mode Mode
	// AuthservID is the name that our field carries.
	AuthservID string
	// Quarantine is what p=quarantine leads to: "hold" (the MTA keeps the
	// message), "tag" (delivered with a field X-Postvet-Quarantine) or "reject".
	Quarantine string
	// OnTempError is what an evaluation that DNS trouble cut short leads to:
	// "accept" or "tempfail".
	OnTempError string
	// OnAmbiguousAuthor is what a message without exactly one author domain
	// leads to: "reject", "hold" or "accept".
	OnAmbiguousAuthor string
	// OnFault is what a failure of our own leads to: "tempfail" or "accept".
	OnFault string
}

// Decide is a pure function of the results.
func (r Rules) Decide(res *Results) Verdict { return Verdict{Action: Accept} }
