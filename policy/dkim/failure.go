package dkim

import (
	"errors"
	"fmt"
)

// Failure is the kind of failure that kept a signature from passing, "" for a
// signature that passed. A reason is for people, a failure for programs.
type Failure string

// The kinds.
const (
	// FailureBody: the body differs from the signed one.
	FailureBody Failure = "body_changed"
	// FailureBodyShort: the body is shorter than l= says.
	FailureBodyShort Failure = "body_short"
	// FailureHeader: the body is as signed, but a signed header field or the
	// signature itself is not.
	FailureHeader Failure = "header_changed"
	// FailureKeyMissing: the DNS has no TXT record at the key's name.
	FailureKeyMissing Failure = "key_missing"
	// FailureKeyBroken: the TXT record at the key's name is not a valid key.
	FailureKeyBroken Failure = "key_broken"
	// FailureKeyRevoked: p= is empty.
	FailureKeyRevoked Failure = "key_revoked"
	// FailureKeyUnfit: the key record does not allow this signature.
	FailureKeyUnfit Failure = "key_unfit"
	// FailureKeyShort and FailureKeyLong: the key's size is out of bounds.
	FailureKeyShort Failure = "key_short"
	FailureKeyLong  Failure = "key_long"
	// FailureAlgorithm: a= is unknown or no longer valid (RFC 8301).
	FailureAlgorithm Failure = "algorithm"
	// FailureExpired: x= is in the past.
	FailureExpired Failure = "expired"
	// FailureNotYetValid: t= is more than a day in the future.
	FailureNotYetValid Failure = "not_yet_valid"
	// FailureMalformed: the field does not follow the grammar of RFC 6376.
	FailureMalformed Failure = "malformed"
	// FailureLimit: the message has more signatures or body hashes than are
	// verified.
	FailureLimit Failure = "limit"
	// FailureDNS: the lookup of the key failed.
	FailureDNS Failure = "dns"
	// FailureInternal: a fault of our own.
	FailureInternal Failure = "internal"
)

// Error is the error of a signature or key that cannot be verified, or of a
// signature that does not match.
type Error struct {
	// Status is the result that it leads to: Fail, PermError, TempError or Policy.
	Status Status
	// Failure is the kind of failure.
	Failure Failure
	// Reason describes the failure to people, without the name of this package.
	Reason string
}

func (e *Error) Error() string { return "dkim: " + e.Reason }

// malformed returns the PermError of a signature that breaks the grammar.
func malformed(format string, args ...any) *Error {
	return permanent(FailureMalformed, format, args...)
}

// permanent returns a PermError.
func permanent(f Failure, format string, args ...any) *Error {
	return &Error{Status: PermError, Failure: f, Reason: fmt.Sprintf(format, args...)}
}

// outcomeOf returns the result that an error leads to, its reason and its failure.
func outcomeOf(err error) (Status, string, Failure) {
	var e *Error
	if errors.As(err, &e) {
		return e.Status, e.Reason, e.Failure
	}
	return TempError, err.Error(), FailureInternal
}

// temporary reports whether an error leads to TempError.
func temporary(err error) bool {
	status, _, _ := outcomeOf(err)
	return status == TempError
}
