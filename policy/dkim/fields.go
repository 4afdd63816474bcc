package dkim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// Cover says how a signature covers the header fields of one name. A name that
// stands in h= once more than there are fields oversigns: nobody can add such a
// field without breaking the signature (RFC 6376 section 8.15).
type Cover uint8

// The ways to cover a name.
const (
	// Present signs each field of the name.
	Present Cover = iota
	// OversignPresent signs each field and, if there is one, a further one.
	OversignPresent
	// Oversign signs each field and a further one, also if there is none.
	Oversign
)

// FieldRule says how the fields of one name are signed.
type FieldRule struct {
	Name  string // in lower case
	Cover Cover
}

// The names of the lists below, by how a mail program treats them.
const (
	// shown are fields that change the display when somebody adds one.
	shown = "from subject to cc reply-to content-type"
	// single are further fields that a message has once at most.
	single = "date message-id mime-version content-transfer-encoding in-reply-to references list-unsubscribe list-unsubscribe-post"
	// others may be added by a mailing list or another hop.
	others = "sender list-id list-help list-owner list-post list-subscribe list-archive resent-date resent-from resent-to " +
		"resent-cc resent-sender resent-message-id autocrypt openpgp bimi-selector feedback-id auto-submitted importance x-priority"
)

// DefaultFields returns the fields that Postvet signs: all that a mail program shows
// or acts on (RFC 6376 section 5.4.1). Sender is never oversigned, since mailing
// lists add it. One-click unsubscription is covered, as RFC 8058 section 4 demands.
func DefaultFields() []FieldRule {
	return slices.Concat(cover(Oversign, shown), cover(OversignPresent, single), cover(Present, others))
}

// StrictFields returns rules like those of [DefaultFields], but oversigns also absent
// fields. A mailing list that adds one of them breaks the signature.
func StrictFields() []FieldRule {
	return slices.Concat(cover(Oversign, shown), cover(Oversign, single), cover(Present, others))
}

// ListFields returns the rules for mail to mailing lists. From alone is oversigned,
// since lists add Reply-To, Cc and fields of their own.
func ListFields() []FieldRule {
	return slices.Concat(cover(Oversign, "from"), cover(Present, strings.TrimPrefix(shown, "from")), cover(Present, single), cover(Present, others))
}

func cover(c Cover, names string) []FieldRule {
	var list []FieldRule
	for name := range strings.FieldsSeq(names) {
		list = append(list, FieldRule{name, c})
	}
	return list
}

// unsignable are the fields that a signature must not or cannot cover, with the
// reason (RFC 6376 section 5.4.1, RFC 8601 section 5, RFC 8617 section 4.1.2).
var unsignable = map[string]string{
	"return-path":            "the last hop sets it anew",
	"received":               "each hop adds one",
	"bcc":                    "a mail server removes it",
	"comments":               "mail servers may rewrite it",
	"keywords":               "mail servers may rewrite it",
	"dkim-signature":         "hops add and remove signatures",
	"authentication-results": "receivers remove and add it",
	"delivered-to":           "each delivery adds one",
	"message-instance":       "hops that speak DKIM2 add it",
	"dkim2-signature":        "hops that speak DKIM2 add it",
}

// ParseFieldRule parses a name with a mark: "(o)name" for Oversign, "(x)name" for
// OversignPresent, "name" for Present. The error says why a name cannot be signed.
func ParseFieldRule(s string) (FieldRule, error) {
	r := FieldRule{Name: strings.ToLower(s)}
	if name, ok := strings.CutPrefix(r.Name, "(o)"); ok {
		r.Name, r.Cover = name, Oversign
	} else if name, ok := strings.CutPrefix(r.Name, "(x)"); ok {
		r.Name, r.Cover = name, OversignPresent
	}
	if !isFieldName(r.Name) {
		return FieldRule{}, fmt.Errorf("dkim: %q is not the name of a header field", s)
	}
	why := unsignable[r.Name]
	switch {
	case strings.HasPrefix(r.Name, "arc-"):
		why = "each sealer adds one"
	case strings.HasPrefix(r.Name, "x-spam-"):
		why = "receivers remove and add it"
	case r.Name == "sender" && r.Cover != Present:
		why = "mailing lists add it; it can be signed where it is present, without a mark"
	}
	if why != "" {
		return FieldRule{}, fmt.Errorf("dkim: %s is not signed: %s", r.Name, why)
	}
	return r, nil
}

// isFieldName reports whether s is a field name (RFC 5322 section 2.2) that h= can
// hold: without ";", which ends a tag.
func isFieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' || r == ';' })
}

// maxLine is the length of a line, without its end, that mail servers pass on as it is.
// RFC 5322 section 2.1.1 allows 998 octets, but Sendmail breaks lines above 990.
const maxLine = 990

// ErrTooManyFields is the error of a message with more fields to sign than verifiers read.
var ErrTooManyFields = fmt.Errorf("more than %d fields to sign", maxSignedFields)

// SignedNames returns h= for a header: the names in the order of the rules, each as
// often as its Cover says. It leaves out fields with a line above 990 octets, which
// mail servers break, and all fields of the same name above it, but From, To,
// Subject and Date, which are worth nothing unsigned. The error is that the header
// has no From field, that no rule names it (RFC 6376 section 5.4), or that h= would
// have more than 1000 names.
func SignedNames(h message.Header, list []FieldRule) ([]string, error) {
	if !slices.ContainsFunc(list, func(r FieldRule) bool { return r.Name == "from" }) {
		return nil, fmt.Errorf("dkim: signing: the fields to sign lack From")
	}
	if h.Count("From") == 0 {
		return nil, fmt.Errorf("dkim: signing: the message has no From field")
	}
	count := make(map[string]int, len(list))
	broken := map[string]bool{} // names of a field with a long line
	for _, r := range list {
		count[r.Name] = 0
	}
	for i := len(h) - 1; i >= 0; i-- {
		name := strings.ToLower(h[i].Name)
		n, ok := count[name]
		if !ok || broken[name] {
			continue
		}
		if hasLineAbove(h[i].Raw, maxLine) && !needed(name) {
			broken[name] = true
			continue
		}
		count[name] = n + 1
	}
	var names []string
	for _, r := range list {
		n, once := count[r.Name]
		if !once { // the rules have the name a second time
			continue
		}
		delete(count, r.Name)
		if !broken[r.Name] && (r.Cover == Oversign || r.Cover == OversignPresent && n > 0) {
			n++
		}
		if len(names)+n > maxSignedFields {
			return nil, fmt.Errorf("dkim: signing: %w", ErrTooManyFields)
		}
		for range n {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

func needed(name string) bool {
	return name == "from" || name == "to" || name == "subject" || name == "date"
}

func hasLineAbove(raw string, octets int) bool {
	if len(raw) <= octets {
		return false
	}
	for line := range strings.Lines(raw) {
		if len(line) > octets+len("\r\n") {
			return true
		}
	}
	return false
}
