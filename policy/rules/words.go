package rules

import "github.com/postvet/postvet/policy/result"

// Each key of the configuration has a type for its words, so that the word of one key
// cannot be assigned to another. The first word of a type is its default, which ""
// also means.

// Mode says whether verdicts are carried out.
type Mode string

// Enforce carries out verdicts. Monitor reports them and accepts every message.
const (
	Enforce Mode = "enforce"
	Monitor Mode = "monitor"
)

// Words returns the words of the type, the default first.
func (Mode) Words() []string { return words(Enforce, Monitor) }

// DMARC says whether the policies of author domains are carried out.
type DMARC string

// DMARCMark adds the result to the message and does nothing else.
const (
	DMARCEnforce DMARC = "enforce"
	DMARCMark    DMARC = "mark"
)

// Words returns the words of the type, the default first.
func (DMARC) Words() []string { return words(DMARCEnforce, DMARCMark) }

// OnReject is what p=reject leads to. The first word is the default of the configuration.
// Unlike it, "" rejects as the author's domain asks, since nobody may have gathered evidence.
type OnReject string

// RejectJudge rejects a message if evidence speaks for a forgery, and treats others as
// p=quarantine, see package judgement. RejectAlways rejects every message that fails, as
// the author's domain asks, which RFC 9989 section 7.4 does not allow. RejectQuarantine
// treats all as p=quarantine.
const (
	RejectJudge      OnReject = "judge"
	RejectAlways     OnReject = "always"
	RejectQuarantine OnReject = "quarantine"
)

// Words returns the words of the type, the default first.
func (OnReject) Words() []string { return words(RejectJudge, RejectAlways, RejectQuarantine) }

// Quarantine is what p=quarantine leads to.
type Quarantine string

// QuarantineHold has the MTA hold the message. QuarantineTag delivers it with
// QuarantineField. QuarantineReject rejects it as for p=reject.
const (
	QuarantineHold   Quarantine = "hold"
	QuarantineTag    Quarantine = result.TagText
	QuarantineReject Quarantine = "reject"
)

// Words returns the words of the type, the default first.
func (Quarantine) Words() []string { return words(QuarantineHold, QuarantineTag, QuarantineReject) }

// TempError is what a message leads to if a DNS failure leaves DMARC open.
type TempError string

// TempErrorAccept accepts the message, TempErrorDefer defers it.
const (
	TempErrorAccept TempError = "accept"
	TempErrorDefer  TempError = "tempfail"
)

// Words returns the words of the type, the default first.
func (TempError) Words() []string { return words(TempErrorAccept, TempErrorDefer) }

// KeyError is what a message of our users leads to if no key that would sign it can be read.
type KeyError string

// KeyErrorDefer defers the message, KeyErrorUnsigned lets it pass without a signature.
const (
	KeyErrorDefer    KeyError = "tempfail"
	KeyErrorUnsigned KeyError = "unsigned"
)

// Words returns the words of the type, the default first.
func (KeyError) Words() []string { return words(KeyErrorDefer, KeyErrorUnsigned) }

// AmbiguousAuthor is what a message without exactly one author domain leads to.
type AmbiguousAuthor string

// AmbiguousReject rejects the message, AmbiguousHold holds it, AmbiguousAccept accepts
// it.
const (
	AmbiguousReject AmbiguousAuthor = "reject"
	AmbiguousHold   AmbiguousAuthor = "hold"
	AmbiguousAccept AmbiguousAuthor = "accept"
)

// Words returns the words of the type, the default first.
func (AmbiguousAuthor) Words() []string {
	return words(AmbiguousReject, AmbiguousHold, AmbiguousAccept)
}

// Fault is what an internal error leads to.
type Fault string

// FaultDefer defers the message, FaultAccept accepts it.
const (
	FaultDefer  Fault = "tempfail"
	FaultAccept Fault = "accept"
)

// Words returns the words of the type, the default first.
func (Fault) Words() []string { return words(FaultDefer, FaultAccept) }

// SenderDomain is what is done if the sender's domain accepts no mail.
type SenderDomain string

// SenderDomainOff looks nothing up. SenderDomainMark adds the result to our field.
// SenderDomainReject also rejects the message.
const (
	SenderDomainOff    SenderDomain = "off"
	SenderDomainMark   SenderDomain = "mark"
	SenderDomainReject SenderDomain = "reject"
)

// Words returns the words of the type, the default first.
func (SenderDomain) Words() []string {
	return words(SenderDomainOff, SenderDomainMark, SenderDomainReject)
}

// Degraded is what a message leads to if its lookups failed because our resolvers fail.
type Degraded string

// DegradedDefer defers the message unless DMARC passes. DegradedJudge decides as always,
// but defers instead of rejecting. DegradedAccept accepts it.
const (
	DegradedDefer  Degraded = "tempfail"
	DegradedJudge  Degraded = "judge"
	DegradedAccept Degraded = "accept"
)

// Words returns the words of the type, the default first.
func (Degraded) Words() []string { return words(DegradedDefer, DegradedJudge, DegradedAccept) }

// MailingLists says how a DMARC failure is treated that a mailing list seems to have
// caused.
type MailingLists string

// MailingListsStrict treats the failure like any other. MailingListsQuarantine treats a
// message that would be rejected as p=quarantine. MailingListsAccept accepts it.
const (
	MailingListsStrict     MailingLists = "strict"
	MailingListsQuarantine MailingLists = "quarantine"
	MailingListsAccept     MailingLists = "accept"
)

// Words returns the words of the type, the default first.
func (MailingLists) Words() []string {
	return words(MailingListsStrict, MailingListsQuarantine, MailingListsAccept)
}

// Demand is what a message leads to if it does not meet a demand of [Local].
type Demand string

// DemandMark adds the result to our field and does nothing else. DemandQuarantine and
// DemandReject treat the message as p=quarantine or p=reject.
const (
	DemandMark       Demand = "mark"
	DemandQuarantine Demand = "quarantine"
	DemandReject     Demand = "reject"
)

// Words returns the words of the type, the default first.
func (Demand) Words() []string { return words(DemandMark, DemandQuarantine, DemandReject) }

// words returns words as strings.
func words[T ~string](all ...T) []string {
	list := make([]string, len(all))
	for i, w := range all {
		list[i] = string(w)
	}
	return list
}
