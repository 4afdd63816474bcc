// Package report has the documents by which receivers tell a domain's owner about its
// mail: aggregate reports (RFC 9990), which it writes, reads and checks, and failure
// reports (RFC 9991), which it writes and reads.
//
// [Read] takes what programs send as aggregate reports, by RFC 9990 and by RFC 7489
// before it, well-formed or not. It says in [Reading.Deviations] what it had to repair.
// [Check] holds a document against RFC 9990 alone, its schema and its text, and [Writer]
// writes what Check finds nothing in.
//
// All of them go through a document once, record by record, in bounded memory.
package report

import (
	"net/netip"
	"time"
)

// Namespace is the namespace of aggregate reports (RFC 9990 section 3.1.1.1).
const Namespace = "urn:ietf:params:xml:ns:dmarc-2.0"

// Head is an aggregate report without its records.
type Head struct {
	// Namespace is that of the document; RFC 7489 has none.
	Namespace string `json:"namespace"`
	Version   string `json:"version"`

	OrgName      string `json:"org_name"`
	Email        string `json:"email"`
	ExtraContact string `json:"extra_contact_info"`
	// ReportID is without angle brackets.
	ReportID string `json:"report_id"`
	// Begin and End are the first and the last second of the period, in UTC; zero if
	// they are not known.
	Begin time.Time `json:"begin,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Errors are what went wrong with the policy; RFC 9990 has at most one.
	Errors    []string `json:"errors"`
	Generator string   `json:"generator"`

	Policy Policy `json:"policy_published"`
}

// Policy is what the domain published during the period (RFC 9990 section 3.1.1.5).
// Values are in lower case, "" for those that the report does not have.
type Policy struct {
	Domain    string `json:"domain"`
	Discovery string `json:"discovery_method"` // psl or treewalk
	P         string `json:"p"`
	SP        string `json:"sp"`
	NP        string `json:"np"`
	ADKIM     string `json:"adkim"`
	ASPF      string `json:"aspf"`
	FO        string `json:"fo"`
	Testing   string `json:"testing"` // y or n
	// Percent is pct of RFC 7489. It is read and never written.
	Percent string `json:"pct,omitempty"`
}

// Record is a number of messages that fared alike.
type Record struct {
	Source netip.Addr `json:"source_ip"`
	// SourceText is what the report has for an address if it is none.
	SourceText string `json:"source_text,omitempty"`
	Count      int64  `json:"count"`

	Disposition Disposition `json:"disposition"`
	// DKIMAligned and SPFAligned say whether an aligned identity passed.
	DKIMAligned bool     `json:"dkim_aligned"`
	SPFAligned  bool     `json:"spf_aligned"`
	Reasons     []Reason `json:"reasons"`

	HeaderFrom string `json:"header_from"`
	// EnvelopeFrom is the domain of MAIL FROM. HasEnvelopeFrom tells the null sender
	// from a report that does not say.
	EnvelopeFrom    string `json:"envelope_from"`
	HasEnvelopeFrom bool   `json:"has_envelope_from"`
	EnvelopeTo      string `json:"envelope_to,omitempty"`

	DKIM []DKIM `json:"dkim"`
	// SPF has at most one entry in RFC 9990.
	SPF []SPF `json:"spf"`
}

// Passed reports whether the messages passed DMARC.
func (r *Record) Passed() bool { return r.DKIMAligned || r.SPFAligned }

// Disposition is what was done with messages (RFC 9990 section 3.1.1.9).
type Disposition string

// The dispositions. DispositionPass is no action for mail that passed DMARC where the
// policy is quarantine or reject; RFC 7489 does not have it.
const (
	DispositionNone       Disposition = "none"
	DispositionPass       Disposition = "pass"
	DispositionQuarantine Disposition = "quarantine"
	DispositionReject     Disposition = "reject"
)

// ReasonType is why something else was done than the domain asks for (RFC 9990 section
// 3.1.6).
type ReasonType string

// The types. The last two are in RFC 7489 alone; they are read and never written.
const (
	LocalPolicy      ReasonType = "local_policy"
	MailingList      ReasonType = "mailing_list"
	OtherReason      ReasonType = "other"
	PolicyTestMode   ReasonType = "policy_test_mode"
	TrustedForwarder ReasonType = "trusted_forwarder"
	Forwarded        ReasonType = "forwarded"
	SampledOut       ReasonType = "sampled_out"
)

// Reason is one reason.
type Reason struct {
	Type    ReasonType `json:"type"`
	Comment string     `json:"comment"`
}

// DKIM is the result of one signature.
type DKIM struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	Result   string `json:"result"`
	Human    string `json:"human_result,omitempty"`
}

// SPF is the result of SPF.
type SPF struct {
	Domain string `json:"domain"`
	// Scope is "mfrom", "helo" in RFC 7489, or "".
	Scope  string `json:"scope"`
	Result string `json:"result"`
	Human  string `json:"human_result,omitempty"`
}
