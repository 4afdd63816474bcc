package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
)

func (t *trace) dkim(res *result.Results) {
	say := func(format string, args ...any) { t.add("dkim", result.CheckDKIM, format, args...) }
	if len(res.DKIM) == 0 && res.Oversize == "" {
		say("none: the message is not signed")
	}
	for i, r := range res.DKIM {
		head := fmt.Sprintf("signature %d of %d, by %s", i+1, len(res.DKIM), cmp.Or(r.Domain, "nothing"))
		if r.Selector != "" {
			head += ", selector " + r.Selector
		}
		if r.Algorithm != "" {
			head += ", " + r.Algorithm
		}
		if r.KeyBits > 0 {
			head += fmt.Sprintf(", key of %d bits", r.KeyBits)
		}
		say("%s", head)
		for _, line := range signatureLines(res, r) {
			say("  %s", line)
		}
	}
}

// signatureLines returns the findings about one signature.
func signatureLines(res *result.Results, r dkim.Result) []string {
	var lines []string
	if r.Status == dkim.Pass {
		lines = append(lines, "pass: signed header fields and body are as "+r.Domain+" signed them")
	} else {
		lines = append(lines, string(r.Status)+": "+r.Reason)
	}
	if more := failureWords[r.Failure]; more != "" {
		lines = append(lines, more)
	}
	lines = append(lines, r.Diagnosis...)
	if status, reason := res.Counts(r); status != r.Status {
		lines = append(lines, "counts as "+string(status)+": "+reason)
	}
	return lines
}

// failureWords explain kinds of failure to an administrator, where the reason alone does
// not.
var failureWords = map[dkim.Failure]string{
	dkim.FailureKeyMissing:  "the DNS states that there is no such key: it was never published, was taken away too early, or the selector is made up",
	dkim.FailureKeyRevoked:  "the owner withdrew the key (its p= is empty): what is signed with it no longer counts",
	dkim.FailureKeyBroken:   "the owner must repair the record; until then nothing signed with it counts",
	dkim.FailureKeyShort:    "such a key can be broken, so its signatures prove nothing (RFC 8301); the signer must move to a longer one",
	dkim.FailureAlgorithm:   "signatures that can be forged or that nobody can read prove nothing (RFC 8301); the signer must use rsa-sha256 or ed25519-sha256",
	dkim.FailureExpired:     "the message was under way for too long, or somebody sends an old one again",
	dkim.FailureNotYetValid: "a clock is wrong, the signer's or ours",
	dkim.FailureBodyShort:   "a part of the signed body is missing",
	dkim.FailureDNS:         "whether the signature is valid is unknown; this is no evidence against the message",
}

func (t *trace) arc(r arc.Result) {
	say := func(format string, args ...any) { t.add("arc", result.CheckARC, format, args...) }
	if r.Status == arc.None {
		say("none: nobody who handed the message on left a seal")
		return
	}
	for _, s := range r.Sets {
		say("set %d, sealed by %s, which saw: %s", s.Instance, cmp.Or(s.Sealer, "nothing"), strings.TrimPrefix(s.Results, fmt.Sprintf("i=%d; ", s.Instance)))
		say("  %s; %s", seal("the seal", s.Seal), seal("the message signature", s.Message))
	}
	switch {
	case r.Status != arc.Pass:
		say("%s: %s; what the sets say does not count", r.Status, r.Reason)
	case r.OldestPass > 0:
		say("pass: the chain is unbroken; the message is unchanged since set %d and was changed before", r.OldestPass)
	default:
		say("pass: the chain is unbroken, and the message is unchanged since its first set")
	}
	if r.Status == arc.Pass {
		say("a chain is worth as much as its sealers are trusted: anybody can make one")
	}
}

func seal(what, problem string) string {
	if problem == "" {
		return what + " is valid"
	}
	return what + ": " + problem
}
