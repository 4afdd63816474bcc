package dkim

// Failure is the kind of trouble that kept a signature from passing; "" for
// one that passed. Reasons are for people, failures for whoever has to tell one
// kind from another.
type Failure string

// The kinds.
const (
	// FailureBody: the body is not the one that was signed.
	FailureBody Failure = "body_changed"
	// FailureBodyShort: the body is shorter than l= says.
	FailureBodyShort Failure = "body_short"
	// FailureHeader: the body is, but a signed header field or the signature
	// itself is not.
	FailureHeader Failure = "header_changed"
	// FailureKeyMissing: the DNS states that there is no key of that name.
	FailureKeyMissing Failure = "key_missing"
	// FailureKeyBroken: what stands at the key's name is no key.
	FailureKeyBroken Failure = "key_broken"
	// FailureKeyRevoked: p= is empty.
	FailureKeyRevoked Failure = "key_revoked"
	// FailureKeyUnfit: the key's record does not let it serve this signature.
	FailureKeyUnfit Failure = "key_unfit"
	// FailureKeyShort and FailureKeyLong: the key's size is out of bounds.
	FailureKeyShort Failure = "key_short"
	FailureKeyLong  Failure = "key_long"
	// FailureAlgorithm: a= is refused (RFC 8301) or not known.
	FailureAlgorithm Failure = "algorithm"
	// FailureExpired: x= is over.
	FailureExpired Failure = "expired"
	// FailureNotYetValid: t= is in the future.
	FailureNotYetValid Failure = "not_yet_valid"
	// FailureMalformed: the field is not written as RFC 6376 has it.
	FailureMalformed Failure = "malformed"
	// FailureLimit: it is beyond what is verified of one message.
	FailureLimit Failure = "limit"
	// FailureDNS: the key could not be looked up; nothing is known.
	FailureDNS Failure = "dns"
	// FailureInternal: a fault of ours; nothing is known.
	FailureInternal Failure = "internal"
)
