package condition

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/expr-lang/expr"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// allowed are the functions of expr that an expression may call. None of them
// builds a list or a text longer than its input.
var allowed = []string{"any", "all", "none", "one", "count", "len", "lower"}

// Function describes one of our functions: its name, a call and the meaning of
// its result.
type Function struct{ Name, Form, Text string }

// own are our functions. Their arguments after the first are literals, which
// checker compiles.
var own = []Function{
	{"within", `within(client, "192.0.2.0/24", "2001:db8::/32")`, "The address is one of these or in one of these prefixes."},
	{"below", `below(from, "example.org")`, "The domain is one of these or below one of them."},
	{"listed", `listed(from, "partners")`, "The address, the domain, or the domain of the address is in this list of [lists]."},
}

// Functions returns our functions for the manual.
func Functions() []Function { return slices.Clone(own) }

// functions returns the options that make our functions and allowed available, and
// no others.
func functions() []expr.Option {
	options := []expr.Option{expr.DisableAllBuiltins()}
	for _, name := range allowed {
		options = append(options, expr.EnableBuiltin(name))
	}
	return append(options,
		expr.Function("within", call(func(s string, p prefixes) bool { return p.contains(s) }), new(func(string, string, ...string) bool)),
		expr.Function("below", call(func(s string, d domains) bool { return d.below(s) }), new(func(string, string, ...string) bool)),
		expr.Function("listed", call(inList), new(func(string, string) bool)),
	)
}

// inList reports whether a list holds a client's address, a domain, or the
// domain of a mail address.
func inList(s string, l *addrlist.List) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return l.Address(ip)
	}
	return l.Name(strings.ToLower(s[strings.LastIndexByte(s, '@')+1:]))
}

var errUncompiled = errors.New("the function was not compiled")

// call adapts a function of a text and a compiled value to expr.
func call[T any](f func(string, T) bool) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		if len(args) != 2 {
			return nil, errUncompiled
		}
		s, ok := args[0].(string)
		t, is := args[1].(T)
		if !ok || !is {
			return nil, errUncompiled
		}
		return f(s, t), nil
	}
}

// prefixes are unsorted networks. Lists in expressions are short.
type prefixes []netip.Prefix

func (p prefixes) contains(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && p.containsAddr(ip)
}

func (p prefixes) containsAddr(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(one netip.Prefix) bool { return one.Contains(ip) })
}

// parsePrefix parses an address or a prefix. problem and remedy are "" if it is
// one.
func parsePrefix(s string) (p netip.Prefix, problem, remedy string) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), "", ""
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return p, foreign.TerminalQuote(s, maxCited) + " is no address and no prefix", `write one such as "192.0.2.0/24" or "2001:db8::/32"`
	case p != p.Masked():
		return p, foreign.TerminalQuote(s, maxCited) + " has bits beyond its length", fmt.Sprintf("write %q, or %q for the one address", p.Masked(), p.Addr())
	}
	return p, "", ""
}

// domains is a set of domain names, of which each stands for itself and its
// subdomains.
type domains map[string]struct{}

// below reports whether a domain equals or is below one of the set.
func (d domains) below(s string) bool {
	for name := range message.Ancestry(s) {
		if _, ok := d[name]; ok {
			return true
		}
	}
	return false
}

// parseDomain normalizes a domain. problem and remedy are "" if it is one.
func parseDomain(s string) (name, problem, remedy string) {
	name, ok := message.NormalizeDomain(s)
	if !ok {
		return "", foreign.TerminalQuote(s, maxCited) + " is no domain", `write one such as "example.org"`
	}
	return name, "", ""
}
