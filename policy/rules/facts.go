package rules

import (
	"cmp"
	"strings"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// factsOf returns results in the words of conditions.
func factsOf(res *result.Results) *condition.Facts {
	f := &condition.Facts{
		Client:        res.Client.IP,
		PTR:           res.Client.PTR,
		Helo:          strings.ToLower(clipped(res.Client.Helo)),
		Listener:      clipped(res.Client.Listener),
		Socket:        clipped(res.Client.Socket),
		Relay:         res.Client.Relay,
		User:          clipped(res.User),
		Authenticated: res.User != "",
		TLS:           clipped(res.Client.TLS),
		NullSender:    res.MailFrom == "",

		From:      res.Author.Domain,
		Org:       res.DMARC.OrganizationalDomain,
		Ambiguous: res.Author.Ambiguous(),
		List:      res.List.Marked(),
		ListID:    res.List.ID,
		Size:      int(res.Size),

		IPRev: string(res.IPRev.Status),
		ARC:   string(cmp.Or(res.ARC.Status, arc.None)),

		DMARC:            string(cmp.Or(res.DMARC.Status, dmarc.None)),
		DMARCPolicy:      string(res.DMARC.Policy),
		DMARCDisposition: string(res.DMARC.Disposition),
		DMARCRecord:      res.DMARC.RecordDomain,
		SPFAligned:       res.DMARC.SPFAligned,
		DKIMAligned:      res.DMARC.DKIMAligned,
		Judgement:        judgement.Weigh(res.Evidence),

		Degraded:  res.DNS.Degraded,
		DNSFailed: res.DNS.Failed,
	}
	f.MailFrom, f.MailFromDomain = mailbox(res.MailFrom)
	recipientFacts(f, res.Recipients)
	spfFacts(f, res)
	dkimFacts(f, res)
	for _, s := range res.ARC.Sealers {
		f.Sealers = append(f.Sealers, s.Domain)
	}
	return f
}

// clipped returns the start of a text, as long as conditions may see.
func clipped(s string) string {
	if len(s) > condition.MaxText {
		return s[:condition.MaxText]
	}
	return s
}

// mailbox returns an address and its domain in A-labels. The domain is "" if it is
// invalid.
func mailbox(path string) (address, domain string) {
	local, domain := message.SplitPath(path)
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return clippedAddress(path), ""
	}
	local = unquoted(local)
	if n := len(path) - len(domain); name == domain && path[:n] == local+"@" {
		return clippedAddress(path), name
	}
	return clippedAddress(local + "@" + name), name
}

// unquoted removes quotes that a local part does not need. The mailbox is the same
// with and without them (RFC 5321 section 4.1.2), so a rule must see them alike.
func unquoted(local string) string {
	n := len(local)
	if n < 3 || local[0] != '"' || local[n-1] != '"' {
		return local
	}
	inner := local[1 : n-1]
	needs := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("\"(),:;<>@[\\]", c) }
	if strings.ContainsFunc(inner, needs) || inner[0] == '.' || inner[n-3] == '.' || strings.Contains(inner, "..") {
		return local
	}
	return inner
}

// clippedAddress shortens the local part of an address. If the end were cut off
// instead, a sender could make a part of its local part look like the domain.
func clippedAddress(s string) string {
	if len(s) <= condition.MaxText {
		return s
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return clipped(s)
	}
	room := condition.MaxText - (len(s) - at)
	if room < 0 {
		return "" // no domain is that long
	}
	return s[:room] + s[at:]
}

func recipientFacts(f *condition.Facts, recipients []string) {
	f.Rcpts = make([]string, len(recipients))
	seen := make(map[string]struct{}, 1)
	for i, r := range recipients {
		address, domain := mailbox(r)
		f.Rcpts[i] = address
		if _, again := seen[domain]; domain != "" && !again {
			seen[domain] = struct{}{}
			f.RcptDomains = append(f.RcptDomains, domain)
		}
	}
}

func spfFacts(f *condition.Facts, res *result.Results) {
	if r, ok := res.EnvelopeSPF(); ok {
		f.SPF, f.SPFDomain = string(r.Status), r.Domain
	}
	for _, r := range res.SPF {
		if r.Identity == spf.MailFrom {
			f.SPFMailFrom = string(r.Status)
		} else {
			f.SPFHelo = string(r.Status)
		}
	}
}

func dkimFacts(f *condition.Facts, res *result.Results) {
	f.DKIM = string(dkim.None)
	if len(res.DKIM) > 0 {
		f.Signatures = make([]condition.Signature, len(res.DKIM))
	}
	for i, r := range res.DKIM {
		status, _ := res.Counts(r)
		f.Signatures[i] = condition.Signature{
			Domain: r.Domain, Selector: clipped(r.Selector), Algorithm: clipped(r.Algorithm), Result: string(status),
			Bits: r.KeyBits, Partial: r.Partial, Testing: r.Testing, Identity: clippedAddress(r.Identity),
		}
		switch {
		case status == dkim.Pass:
			f.Signers = append(f.Signers, r.Domain)
			f.DKIM = string(status)
		case i == 0 || status == dkim.TempError && f.DKIM != string(dkim.Pass):
			f.DKIM = string(status)
		}
	}
}
