// Package repair proposes a sound record in place of a broken one, for SPF, DKIM and
// DMARC.
//
// A proposal is read by the evaluators without an error and keeps what the owner of
// the record states: p=reject stays reject, however it is written, and a key stays
// the same key. Where the owner's intent is unclear, such as with two policies,
// there is no proposal. A proposal needs no repair itself.
//
// How leniently the evaluators read a record makes no difference here: others may be
// stricter, so that each oddity is named.
package repair

import "slices"

// Proposal is a record as it should be.
type Proposal struct {
	// Text is the record to publish, the same text if nothing is wrong with it;
	// "" if the owner's intent is unclear.
	Text string
	// Oddities say in words what is wrong with the text.
	Oddities []string
	// Unreadable says in words why there is no Text.
	Unreadable string
}

// maxOddities bounds Oddities; a record may have thousands.
const maxOddities = 10

// note adds an oddity once.
func (p *Proposal) note(text string) {
	if len(p.Oddities) < maxOddities && !slices.Contains(p.Oddities, text) {
		p.Oddities = append(p.Oddities, text)
	}
}

// unreadable makes the proposal one without a text.
func (p *Proposal) unreadable(why string) Proposal {
	p.Text, p.Unreadable = "", why
	return *p
}

const unclear = "it cannot be told what the record is meant to say"

// settled repairs the proposal until there is nothing left to repair.
func (p Proposal) settled(once func(text string) Proposal) Proposal {
	for range 4 {
		again := once(p.Text)
		switch {
		case p.Text == "" || again.Text == p.Text:
			return p
		case again.Text == "":
			return p.unreadable(again.Unreadable)
		}
		p.Text = again.Text
	}
	return p.unreadable(unclear)
}

// maxCited bounds each foreign text in an oddity.
const maxCited = 60
