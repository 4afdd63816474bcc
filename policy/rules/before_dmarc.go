package rules

import (
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// The functions of this file are the steps before DMARC, except for the
// administrator's own rules. The first that applies decides.

// unreadable defers a message with more forged fields in our name than can be removed.
func (r *Rules) unreadable(d *decision) {
	if d.results.ClaimsIncomplete {
		d.decide(stepUnreadable, result.TempFail, "The message holds more fields in the name of this server than can be removed")
	}
}

// keyError defers a message of our users that would be signed, if no key can be read. It
// would leave without a signature, and nobody would know.
func (r *Rules) keyError(d *decision) {
	if s := d.results.Signing; s != nil && s.KeyFault && r.action(stepKeyError) != "" {
		d.decide(stepKeyError, result.TempFail, "The message could not be signed now; please try again later")
	}
}

// exempt accepts a message that is not checked. The rules for mail of our users are asked
// before: nothing else would be.
func (r *Rules) exempt(d *decision) {
	if r.applyOutbound(d); d.verdict.Action != "" {
		return
	}
	if why := d.results.Exempt; why != "" {
		d.decide(stepExempt, result.Accept, why)
	}
}

func (r *Rules) fault(d *decision) {
	// A message that DMARC passes needed no more lookups.
	unable := d.results.DNS.HostFailed > 0 && d.results.DMARC.Status != dmarc.Pass
	if a := r.action(stepFault); a != "" && (unable || len(d.results.Faults) > 0) {
		d.decide(stepFault, a, "The sender's authentication could not be checked because of an internal error; please try again later")
	}
}

func (r *Rules) oversize(d *decision) {
	if limit := d.results.Oversize; limit != "" {
		d.decide(stepOversize, result.Reject, "Message refused: "+limit)
	}
}

// noAuthor accepts a bounce from "MAILER-DAEMON", which names no domain. A bounce that
// is refused is lost.
func (r *Rules) noAuthor(d *decision) {
	if d.results.Author.Absent && d.results.MailFrom == "" {
		d.decide(stepNoAuthor, result.Accept, "")
	}
}

func (r *Rules) ambiguousAuthor(d *decision) {
	author := d.results.Author
	if author.Domain != "" || author.Problem == "" {
		return
	}
	switch text := explain.AuthorProblem(author); r.action(stepAmbiguousAuthor) {
	case result.Quarantine:
		d.decide(stepAmbiguousAuthor, result.Quarantine, text)
	case result.Reject:
		d.decide(stepAmbiguousAuthor, result.Reject, "Message refused: "+text)
	}
}

// exemptUndecided defers a message that would not be delivered, if a DNS failure hides
// whether the client is exempt by its name.
func (r *Rules) exemptUndecided(d *decision) {
	if d.results.ExemptUndecided {
		d.postpone(result.RuleTempError, explain.HiddenName)
	}
}
