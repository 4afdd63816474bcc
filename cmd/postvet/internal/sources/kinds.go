package sources

import (
	"fmt"
	"strings"
)

// Kind is what a source probably is.
type Kind string

// The kinds.
const (
	Yours     Kind = "yours"     // its mail passes
	Partly    Kind = "partly"    // some of its mail passes, some does not
	Forwarder Kind = "forwarder" // it hands on mail of others
	AService  Kind = "service"   // it may send on the domain's behalf, and authenticates as itself alone
	Faulty    Kind = "faulty"    // it has the domain's keys or subdomains, and its mail fails
	Stranger  Kind = "stranger"  // it authenticates as itself, on few occasions
	Forger    Kind = "forger"    // nothing authenticates it
)

// Words returns a kind in words.
func (k Kind) Words() string {
	return map[Kind]string{
		Yours: "passes", Partly: "passes in part", Forwarder: "forwards", AService: "service without your name",
		Faulty: "yours, and faulty", Stranger: "stranger", Forger: "forged, or unknown to SPF",
	}[k]
}

// Fix is what to do about messages of one cause.
type Fix struct {
	Cause    Cause  `json:"cause"`
	Messages int64  `json:"messages"`
	Text     string `json:"text"`
}

// fewOccasions: a source that was met on fewer days and by one reporter alone is taken
// for a stranger rather than for a service.
const fewOccasions = 3

// kind returns what a source probably is.
func (s *Source) kind() Kind {
	passed, failed := s.Passed(), s.Failed()
	most := Nothing
	for _, c := range Causes()[2:] {
		if s.Causes[c] > s.Causes[most] {
			most = c
		}
	}
	switch {
	case s.Causes[Relayed] > s.Causes[Passed] && s.Causes[Relayed]+s.Causes[Forwarded]+s.Causes[Altered] > s.Messages/2:
		return Forwarder
	case failed == 0:
		return Yours
	case most == Forwarded && s.Causes[Forwarded] > passed:
		return Forwarder
	case passed > 0 && passed*100 >= s.Messages:
		return Partly
	}
	switch most {
	case BrokenKey, Altered, Strict, Disputed:
		return Faulty
	case Service:
		if s.Days < fewOccasions && s.Reporters < 2 {
			return Stranger
		}
		return AService
	}
	return Forger
}

// mine returns how many messages of a cause are probably the domain's own.
func (s *Source) mine(c Cause) int64 {
	switch {
	case s.Ignored:
		return 0
	case c == Passed || c == Relayed || c == BrokenKey || c == Strict || c == Disputed:
	case c == Service && s.Kind != Stranger:
	case c == Altered && s.Kind != Forwarder:
	case (c == Unlisted || c == Nothing) && s.Kind == Partly: // its other mail passes
	default:
		return 0
	}
	return s.Causes[c]
}

// fixes returns what to do, by the number of messages.
func (s *Source) fixes(domain string) []Fix {
	fixes := []Fix{}
	add := func(c Cause, format string, args ...any) {
		if n := s.Causes[c]; n > 0 {
			fixes = append(fixes, Fix{c, n, fmt.Sprintf(format, args...)})
		}
	}
	add(Service, "it authenticates as %s alone: if it sends for you, give it a DKIM key for %s, or have it use a MAIL FROM below %s", s.Name, domain, domain)
	add(BrokenKey, "it signs as %s, and receivers cannot use the key: look at the record with \"postvet domain %s\"%s", domain, domain, firstWith(s.Signers, "permerror ", "neutral ", "temperror "))
	add(Altered, "its signature as %s is broken: something changes the message behind the signer, or a forwarder does", domain)
	add(Disputed, "SPF or DKIM passes as the very domain in From, and the receiver says that DMARC fails: ask the receiver why")
	add(Strict, "it passes as a domain beside %s, and adkim=s or aspf=s demands the very same: relax them, or use the same domain", domain)
	if s.Kind == Partly {
		add(Unlisted, "it is not in the SPF record of its MAIL FROM, and these messages have no signature: add it to SPF, and have it sign all mail")
		add(Nothing, "nothing authenticates these messages, though others of it pass: have it sign all mail")
	} else {
		add(Unlisted, "it uses your MAIL FROM and is not in its SPF record: a forger; or a server of yours that is missing there and does not sign")
		add(Nothing, "nothing authenticates it: a forger, which p=reject stops; or a server of yours that must sign")
	}
	add(Forwarded, "a forwarder or a mailing list changes what you signed: nothing to repair at your end")
	if s.Kind == Yours && s.ByDKIM == 0 {
		add(Passed, "it passes by SPF alone, which breaks when it is forwarded: have it sign as %s", domain)
	}
	return fixes
}

// firstWith returns " (TEXT)" with the first text that begins with one of prefixes.
func firstWith(all []string, prefixes ...string) string {
	for _, text := range all {
		for _, p := range prefixes {
			if rest, ok := strings.CutPrefix(text, p); ok {
				return " (" + rest + ")"
			}
		}
	}
	return ""
}
