package arc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// extension is what the next seal of a chain says and covers.
type extension struct {
	instance int
	chain    Status // cv=
	covered  []message.Field
}

// extend returns the next set of the chain in a header. Status is that of the chain when
// the message arrived, own the domain that seals. The signatures of the sets are not
// verified again: who changed the message since has broken the newest of them. The sets
// must be such that a chain of them can be valid.
func extend(h message.Header, status Status, own string) (*extension, error) {
	sets, broken := collect(h)
	none := len(sets) == 0 && broken == nil
	switch {
	case slices.ContainsFunc(sets, (*set).failed):
		return nil, ErrFailed
	case none && (status == None || status == ""):
		return &extension{instance: 1, chain: None}, nil
	case none && status != TempError:
		return nil, fmt.Errorf("%w: its fields were removed", ErrChanged)
	case status == Fail:
		return extendFailed(sets, broken)
	// We may have sealed the message when it arrived, after it was verified.
	case status == None && !sealedBy(sets, own):
		return nil, fmt.Errorf("%w: there was none, and now there are fields of one", ErrChanged)
	case status != None && status != Pass:
		return nil, ErrUndecided
	}
	if broken == nil {
		broken = parseSeals(sets, dkim.Options{})
	}
	if broken != nil {
		return nil, fmt.Errorf("%w: %w", ErrChanged, broken)
	}
	if len(sets) == maxInstances {
		return nil, ErrFull
	}
	next := &extension{instance: len(sets) + 1, chain: Pass}
	for _, s := range sets {
		next.covered = append(next.covered, s.field[:]...)
	}
	return next, nil
}

// extendFailed returns the set that marks a chain as failed. It covers no other set, as
// if it were the only one: what the others say is not to be relied on (RFC 8617 section
// 5.1.2).
func extendFailed(sets []*set, broken error) (*extension, error) {
	highest := 0
	if len(sets) > 0 {
		highest = sets[len(sets)-1].instance
	}
	if highest == maxInstances || errors.Is(broken, errTooMany) {
		return nil, ErrFull
	}
	return &extension{instance: highest + 1, chain: Fail}, nil
}

// failed reports whether the seal of a set says that the chain has failed.
func (s *set) failed() bool {
	tags, err := dkim.ParseTags(s.field[seal].Value())
	if err != nil {
		return false
	}
	cv, _ := tags.Get("cv")
	return strings.EqualFold(cv, string(Fail))
}

// sealedBy reports whether all sets have a seal of a domain.
func sealedBy(sets []*set, domain string) bool {
	for _, s := range sets {
		if sig, err := dkim.ParseSeal(s.field[seal]); err != nil || sig.Domain != domain {
			return false
		}
	}
	return len(sets) > 0
}
