package addrlist

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Bounds on a list.
const (
	// MaxBytes bounds one file, in octets.
	MaxBytes = 32 << 20
	// maxEntries bounds the entries of one list.
	maxEntries = 1_000_000
	maxLine    = 4096
	maxCited   = 65 // bounds an entry cited in an error, with its quotes
)

// Error is the error for a bad entry.
type Error struct {
	// File and Line are the place of the entry; "" and 0 for an entry that is
	// not in a file.
	File string
	Line int
	// Problem says what is wrong and Remedy what to write instead, each on one
	// line.
	Problem, Remedy string
}

// Error returns place, problem and remedy on one line.
func (e *Error) Error() string {
	place := ""
	if e.File != "" {
		place = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	}
	return place + e.Problem + "; " + e.Remedy
}

// Builder collects the entries of one list.
type Builder struct {
	entries entries
	end     int64 // of the entries that are added, 0 for none
}

// Until gives all entries that are added from here on an end. The zero time stands
// for no end. The same entry with and without an end has none.
func (b *Builder) Until(end time.Time) {
	b.end = 0
	if !end.IsZero() {
		b.end = max(end.Unix(), 1)
	}
}

// File adds the entries of a file, which must be of the given kinds. The error
// is about the first bad line; the builder must not be used after it.
func (b *Builder) File(name string, text []byte, kinds Kind) *Error {
	fault := func(line int, problem, remedy string) *Error {
		return &Error{File: name, Line: line, Problem: problem, Remedy: remedy}
	}
	if len(text) > MaxBytes {
		return fault(1, fmt.Sprintf("the file is larger than %d MB", MaxBytes>>20), "split the list")
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		line, _, _ = bytes.Cut(line, []byte("#"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) > maxLine {
			return fault(n, fmt.Sprintf("a line of %d octets", len(line)), "write one entry a line")
		}
		for entry := range strings.SplitSeq(string(line), ",") {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue // "a, b," as in opendmarc.conf
			}
			if err := b.Add(entry, kinds); err != nil {
				err.File, err.Line = name, n
				return err
			}
		}
	}
	return nil
}

// Add adds one entry, which must be of one of the given kinds.
func (b *Builder) Add(entry string, kinds Kind) *Error {
	fault := func(problem, remedy string) *Error { return &Error{Problem: problem, Remedy: remedy} }
	if b.entries.size >= maxEntries {
		return fault(fmt.Sprintf("more than %d entries", maxEntries), "list prefixes or whole domains")
	}
	text, member := entry, true
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		text, member = strings.TrimSpace(rest), false
	}
	switch {
	case text == "":
		return fault(cite(entry)+" is an empty entry", "write "+kinds.example())
	case strings.ContainsAny(text, " \t\r"):
		return fault(cite(entry)+" has several words", `write one entry a line, and remarks after "#"`)
	}
	if domain, ok := cutPrefixFold(text, "dkim:"); ok {
		if kinds&Signers == 0 {
			return fault(cite(entry)+": signers are not allowed here", "write "+kinds.example())
		}
		b.entries.lastSigner = max(b.entries.lastSigner, b.until())
		return b.name(&b.entries.signers, domain, entry, member, kinds)
	}
	if kinds&MailAddresses != 0 && strings.Contains(text, "@") {
		return b.mailbox(text, entry, member, kinds)
	}
	if !looksLikeAddress(text) {
		if kinds&Names == 0 {
			return fault(cite(entry)+" is no address and no prefix", "write "+kinds.example())
		}
		b.entries.lastName = max(b.entries.lastName, b.until())
		return b.name(&b.entries.names, text, entry, member, kinds)
	}
	if kinds&Addresses == 0 {
		return fault(cite(entry)+" is no name", "write "+kinds.example())
	}
	p, err := parsePrefix(text, kinds)
	if err != nil {
		return err
	}
	b.entries.prefixes.Modify(p, func(old span, found bool) (span, bool) {
		return b.add(old, found, member), false
	})
	return nil
}

// until returns the end of the entries that are added.
func (b *Builder) until() int64 {
	if b.end == 0 {
		return always
	}
	return b.end
}

// add returns the span of an entry that is added to what there was of it.
func (b *Builder) add(old span, found, member bool) span {
	if !found {
		b.entries.size++
	}
	end := b.until()
	b.entries.dated = b.entries.dated || end != always
	if member {
		return span{max(old.member, end), old.exception}
	}
	return span{old.member, max(old.exception, end)}
}

// List returns the list of all entries added. The builder must not be used
// after it.
func (b *Builder) List() *List { return &List{&b.entries, always - 1} }

// name adds an entry for a name, or for the names below it, to names or
// signers.
func (b *Builder) name(to *map[string]span, text, entry string, member bool, kinds Kind) *Error {
	name, below := strings.CutPrefix(strings.TrimPrefix(text, "*"), ".")
	name, ok := message.NormalizeDomain(name)
	if !ok || strings.HasPrefix(text, "*") && !below {
		return &Error{Problem: cite(entry) + " is no name", Remedy: "write " + kinds.example()}
	}
	if below {
		name = "." + name
	}
	if *to == nil {
		*to = map[string]span{}
	}
	old, found := (*to)[name]
	(*to)[name] = b.add(old, found, member)
	return nil
}

// mailbox adds an entry for a mail address.
func (b *Builder) mailbox(text, entry string, member bool, kinds Kind) *Error {
	mailbox, _ := mailboxOf(text)
	if mailbox == "" {
		return &Error{Problem: cite(entry) + " is no mail address", Remedy: "write " + kinds.example()}
	}
	if b.entries.mailboxes == nil {
		b.entries.mailboxes = map[string]span{}
	}
	old, found := b.entries.mailboxes[mailbox]
	b.entries.mailboxes[mailbox] = b.add(old, found, member)
	return nil
}

// looksLikeAddress reports whether an entry is meant as an address or prefix,
// correct or not: it has a colon, a slash or a bracket, or only digits after
// its last dot. No name has these.
func looksLikeAddress(s string) bool {
	if strings.ContainsAny(s, ":/[]") {
		return true
	}
	s = strings.TrimSuffix(s, ".")
	last := s[strings.LastIndexByte(s, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// parsePrefix parses an address or a prefix. It reads an IPv4-mapped IPv6 address
// as IPv4, because clients have their addresses in that form.
func parsePrefix(s string, kinds Kind) (netip.Prefix, *Error) {
	plain := s
	if inner, ok := strings.CutPrefix(s, "["); ok {
		// Brackets may enclose the address, as in "[2001:db8::]/32", or the
		// whole entry.
		addr, rest, closed := strings.Cut(inner, "]")
		if plain = addr + rest; !closed || rest != "" && rest[0] != '/' {
			plain = s
		}
	}
	if a, err := netip.ParseAddr(plain); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(plain)
	if err != nil {
		return p, &Error{Problem: cite(s) + " is no address and no prefix", Remedy: "write " + kinds.example()}
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, &Error{Problem: cite(s) + " is no address and no prefix", Remedy: "write " + kinds.example()}
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, &Error{
			Problem: cite(s) + " has bits beyond its length",
			Remedy:  fmt.Sprintf("write %q, or %q for the one address", p.Masked(), p.Addr()),
		}
	}
	return p, nil
}

// example returns a description of how to write an entry of these kinds.
func (k Kind) example() string {
	const names = `a name such as "mx.example.org" or ".example.org"`
	switch {
	case k&MailAddresses != 0:
		return `a mail address such as "bob@example.org" or a name such as "example.org" or ".example.org"`
	case k&Names == 0:
		return `one such as "192.0.2.0/24" or "2001:db8::/32"`
	case k&Addresses == 0:
		return names
	case k&Signers != 0:
		return `an address such as "192.0.2.0/24", a name such as "mx.example.org", or a signer such as "dkim:example.org"`
	}
	return `an address such as "192.0.2.0/24" or ` + names
}

// cutPrefixFold removes a prefix in any ASCII case.
func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// cite returns an entry in quotes, but for what may be a private key.
func cite(s string) string { return foreign.TerminalQuote(foreign.HideKeys(s), maxCited) }
