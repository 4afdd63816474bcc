package web

import (
	"net/netip"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// reading is a way to understand what was typed into the search field. Its word is the value
// of the parameter "as".
type reading string

// The readings.
const (
	asReference reading = "reference"
	asQueue     reading = "queue"
	asMessageID reading = "message-id"
	asAddress   reading = "address" // of the sender or of a recipient
	asSender    reading = "sender"
	asRecipient reading = "recipient"
	asAuthor    reading = "author"
	asClient    reading = "client"
	asNothing   reading = ""
)

// understand returns the ways to read what was typed, the likeliest first. They are none if
// it is nothing that the journal knows.
func understand(typed string) (value string, all []reading) {
	value = strings.TrimSpace(typed)
	for _, prefix := range []string{"ref ", "ref:", "mailto:"} {
		if len(value) > len(prefix) && strings.EqualFold(value[:len(prefix)], prefix) {
			value = strings.TrimSpace(value[len(prefix):])
		}
	}
	if value == "<>" {
		return value, []reading{asSender}
	}
	if ref := referenceIn(value); ref != "" {
		return ref, []reading{asReference}
	}
	if _, ok := clientOf(value); ok {
		return value, []reading{asClient}
	}
	if strings.Contains(value, "@") {
		return understandAddress(value)
	}
	name := strings.Trim(value, "<>.")
	if d, ok := message.NormalizeDomain(name); ok && strings.Contains(d, ".") {
		return d, []reading{asAuthor, asSender, asRecipient}
	}
	if _, err := result.ParseReference(value); err == nil {
		all = append(all, asReference)
	}
	if isQueueID(value) {
		all = append(all, asQueue)
	}
	return value, all
}

// referenceIn returns the reference in a whole refusal, as bounces and callers quote it; "" if
// there is none.
func referenceIn(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if i == 0 || !strings.EqualFold(strings.Trim(words[i-1], "(\"';,"), "ref") {
			continue
		}
		w = strings.Trim(w, ".,;)>\"'")
		if _, err := result.ParseReference(w); err == nil {
			return w
		}
	}
	return ""
}

// understandAddress reads what has an "@". A Message-ID is copied with its brackets, and an
// address with a name before them.
func understandAddress(value string) (string, []reading) {
	inner := value
	i, j := strings.LastIndexByte(value, '<'), strings.LastIndexByte(value, '>')
	if i >= 0 && j > i {
		inner = value[i+1 : j]
	}
	local, domain := message.SplitPath(inner)
	name, ok := message.NormalizeDomain(domain)
	switch {
	case ok && local == "":
		return name, []reading{asAuthor, asSender, asRecipient}
	case !ok:
		return value, []reading{asMessageID}
	case i == 0 && j == len(value)-1:
		return value, []reading{asMessageID, asAddress, asSender, asRecipient}
	}
	return local + "@" + name, []reading{asAddress, asSender, asRecipient, asAuthor, asMessageID}
}

// isQueueID reports whether a text may be a queue id of an MTA.
func isQueueID(s string) bool {
	if len(s) < 5 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// clientOf parses an address or a network, also in brackets.
func clientOf(s string) (netip.Prefix, bool) {
	s = strings.TrimPrefix(strings.Trim(s, "[]"), "IPv6:")
	if ip, err := netip.ParseAddr(s); err == nil {
		ip = ip.Unmap().WithZone("")
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}

// queries returns the queries of a reading. Their rows belong together.
func (r reading) queries(value string) []rows.Query {
	switch r {
	case asReference:
		ref, _ := result.ParseReference(value)
		return []rows.Query{{Ref: ref}}
	case asQueue:
		return []rows.Query{{Queue: value}}
	case asMessageID:
		return []rows.Query{{MessageID: value}}
	case asAddress:
		return []rows.Query{{From: value}, {To: value}}
	case asSender:
		return []rows.Query{{From: value}}
	case asRecipient:
		return []rows.Query{{To: value}}
	case asAuthor:
		_, domain := message.SplitPath(value)
		if !strings.Contains(value, "@") {
			domain = value
		}
		return []rows.Query{{Domain: domain}}
	case asClient:
		p, _ := clientOf(value)
		return []rows.Query{{Client: p}}
	}
	return []rows.Query{{}}
}

// ofOne reports whether a reading is about one message, which is searched in all that is
// kept.
func (r reading) ofOne() bool { return r == asReference || r == asQueue || r == asMessageID }

// title names a reading in a link.
func (r reading) title() string {
	return map[reading]string{
		asReference: "a reference", asQueue: "a queue id", asMessageID: "a Message-ID", asAddress: "sender or recipient",
		asSender: "the sender alone", asRecipient: "a recipient alone", asAuthor: "the author's domain", asClient: "the server that sent it",
	}[r]
}

// what says which messages a reading selects, behind "messages".
func (r reading) what(value string) string {
	switch r {
	case asReference:
		return "with the reference " + value
	case asQueue:
		return "with the queue id " + value
	case asMessageID:
		return "with the Message-ID " + value
	case asAddress:
		return "from or to " + value
	case asSender:
		if value == "<>" {
			return "without a sender (bounces)"
		}
		return "sent by " + value + " (in the envelope, MAIL FROM)"
	case asRecipient:
		return "to " + value
	case asAuthor:
		_, domain := message.SplitPath(value)
		if !strings.Contains(value, "@") {
			domain = value
		}
		return "whose author (From) is in " + domain
	case asClient:
		if strings.Contains(value, "/") {
			return "from servers in the network " + value
		}
		return "from the server " + value
	}
	return ""
}

// hidden says why a journal with a level of privacy does not find a reading, and what to
// search instead; "" if it may find it.
func (r reading) hidden(value string, level rows.Level, fleet bool) string {
	whole := r == asAddress || r == asMessageID || (r == asSender || r == asRecipient) && strings.Contains(value, "@")
	switch {
	case !whole:
		return ""
	case fleet:
		return "Addresses and Message-IDs cannot be found on all nodes at once, as each node keeps them under a key of its own. Search on the node itself, or by domain, server or queue id."
	case level == rows.Domains:
		return "This journal keeps domains and no addresses (journal.privacy = \"domains\"), so nobody can be found by address or Message-ID. Search for the domain, the server or the queue id."
	}
	return ""
}
