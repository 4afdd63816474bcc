package rules

// The words of the configuration are types, so that one cannot be taken for
// another. Of each type the first word is the default, which "" stands for.

// Mode says whether verdicts are carried out.
type Mode string

// Enforce acts; Monitor decides and reports, and accepts everything.
const (
	Enforce Mode = "enforce"
	Monitor Mode = "monitor"
)

// Words returns the words of the type, the default first.
func (Mode) Words() []string { return words(Enforce, Monitor) }

// DMARC says whether the policies of author domains are carried out.
type DMARC string

// DMARCMark only writes the result into the message.
const (
	DMARCEnforce DMARC = "enforce"
	DMARCMark    DMARC = "mark"
)

// Words returns the words of the type, the default first.
func (DMARC) Words() []string { return words(DMARCEnforce, DMARCMark) }

// Quarantine is what p=quarantine leads to.
type Quarantine string

// The MTA keeps the message, or it is delivered with QuarantineField, or refused
// as for p=reject.
const (
	QuarantineHold   Quarantine = "hold"
	QuarantineTag    Quarantine = "tag"
	QuarantineReject Quarantine = "reject"
)

// Words returns the words of the type, the default first.
func (Quarantine) Words() []string { return words(QuarantineHold, QuarantineTag, QuarantineReject) }

// TempError is what a message leads to if a DNS failure leaves DMARC open.
type TempError string

// The message is accepted or deferred.
const (
	TempErrorAccept TempError = "accept"
	TempErrorDefer  TempError = "tempfail"
)

// Words returns the words of the type, the default first.
func (TempError) Words() []string { return words(TempErrorAccept, TempErrorDefer) }

// AmbiguousAuthor is what a message without exactly one author domain leads to.
type AmbiguousAuthor string

// The message is refused, held or accepted.
const (
	AmbiguousReject AmbiguousAuthor = "reject"
	AmbiguousHold   AmbiguousAuthor = "hold"
	AmbiguousAccept AmbiguousAuthor = "accept"
)

// Words returns the words of the type, the default first.
func (AmbiguousAuthor) Words() []string {
	return words(AmbiguousReject, AmbiguousHold, AmbiguousAccept)
}

// Fault is what a failure of our own leads to.
type Fault string

// The message is deferred or accepted.
const (
	FaultDefer  Fault = "tempfail"
	FaultAccept Fault = "accept"
)

// Words returns the words of the type, the default first.
func (Fault) Words() []string { return words(FaultDefer, FaultAccept) }

// SenderDomain is what is done if the sender's domain accepts no mail.
type SenderDomain string

// Nothing is looked up, or the result stands in our field, or the message is
// refused.
const (
	SenderDomainOff    SenderDomain = "off"
	SenderDomainMark   SenderDomain = "mark"
	SenderDomainReject SenderDomain = "reject"
)

// Words returns the words of the type, the default first.
func (SenderDomain) Words() []string {
	return words(SenderDomainOff, SenderDomainMark, SenderDomainReject)
}

// Degraded is what a message leads to if its lookups failed while no resolver works.
type Degraded string

// DegradedJudge decides as always, but defers instead of refusing. DegradedDefer
// defers the message unless DMARC passes.
const (
	DegradedJudge  Degraded = "judge"
	DegradedDefer  Degraded = "tempfail"
	DegradedAccept Degraded = "accept"
)

// Words returns the words of the type, the default first.
func (Degraded) Words() []string { return words(DegradedJudge, DegradedDefer, DegradedAccept) }

// MailingLists says how a DMARC failure is treated that looks like a mailing list's
// work.
type MailingLists string

// The failure counts like any other, or what would be refused is treated as
// p=quarantine, or the message is accepted.
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

// The result stands in our field, or the message is treated as p=quarantine or
// p=reject.
const (
	DemandMark       Demand = "mark"
	DemandQuarantine Demand = "quarantine"
	DemandReject     Demand = "reject"
)

// Words returns the words of the type, the default first.
func (Demand) Words() []string { return words(DemandMark, DemandQuarantine, DemandReject) }

func words[T ~string](all ...T) []string {
	list := make([]string, len(all))
	for i, w := range all {
		list[i] = string(w)
	}
	return list
}
