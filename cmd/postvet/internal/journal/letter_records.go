package journal

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// letterRecords writes the DNS records that decided, and those that would help.
func (s *Story) letterRecords(l *letter) {
	record := func(name, text string) {
		l.WriteString("  " + foreign.Line(name, 260) + ". TXT\n    \"" + foreign.Line(text, 1000) + "\"\n")
	}
	first := true
	for i := range s.Evidence {
		e := &s.Evidence[i]
		text := e.latest()
		if text == "" {
			continue
		}
		if first {
			l.WriteString("The records in the DNS that count here:\n")
			first = false
		}
		record(e.Name, text)
	}
	if !first {
		l.WriteString("\n")
	}
	if name, text := s.betterSPF(); text != "" {
		l.paragraph("If the server that sent the message may send for " + foreign.Line(name, 120) + ", its SPF record must list it:")
		record(name, text)
		l.WriteString("\n")
	}
	if k, ok := s.missingKey(); ok {
		l.paragraph("The message was signed with a key that the DNS does not show. It must be published, with its public part behind p=:")
		record(k.Name(), "v=DKIM1; p=...")
		l.WriteString("\n")
	}
	if s.wantsSignature() {
		author := foreign.Line(s.Row.Results.Author.Domain, 120)
		l.paragraph("The surest way is to sign the mail with DKIM in the name of " + author + " (d=" + author + " in the signature). A signature survives when mail is forwarded.")
	}
}

// latest returns the record as it is now, or as it was then if that is not known; "" for
// none.
func (e *Evidence) latest() string {
	if e.Now != nil && e.Now.Failure == "" {
		return e.Now.Text
	}
	return e.Then
}

// betterSPF returns the SPF record of the sender with the client in it, if the record is
// known and does not list the client, and its owner is the author.
func (s *Story) betterSPF() (name, text string) {
	res := s.Row.Results
	r, ok := res.EnvelopeSPF()
	ip, err := netip.ParseAddr(res.Client.IP)
	if !ok || err != nil || !message.Below(r.Domain, organizationOf(res)) {
		return "", ""
	}
	if r.Status != spf.Fail && r.Status != spf.SoftFail && r.Status != spf.Neutral {
		return "", ""
	}
	for _, h := range s.Row.Verdict.Hints {
		switch h.Word {
		case result.HintList, result.HintAltered, result.HintForwarded, result.HintMaybeForwarded:
			return "", "" // the owner's own servers are listed, and others should not be
		}
	}
	i := slices.IndexFunc(s.Evidence, func(e Evidence) bool { return e.Standard == rows.SPF && e.Domain == r.Domain })
	if i < 0 {
		return "", ""
	}
	return r.Domain, withClient(s.Evidence[i].latest(), ip.WithZone(""))
}

// organizationOf returns the organization of the author, or its domain if that is not known.
func organizationOf(res *result.Results) string {
	if res.DMARC.OrganizationalDomain != "" {
		return res.DMARC.OrganizationalDomain
	}
	return res.Author.Domain
}

// withClient returns an SPF record with an address before its last mechanism, or before
// redirect=, behind which a mechanism would not count; "" if the text is no SPF record.
func withClient(text string, ip netip.Addr) string {
	terms := strings.Fields(text)
	if len(terms) == 0 || !strings.EqualFold(terms[0], "v=spf1") {
		return ""
	}
	term := "ip4:"
	if ip.Is6() {
		term = "ip6:"
	}
	at := slices.IndexFunc(terms, func(t string) bool {
		t = strings.ToLower(strings.TrimLeft(t, "+-~?"))
		return t == "all" || strings.HasPrefix(t, "redirect=") || strings.HasPrefix(t, "exp=")
	})
	if at < 0 {
		at = len(terms)
	}
	return strings.Join(slices.Insert(terms, at, term+ip.String()), " ")
}

// missingKey returns the place of the key of the author's signature, if there is none.
func (s *Story) missingKey() (rows.Place, bool) {
	if !s.hinted(result.HintKeyMissing) {
		return rows.Place{}, false
	}
	for _, d := range s.Row.Results.DKIM {
		if d.Failure == dkim.FailureKeyMissing && d.Selector != "" && message.Below(d.Domain, organizationOf(s.Row.Results)) {
			return rows.Place{Standard: rows.DKIM, Domain: d.Domain, Selector: d.Selector}, true
		}
	}
	return rows.Place{}, false
}

// wantsSignature reports whether a signature of the author would have helped, and there is
// none.
func (s *Story) wantsSignature() bool {
	for _, w := range []result.HintWord{result.HintUnauthenticated, result.HintOtherSigner, result.HintMaybeForwarded} {
		if s.hinted(w) {
			return s.Row.Results.Author.Domain != ""
		}
	}
	return false
}

func (s *Story) hinted(w result.HintWord) bool {
	return slices.ContainsFunc(s.Row.Verdict.Hints, func(h result.Hint) bool { return h.Word == w })
}
