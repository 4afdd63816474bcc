package rows

import (
	"encoding/binary"
	"errors"

	"github.com/postvet/postvet/policy/foreign"
)

// ErrRow is the error for a row that cannot be decoded.
var ErrRow = errors.New("journal: a row cannot be decoded")

// Bounds of what is kept of one message. A row has at most MaxRow octets, of which the
// texts in its facts have maxFacts.
const (
	MaxRow   = 8 << 10
	maxFacts = 3 << 10
	maxText  = 256
	// maxReply bounds the text that the client was told.
	maxReply = 450
)

// codec writes values to b, or reads them from it. One function describes both, so that
// they cannot differ. What is missing at the end is read as zero, since rows of older
// versions have fewer values.
type codec struct {
	b       []byte
	reading bool
	bad     bool
	room    int // octets that may still be written
	level   Level
	// local and localAt are what texts must not have, see setLocal.
	local, localAt string
	// known are texts outside of b that both sides know, such as the author's domain.
	// Many values repeat them.
	known [8]string
	// cut and cutRcpts are those of the row that is written.
	cut, cutRcpts bool
}

// octet returns the next octets to read, at most n; all of them are there unless the
// codec is bad.
func (c *codec) octets(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *codec) readUint() uint64 {
	if len(c.b) == 0 {
		return 0
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

// number writes or reads a number.
func number[T ~int | ~int64](c *codec, n *T) {
	if c.reading {
		v := c.readUint()
		*n = T(int64(v>>1) ^ -int64(v&1))
		return
	}
	c.b = binary.AppendVarint(c.b, int64(*n))
}

// bits writes or reads up to 32 truths.
func (c *codec) bits(all ...*bool) {
	if c.reading {
		v := c.readUint()
		for i, b := range all {
			*b = v>>i&1 == 1
		}
		return
	}
	var v uint64
	for i, b := range all {
		if *b {
			v |= 1 << i
		}
	}
	c.b = binary.AppendUvarint(c.b, v)
}

// text writes or reads a text of at most n octets, in harmless form. A text begins with a
// number, the last two bits of which are its form: the length of the text that follows, the
// number of a known text or word, or the length of a text to which a known one is added.
func text[T ~string](c *codec, s *T, n int) {
	if c.reading {
		*s = T(c.readText())
		return
	}
	c.writeText(string(*s), n)
}

// fact is text for a value by which rules may decide. If it is not kept as it is, that is
// written down.
func fact[T ~string](c *codec, s *T, n int) {
	c.whole(string(*s), min(n, c.room))
	text(c, s, n)
}

// whole notes whether a text is kept as it is.
func (c *codec) whole(s string, n int) {
	if !c.reading && (len(s) > n || !isHarmless(s)) {
		c.cut = true
	}
}

// isHarmless reports whether a text is kept as it is, if it is short enough.
func isHarmless(s string) bool {
	return foreign.IsPrintable(s) || foreign.Terminal(s, foreign.Whole) == s
}

// The forms of a text.
const (
	textPlain = iota
	textKnown
	textEnding
)

func (c *codec) writeText(s string, n int) {
	if s == "" {
		c.b = append(c.b, textPlain)
		return
	}
	ending := -1
	for i, k := range &c.known {
		switch {
		case len(k) == len(s):
			if k == s {
				c.b = append(c.b, byte(i<<2|textKnown))
				return
			}
		case k == "" || len(k) > len(s) || len(s) < 2*len("example.org") || s[len(s)-len(k):] != k:
		case ending < 0 || len(k) > len(c.known[ending]):
			ending = i
		}
	}
	if w, ok := wordNumbers[s]; ok {
		c.b = binary.AppendUvarint(c.b, uint64(len(c.known)+w)<<2|textKnown)
		return
	}
	if len(s) > n {
		ending = -1
	}
	form := uint64(textPlain)
	if ending >= 0 {
		form = textEnding
		s = s[:len(s)-len(c.known[ending])]
	}
	s = foreign.Terminal(s, max(0, min(n, c.room)))
	c.room -= len(s)
	c.b = binary.AppendUvarint(c.b, uint64(len(s))<<2|form)
	c.b = append(c.b, s...)
	if form == textEnding {
		c.b = append(c.b, byte(ending))
	}
}

func (c *codec) readText() string {
	v := c.readUint()
	switch i := v >> 2; v & 3 {
	case textPlain:
		return string(c.octets(i))
	case textEnding:
		s := string(c.octets(i))
		if end := c.octets(1); len(end) == 1 && int(end[0]) < len(c.known) {
			return s + c.known[end[0]]
		}
	case textKnown:
		if i < uint64(len(c.known)) {
			return c.known[i]
		}
		if i -= uint64(len(c.known)); i < uint64(len(words)) {
			return words[i]
		}
	}
	c.bad = true
	return ""
}

// list writes or reads the first n elements of a list.
func list[T any](c *codec, all *[]T, n int, element func(*codec, *T)) {
	if !c.reading {
		some := (*all)[:min(n, len(*all))]
		c.b = binary.AppendUvarint(c.b, uint64(len(some)))
		for i := range some {
			element(c, &some[i])
		}
		return
	}
	count := c.readUint()
	if count > uint64(n) {
		c.bad = true
		return
	}
	*all = make([]T, count)
	for i := range *all {
		if c.bad {
			return
		}
		element(c, &(*all)[i])
	}
}

// texts writes or reads a list of texts.
func texts(c *codec, all *[]string, n int) {
	list(c, all, n, func(c *codec, s *string) { text(c, s, maxText) })
}

// words are texts that many rows have. Their order is part of the format: new ones
// come last.
var words = []string{
	"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy", "mailfrom", "helo", "all", "-all", "~all", "?all",
	"default", "rsa-sha256", "rsa-sha1", "ed25519-sha256", "accept", "reject", "quarantine", "tempfail", "redirect", "discard", "p", "sp", "np", "r", "s",
	"no PTR record", "TLSv1.3", "TLSv1.2", "mx", "a", "author", "no DMARC record", "no SPF record",
	"trusted_forwarder", "mailing_list", "local_policy", "policy_test_mode", "other", "forwarded",
	"altered_by_list", "altered", "maybe_forwarded", "not_checked", "other_signer", "key_missing", "weak_signature", "expired",
	"partial_signature", "strict_alignment", "spf_broken", "unauthenticated", "exempt address", "exempt name", "authenticated",
	"local submission", "signed by us", "smtpd", "inet:127.0.0.1:8890", "unix:/run/postvet/postvet.sock",
	"/var/spool/postfix/postvet/postvet.sock", "accepts", "dmarc-pass", "body_hash",
	"not-originating", "the client neither logged in nor came by a socket, daemon or network of our users", "login", "network", "socket",
	"not-forwarded", "no recipient is one whose mail is sent on, and the client is none that hands on mail",
	"not-delivered", "the message is not delivered: reject", "the message is not delivered: tempfail", "already-signed", "no-key",
	"alike", "differs", "ours-alone", "theirs-alone", "neither",
}

var wordNumbers = func() map[string]int {
	m := make(map[string]int, len(words))
	for i, w := range words {
		m[w] = i
	}
	return m
}()

// appendPacked appends octets with each run of zeros as a zero and its length: facts are
// full of values that are not set.
func appendPacked(b, octets []byte) []byte {
	for i := 0; i < len(octets); i++ {
		b = append(b, octets[i])
		if octets[i] != 0 {
			continue
		}
		n := 1
		for n < 255 && i+n < len(octets) && octets[i+n] == 0 {
			n++
		}
		b = append(b, byte(n))
		i += n - 1
	}
	return b
}

// appendUnpacked is the reverse of appendPacked. It returns at most 4 * MaxRow octets.
func appendUnpacked(b, packed []byte) []byte {
	for i := 0; i < len(packed) && len(b) < 4*MaxRow; i++ {
		b = append(b, packed[i])
		if packed[i] == 0 && i+1 < len(packed) {
			i++
			for range int(packed[i]) - 1 {
				b = append(b, 0)
			}
		}
	}
	return b
}
