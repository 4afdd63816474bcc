package arc

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// The reasons why a message gets no further set. Errors of [Signer.Seal] wrap them.
var (
	// ErrFailed: a hop before has marked the chain as failed (RFC 8617 section 5.1.2).
	ErrFailed = errors.New("arc: the chain had failed before")
	// ErrUndecided: it is not known whether the chain is valid.
	ErrUndecided = errors.New("arc: the chain was not verified")
	// ErrChanged: the sets are not those that were verified.
	ErrChanged = errors.New("arc: the chain is not the one that was verified")
	// ErrFull: the chain has 50 sets (RFC 8617 section 4.2.1).
	ErrFull = errors.New("arc: the chain has as many sets as a chain may have")
	// ErrAuthor: there is not exactly one From field, which a set must sign (section 4.1.2).
	ErrAuthor = errors.New("arc: the message has not exactly one From field")
	// ErrResults: the results to record cannot be read.
	ErrResults = errors.New("arc: the results cannot be read")
)

// Signer adds the next set to the chain of one message (RFC 8617 section 5.1). Create
// it at the end of the header, write the body to the Bodies, close them, and call Seal.
type Signer struct{ bodies *dkim.Bodies }

// NewSigner registers the body hash that the set needs. The error is that the message
// needs too many different ones.
func NewSigner(bodies *dkim.Bodies) (*Signer, error) {
	if bodies.Hash(dkim.Relaxed, crypto.SHA256, -1) == nil {
		return nil, errors.New("arc: the message needs too many different body hashes")
	}
	return &Signer{bodies}, nil
}

// SealOptions say what a set says. All but Fields are required.
type SealOptions struct {
	// Domain and Selector are d= and s=, in lower-case A-labels.
	Domain, Selector string
	// Key is an RSA key: many verifiers of chains know no other algorithm.
	Key crypto.Signer
	// Fields says which header fields are signed; default [SealedFields].
	Fields []dkim.FieldRule
	// Time is t=, with a resolution of one second.
	Time time.Time
	// Results is the value of the Authentication-Results field that says what was found
	// when the message arrived. The set records it without its comments.
	Results string
	// Chain is the status of the chain when the message arrived; "" if nobody verified
	// it. It must not be that of a message which was changed since.
	Chain Status
}

// SealedFields returns the header fields that our message signature covers: those of
// [dkim.DefaultFields], and the DKIM signatures (RFC 8617 section 4.1.2).
func SealedFields() []dkim.FieldRule {
	return append(dkim.DefaultFields(), dkim.FieldRule{Name: "dkim-signature"})
}

// NewSet is a set that was added to a chain.
type NewSet struct {
	Instance int
	// Chain is cv= of the seal.
	Chain Status
	// Fields are the fields of the set in the order in which they are put on top of the
	// message: ARC-Seal is the last one, and uppermost.
	Fields []message.Field
}

// Seal makes the next set of the chain of a message with a header. The header is the one
// that leaves this host, but for the set. An error wraps one of those above, or is that
// of the options or the key.
//
// A chain that was found to have failed gets a set with cv=fail, which seals itself
// alone. A verifier of it learns which host found that out (section 5.1.2).
func (s *Signer) Seal(h message.Header, o SealOptions) (*NewSet, error) {
	if o.Key == nil {
		return nil, errors.New("arc: the key is missing")
	}
	if _, ok := o.Key.Public().(*rsa.PublicKey); !ok {
		return nil, fmt.Errorf("arc: a key of type %T cannot seal; RSA can", o.Key.Public())
	}
	if h.Count("From") != 1 {
		return nil, ErrAuthor
	}
	next, err := extend(h, o.Chain, o.Domain)
	if err != nil {
		return nil, err
	}
	id, methods, err := authres.Parse(o.Results)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrResults, strings.TrimPrefix(err.Error(), "authres: "))
	}
	recorded := message.NewField(fieldNames[results], " i="+strconv.Itoa(next.instance)+";"+authres.Format(id, methods))
	so := dkim.SignOptions{
		Domain: o.Domain, Selector: o.Selector, Key: o.Key, HeaderForm: dkim.Relaxed, BodyForm: dkim.Relaxed, Fields: o.Fields, Time: o.Time,
	}
	if so.Fields == nil {
		so.Fields = SealedFields()
	}
	signer, err := dkim.NewMessageSigner(dkim.NewHeaderIndex(h), s.bodies, next.instance, so)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign()
	if err != nil {
		return nil, err
	}
	sealed, err := dkim.Seal(append(next.covered, recorded, signature), next.instance, string(next.chain), so)
	if err != nil {
		return nil, err
	}
	return &NewSet{Instance: next.instance, Chain: next.chain, Fields: []message.Field{recorded, signature, sealed}}, nil
}
