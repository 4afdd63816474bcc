package trial

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Then compares the configuration that a message was evaluated by with the one under test.
type Then struct {
	// Known is false if the configuration of then is not kept.
	Known bool
	// Other are the keys that decide what is found about a message, and that had another
	// value.
	Other []string
	// SameEarly is true if the keys that decide what is refused before it is sent had the
	// same values, and Early if messages were refused then at all.
	SameEarly, Early bool
}

const keySenderDomain = "policy.sender_domain"

// Found is the part of the configuration under test that decides what is found about a
// message.
type Found struct {
	Relays, Exempt         *addrlist.List
	ExemptNames            *addrlist.List
	Authenticated          bool
	MinRSABits, MaxRSABits int
}

// The reasons for which it is not known what would be done with a message, beside doubts.
const (
	whyEarly = "refused before it was sent"
	whyFault = "internal error"
	whyCut   = "not kept whole"
)

// verdict is what is known of the verdict of one policy.
type verdict struct {
	result.Verdict
	// doubts may leave the verdict unknown, as certain says. why are further reasons why
	// it is unknown.
	doubts  []rules.Doubt
	certain bool
	why     []string
}

// replay decides about a recorded message by rules.
func (o *Recorded) replay(by rules.Rules, r *rows.Row, then *Then) (v verdict) {
	res := r.Results
	by.NoHold = by.NoHold || slices.ContainsFunc(r.Verdict.Overrides, func(x result.Override) bool {
		return x.By == "MTA" || x.Text == string(rules.QuarantineTag) && strings.HasPrefix(x.By, "policy.hold_per_")
	})
	by = by.Recall(r.Verdict.Rule)
	if r.Early {
		early, refused := by.Early(res)
		if !refused {
			return verdict{why: []string{whyEarly}}
		}
		return verdict{Verdict: early, certain: true}
	}
	v.Verdict, v.doubts, v.certain = by.ReplayStored(nil, res, o.lacks(by, r, then))
	if r.Cut && (res.Exempt == "" || res.Signing != nil) { // else nothing is asked about it
		v.why = append(v.why, whyCut)
	}
	if !by.RefusesEarly() || res.Exempt != "" || res.Client.Relay != "" {
		return v
	}
	early, refused := by.Early(atRecipient(res))
	switch {
	case !refused || !early.DiffersInAction(v.Verdict):
	case then.Known && !then.Early:
		v.Verdict, v.certain, v.doubts = early, true, nil
	case !then.Known || !then.SameEarly:
		v.why = append(v.why, "policy.spf_early")
	default: // it was not refused then: the answers of the DNS came too late
	}
	return v
}

// atRecipient returns what was known of a message at its first recipient, see
// policy.Message.Early.
func atRecipient(res *result.Results) *result.Results {
	early := &result.Results{
		Client: res.Client, IPRev: res.IPRev, PartialBody: res.PartialBody, Arrived: res.Arrived, MailFrom: res.MailFrom,
		MailFromUnknown: res.MailFromUnknown, User: res.User, Recipients: res.Recipients[:min(len(res.Recipients), 1)],
		ExemptUndecided: res.ExemptUndecided, DNS: res.DNS,
	}
	if s, ok := res.EnvelopeSPF(); ok {
		early.SPF = append(early.SPF, s)
	}
	return early
}

// lacks returns the facts that rules ask about and a row does not have.
func (o *Recorded) lacks(by rules.Rules, r *rows.Row, then *Then) rules.Lacks {
	l, res := r.Lacks(), r.Results
	if by.SenderDomain == rules.SenderDomainReject && len(res.SenderDomains) == 0 && (!then.Known || slices.Contains(then.Other, keySenderDomain)) {
		l |= rules.LacksSenderDomain
	}
	return l
}

// differs reports whether two verdicts treat a message differently. If a doubt leaves the
// reply open, it does not count.
func (v *verdict) differs(w *verdict) bool {
	a, b := v.Verdict, w.Verdict
	if len(v.doubts)+len(w.doubts) > 0 {
		a.Code, b.Code = "", ""
	}
	return a.DiffersInAction(b)
}

// evidenceKeys decide which evidence is found about a message.
var evidenceKeys = []string{"policy.observed", "policy.observed_except", "trust.forwarded_recipients"}

// doubtful reports whether another value of a key, which decides what is found, may have
// led to another verdict about a message.
func (o *Recorded) doubtful(key string, res *result.Results) bool {
	section, _, _ := strings.Cut(key, ".")
	signature := func(f func(dkim.Result) bool) bool { return slices.ContainsFunc(res.DKIM, f) }
	switch {
	case key == "policy.organizational_domain":
		return res.Exempt == "" && !alignedByName(res)
	case slices.Contains(evidenceKeys, key):
		return judgement.Concerns(res) && o.weighs()
	case key == "trust.relays":
		ip, err := netip.ParseAddr(res.Client.IP)
		return res.Client.Relay != "" || err == nil && o.Found.Relays.At(res.Arrived).Address(ip)
	case section == "exempt":
		return res.Exempt != "" || o.exempts(res)
	case section == "sign", section == "seal":
		return res.Exempt == result.ExemptOriginating || res.Exempt == result.ExemptForwarded
	case key == "dkim.min_rsa_bits", key == "dkim.max_rsa_bits":
		return signature(func(d dkim.Result) bool {
			rsa := strings.HasPrefix(d.Algorithm, "rsa-")
			return rsa && (d.Status == dkim.Pass && (d.KeyBits < o.Found.MinRSABits || d.KeyBits > o.Found.MaxRSABits) || d.Status != dkim.Pass && d.Failure != "" && d.KeyBits > 0)
		})
	case key == "dkim.partial_body":
		return signature(func(d dkim.Result) bool { return d.Partial })
	}
	return false
}

// weighs reports whether the configuration under test decides by evidence.
func (o *Recorded) weighs() bool {
	return o.After.OnReject == rules.RejectJudge || slices.ContainsFunc(o.After.Custom, func(r rules.Rule) bool { return r.If != nil && r.If.Uses("judgement") })
}

// exempts reports whether the configuration under test may exempt a client.
func (o *Recorded) exempts(res *result.Results) bool {
	if res.User != "" && o.Found.Authenticated {
		return true
	}
	ip, err := netip.ParseAddr(res.Client.IP)
	for _, list := range []*addrlist.List{o.Found.Exempt, o.Found.ExemptNames} {
		list := list.At(res.Arrived)
		if err == nil && list.Address(ip) || res.Client.PTR != "" && list.Name(res.Client.PTR) {
			return true
		}
	}
	return false
}

// alignedByName reports whether DMARC passes by the author's domain itself, whose own
// record applies. Then no Organizational Domain matters.
func alignedByName(res *result.Results) bool {
	d := &res.DMARC
	if d.Status != dmarc.Pass || d.RecordDomain != d.AuthorDomain {
		return false
	}
	for _, s := range res.DKIM {
		if status, _ := res.Counts(s); status == dkim.Pass && s.Domain == d.AuthorDomain {
			return true
		}
	}
	_, domain := message.SplitPath(res.MailFrom)
	return d.SPFAligned && domain == d.AuthorDomain
}
