package journal

import (
	"encoding/binary"
	"errors"

	"github.com/postvet/postvet/policy/foreign"
)

// ErrRow is the error for a row that cannot be decoded.
var ErrRow = errors.New("journal: a row cannot be decoded")

// Bounds of what is kept of one message. A row has at most maxRow octets, of which the
// texts in its facts have maxFacts.
const (
	maxRow   = 8 << 10
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

// text writes or reads a text of at most n octets, in harmless form. A text begins with its
// length doubled, or with twice its number among the known texts and words, plus one.
func text[T ~string](c *codec, s *T, n int) {
	if c.reading {
		*s = T(c.readText())
		return
	}
	c.writeText(string(*s), n)
}

func (c *codec) writeText(s string, n int) {
	if s == "" {
		c.b = append(c.b, 0)
		return
	}
	for i := range c.known {
		if s == c.known[i] {
			c.b = append(c.b, byte(i<<1|1))
			return
		}
	}
	if w, ok := wordNumbers[s]; ok {
		c.b = binary.AppendUvarint(c.b, uint64(len(c.known)+w)<<1|1)
		return
	}
	s = foreign.Terminal(s, max(0, min(n, c.room)))
	c.room -= len(s)
	c.b = binary.AppendUvarint(c.b, uint64(len(s))<<1)
	c.b = append(c.b, s...)
}

func (c *codec) readText() string {
	v := c.readUint()
	if v&1 == 0 {
		return string(c.octets(v >> 1))
	}
	switch i := v >> 1; {
	case i < uint64(len(c.known)):
		return c.known[i]
	case i < uint64(len(c.known)+len(words)):
		return words[i-uint64(len(c.known))]
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
	"local submission", "signed by us", "smtpd", "inet:127.0.0.1:8890",
}

var wordNumbers = func() map[string]int {
	m := make(map[string]int, len(words))
	for i, w := range words {
		m[w] = i
	}
	return m
}()
