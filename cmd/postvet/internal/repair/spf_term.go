package repair

import (
	"errors"
	"math/bits"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// termReader reads the terms of one record.
type termReader struct {
	p      *Proposal
	hasAll bool // the record has an all by itself
	tries  int
}

// maxTries bounds the ways to take a record's terms apart.
const maxTries = 2000

// read returns the terms that a word was meant to be. unknown says why they cannot be
// known; "" if they are.
func (r *termReader) read(word string) (terms []string, unknown string) {
	if t, oddity := respelled(word); t != "" {
		if oddity != "" {
			r.p.note(foreign.Line(word, maxCited) + ": " + oddity)
		}
		if head, all, ok := r.cutAll(t); ok {
			r.p.note("strings are joined without a blank: " + foreign.Line(word, maxCited))
			return []string{head, all}, ""
		}
		return []string{t}, ""
	}
	if list := r.apart(word, 8); list != nil {
		r.p.note("strings are joined without a blank: " + foreign.Line(word, maxCited))
		return list, ""
	}
	var wrong *spf.SyntaxError
	if _, err := spf.ParseRecord("v=spf1 " + word); errors.As(err, &wrong) {
		return nil, foreign.Line(word, maxCited) + ": " + wrong.Problem
	}
	return nil, foreign.Line(word, maxCited) + " is not a term"
}

// cutAll takes "-all" off the end of a domain: "include:spf.example-all" is a valid
// term, whose domain nobody has.
func (r *termReader) cutAll(term string) (head, all string, ok bool) {
	const end = "-all"
	n := len(term) - len(end)
	if r.hasAll || n <= 0 || !strings.EqualFold(term[n:], end) || !parses(term[:n]) || strings.HasPrefix(term, end) {
		return "", "", false
	}
	return term[:n], term[n:], true
}

// start is how a term may begin inside of a word.
var start = regexp.MustCompile(`(?i)^(?:[+~?-]?(?:ip4:|ip6:|include:|exists:|a:|mx:|ptr:|a/|mx/)|redirect=|exp=|[+~?-](?:all|a|mx|ptr)(?:$|[+~?-])|all$|mx$|a$)`)

// apart takes a word apart that is several terms; nil if it is not.
func (r *termReader) apart(word string, depth int) []string {
	if depth == 0 {
		return nil
	}
	for i := len(word) - 1; i > 0; i-- {
		if !start.MatchString(word[i:]) {
			continue
		}
		if r.tries++; r.tries > maxTries {
			return nil
		}
		tail, _ := respelled(word[i:])
		if tail == "" {
			continue
		}
		if head, _ := respelled(word[:i]); head != "" {
			return []string{head, tail}
		}
		if head := r.apart(word[:i], depth-1); head != nil {
			return append(head, tail)
		}
	}
	return nil
}

// parses reports whether a word is a term that has an effect.
func parses(word string) bool {
	rec, err := spf.ParseRecord("v=spf1 " + word)
	if err != nil || len(rec.Terms) != 1 {
		return false
	}
	t := &rec.Terms[0]
	// A domain may hold any signs (RFC 7208 section 7.1), but no host has them.
	isDomain := t.Mechanism != "" || t.Modifier == "redirect" || t.Modifier == "exp"
	isHost := !isDomain || !notHost.MatchString(macros.ReplaceAllString(t.Domain, ""))
	return isHost && mechanismOf(t.Modifier) == ""
}

var (
	notHost = regexp.MustCompile(`[^A-Za-z0-9._-]`)
	macros  = regexp.MustCompile(`%(?:\{[^}]*\}|[%_-])`)
)

// mechanismOf returns the mechanism that an unknown modifier was meant to be:
// "include=spf.example" is valid and has no effect.
func mechanismOf(modifier string) string {
	switch modifier {
	case "include", "exists", "a", "mx", "ptr", "ip4", "ip6":
		return modifier
	case "ip", "ipv4", "ipv6":
		return "ip4"
	}
	return ""
}

var (
	qualified  = regexp.MustCompile(`^([+~?-]*)(.*)$`)
	equalsSign = regexp.MustCompile(`(?i)^(include|exists|a|mx|ptr|ipv?4|ipv?6|ip)[=:]+(.*)$`)
	modifier   = regexp.MustCompile(`(?i)^(redirect|exp)[=:]+(.*)$`)
)

// respelled returns one term as it should be written, and what is odd about the word,
// "" if nothing is; no term if there is no such term.
func respelled(word string) (term, oddity string) {
	if parses(word) {
		return word, ""
	}
	m := qualified.FindStringSubmatch(strings.TrimRight(word, ".;,:/"))
	sign, body := m[1], m[2]
	if len(sign) > 1 {
		sign = sign[:1]
	}
	if m := modifier.FindStringSubmatch(body); m != nil {
		t := strings.ToLower(m[1]) + "=" + domainOf(m[2])
		return ifParses(t, "it is written "+strings.ToLower(m[1])+"=, without a qualifier")
	}
	name, value := "", body
	if m := equalsSign.FindStringSubmatch(body); m != nil {
		name, value = strings.ToLower(m[1]), m[2]
	}
	if network := networkOf(value); network != "" && name != "exists" {
		return ifParses(sign+network, "addresses are written ip4: or ip6:")
	}
	if name == "" {
		return ifParses(sign+body, "it is written without further signs")
	}
	if strings.HasPrefix(name, "ip") {
		return "", ""
	}
	return ifParses(sign+name+":"+domainOf(value), "a colon and a domain belong behind "+name)
}

func ifParses(term, oddity string) (string, string) {
	if !parses(term) {
		return "", ""
	}
	return term, oddity
}

var web = regexp.MustCompile(`(?i)^(?:https?://|@)`)

// domainOf returns a domain without what surrounds it.
func domainOf(s string) string { return web.ReplaceAllString(s, "") }

// networkOf returns the ip4 or ip6 term of an address or network; "" for none.
func networkOf(s string) string {
	address, length, sized := strings.Cut(s, "/")
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil || ip.Zone() != "" {
		return ""
	}
	term := "ip4:" + ip.Unmap().String()
	if !ip.Unmap().Is4() {
		term = "ip6:" + ip.String()
	}
	if !sized {
		return term
	}
	if mask, err := netip.ParseAddr(length); err == nil && mask.Is4() { // 255.255.255.0
		b := mask.As4()
		m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		if n := bits.LeadingZeros32(^m); m<<n == 0 {
			return term + "/" + strconv.Itoa(n)
		}
		return ""
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > ip.Unmap().BitLen() {
		return ""
	}
	return term + "/" + strconv.Itoa(n)
}
