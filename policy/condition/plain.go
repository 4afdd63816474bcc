package condition

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Key is a plain condition: a fact that is compared with a list of values.
type Key struct {
	Name string
	Kind Kind
	// Text describes the key in the manual and in `postvet policy explain`.
	Text string
	// fact is the name of the fact if it differs from that of the key.
	fact string
	// value, values or truth returns the fact of a message. A key with values
	// holds if any of them matches.
	values func(*Facts) []string
	value  func(*Facts) string
	truth  func(*Facts) bool
	not    string // Text if truth is false
}

// keys are the plain keys in the order of the manual.
var keys = []Key{
	{Name: "client", Kind: KindIP, Text: "the client's address, as addresses or prefixes; an unknown address passes no test", value: func(f *Facts) string { return f.Client }},
	{Name: "ptr", Kind: KindDomain, Text: "the client's verified reverse name", value: func(f *Facts) string { return f.PTR }},
	{Name: "helo", Kind: KindDomain, Text: "the HELO name", value: func(f *Facts) string { return f.Helo }},
	{Name: "listener", Kind: KindText, Text: "the socket, by the MTA's name for it ({daemon_name}) or by our address", values: func(f *Facts) []string { return []string{f.Listener, f.Socket} }},
	{Name: "relay", Kind: KindIP, Text: "the trusted relay that sent the message on, as addresses or prefixes", value: func(f *Facts) string { return f.Relay }},
	{Name: "user", Kind: KindText, Text: "the user who logged in", value: func(f *Facts) string { return f.User }},
	{Name: "authenticated", Kind: KindBool, Text: "the client logged in", not: "the client did not log in", truth: func(f *Facts) bool { return f.Authenticated }},
	{Name: "mail_from", Kind: KindAddress, Text: "MAIL FROM, as addresses or domains", value: func(f *Facts) string { return f.MailFrom }},
	{Name: "null_sender", Kind: KindBool, Text: "MAIL FROM is <>", not: "MAIL FROM is not <>", truth: func(f *Facts) bool { return f.NullSender }},
	{Name: "to", Kind: KindAddresses, Text: "a recipient, as addresses or domains", fact: "rcpts", values: func(f *Facts) []string { return f.Rcpts }},
	{Name: "from", Kind: KindDomain, Text: "the author domain", value: func(f *Facts) string { return f.From }},
	{Name: "org", Kind: KindDomain, Text: "the author's organizational domain", value: func(f *Facts) string { return f.Org }},
	{Name: "list_id", Kind: KindDomain, Text: "the name in List-Id", value: func(f *Facts) string { return f.ListID }},
	{Name: "list", Kind: KindBool, Text: "the message has a mark of a mailing list", not: "the message has no mark of a mailing list", truth: func(f *Facts) bool { return f.List }},
	{Name: "spf", Kind: KindWord, Text: "the SPF result that DMARC uses", value: func(f *Facts) string { return f.SPF }},
	{Name: "dkim", Kind: KindWord, Text: "the best DKIM result", value: func(f *Facts) string { return f.DKIM }},
	{Name: "signer", Kind: KindDomains, Text: "a domain whose signature passed", fact: "signers", values: func(f *Facts) []string { return f.Signers }},
	{Name: "arc", Kind: KindWord, Text: "the state of the ARC chain", value: func(f *Facts) string { return f.ARC }},
	{Name: "sealer", Kind: KindDomains, Text: "a domain that sealed an ARC chain that passes", fact: "sealers", values: provenSealers},
	{Name: "iprev", Kind: KindWord, Text: "the result of reverse DNS", value: func(f *Facts) string { return f.IPRev }},
	{Name: "dmarc", Kind: KindWord, Text: "the DMARC result", value: func(f *Facts) string { return f.DMARC }},
	{Name: "dmarc_policy", Kind: KindWord, Text: "the policy of the DMARC record", value: func(f *Facts) string { return f.DMARCPolicy }},
	{Name: "degraded", Kind: KindBool, Text: "the DNS was down as a whole", not: "the DNS was not down as a whole", truth: func(f *Facts) bool { return f.Degraded }},
}

// provenSealers returns the sealers if the ARC chain proves them.
func provenSealers(f *Facts) []string {
	if f.ARC != "pass" {
		return nil
	}
	return f.Sealers
}

// Keys returns all plain keys.
func Keys() []Key { return slices.Clone(keys) }

// KeyNamed returns the plain key with a name.
func KeyNamed(name string) (Key, bool) {
	if i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return keys[i], true
	}
	return Key{}, false
}

// Bool reports whether the key is written true or false instead of a list.
func (k Key) Bool() bool { return k.Kind == KindBool }

// Words returns the values that can be written for a KindWord.
func (k Key) Words() []string {
	f := factNamed(facts, k.factName())
	if f == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Words), func(s string) bool { return s == "" })
}

// factName returns the name of the key's fact.
func (k Key) factName() string { return cmp.Or(k.fact, k.Name) }

// Test is a plain key with the values that it accepts. It is safe for
// concurrent use.
type Test struct {
	key     Key
	want    bool
	yes, no *matcher // nil for none
	entries []string
}

// NewBool returns the test of a boolean key.
func NewBool(k Key, want bool) *Test { return &Test{key: k, want: want} }

// Lists are entries from files. A test accepts values in the lists In and
// rejects those in Out. The lists of mail_from and to hold domains. Names are
// the files as the rule writes them.
type Lists struct {
	In, Out []*addrlist.List
	Names   []string
}

// NewTest returns the test of a key with a list. It holds if one of the entries
// matches, and none of those that begin with "!". A domain stands for itself,
// and with a leading dot for the names below it. problem and remedy are about
// the first bad entry; they are "" if there is none.
func NewTest(k Key, entries []string, files Lists) (t *Test, problem, remedy string) {
	if len(entries)+len(files.In)+len(files.Out) == 0 {
		return nil, "is empty, so that the rule could never match", "write at least one entry, or leave the key out"
	}
	t = &Test{key: k, entries: slices.Concat(entries, files.Names)}
	if len(files.In) > 0 {
		t.yes = &matcher{files: files.In}
	}
	if len(files.Out) > 0 {
		t.no = &matcher{files: files.Out}
	}
	for _, e := range entries {
		side := &t.yes
		e, not := strings.CutPrefix(e, "!")
		if not {
			side = &t.no
		}
		if *side == nil {
			*side = &matcher{}
		}
		if problem, remedy := (*side).add(k, e); problem != "" {
			return nil, problem, remedy
		}
	}
	if t.yes != nil && t.no != nil && len(t.yes.files) == 0 && t.yes.within(t.no) {
		return nil, "excludes all that it lists, so that the rule could never match", "remove the entries with \"!\", or the others"
	}
	if t.yes == nil && k.Kind == KindWord && len(t.possible()) == 0 {
		return nil, "excludes every word, so that the rule could never match", "write those that are meant"
	}
	return t, "", ""
}

// Holds reports whether a message passes the test.
func (t *Test) Holds(f *Facts) bool {
	switch {
	case t.key.truth != nil:
		return t.key.truth(f) == t.want
	case t.key.value != nil:
		v := t.key.value(f)
		// An unknown address passes no test, not even one for any other
		// address.
		return (v != "" || t.key.Kind != KindIP) && t.one(v)
	}
	found := t.yes == nil
	for _, v := range t.key.values(f) {
		if t.no != nil && t.no.has(t.key, v) {
			return false
		}
		found = found || t.yes.has(t.key, v)
	}
	return found
}

// one reports whether a single value passes the test.
func (t *Test) one(v string) bool {
	if t.no != nil && t.no.has(t.key, v) {
		return false
	}
	return t.yes == nil || t.yes.has(t.key, v)
}

// possible returns the words for which the test holds.
func (t *Test) possible() []string {
	f := factNamed(facts, t.key.factName())
	var words []string
	for _, w := range f.Words {
		if t.one(w) {
			words = append(words, w)
		}
	}
	return words
}

// String returns the test in words.
func (t *Test) String() string {
	if t.key.Bool() {
		if t.want {
			return t.key.Text
		}
		return t.key.not
	}
	var yes, no []string
	for _, e := range t.entries {
		e, not := strings.CutPrefix(e, "!")
		if t.key.Kind != KindText && (strings.HasPrefix(e, ".") || strings.HasPrefix(e, "*.")) {
			e = "below " + strings.TrimPrefix(strings.TrimPrefix(e, "*"), ".")
		}
		if not {
			no = append(no, e)
		} else {
			yes = append(yes, e)
		}
	}
	name, _, _ := strings.Cut(t.key.Text, ", as ")
	switch {
	case len(no) == 0:
		return name + " is " + alternatives(yes)
	case len(yes) == 0:
		return name + " is not " + alternatives(no)
	}
	return name + " is " + alternatives(yes) + " but not " + alternatives(no)
}

// alternatives returns a list in words, cut after six entries.
func alternatives(s []string) string {
	const most = 6
	if n := len(s); n > most {
		return strings.Join(s[:most], ", ") + fmt.Sprintf(" or one of %d more", n-most)
	}
	if len(s) == 1 {
		return s[0]
	}
	return strings.Join(s[:len(s)-1], ", ") + " or " + s[len(s)-1]
}

// matcher is a list of entries prepared for lookups.
type matcher struct {
	prefixes prefixes
	exact    map[string]struct{} // domains, addresses, words, texts
	under    domains             // matches names below these domains
	files    []*addrlist.List
}

// add adds an entry. problem and remedy are "" if it is valid.
func (m *matcher) add(k Key, entry string) (problem, remedy string) {
	if m.exact == nil {
		m.exact, m.under = map[string]struct{}{}, domains{}
	}
	switch k.Kind {
	case KindIP:
		p, problem, remedy := parsePrefix(entry)
		m.prefixes = append(m.prefixes, p)
		return problem, remedy
	case KindWord:
		if !slices.Contains(k.Words(), entry) {
			return foreign.TerminalQuote(entry, maxCited) + " is not known", suggest(entry, k.Words(), "write "+strings.Join(quoted(k.Words()), ", "))
		}
	case KindDomain, KindDomains, KindAddress, KindAddresses:
		return m.addDomain(k, entry)
	case KindText:
		if entry == "" {
			return `"" is no entry`, "leave it out"
		}
	}
	m.exact[entry] = struct{}{}
	return "", ""
}

// addDomain adds a domain, names below a domain, or a mail address.
func (m *matcher) addDomain(k Key, entry string) (problem, remedy string) {
	if local, domain := message.SplitPath(entry); strings.Contains(entry, "@") {
		if k.Kind != KindAddress && k.Kind != KindAddresses {
			return foreign.TerminalQuote(entry, maxCited) + " is an address where a domain is expected", "write the domain alone"
		}
		name, ok := message.NormalizeDomain(domain)
		if !ok || local == "" {
			return foreign.TerminalQuote(entry, maxCited) + " is no address", `write one such as "user@example.org"`
		}
		m.exact[strings.ToLower(local)+"@"+name] = struct{}{}
		return "", ""
	}
	domain, below := strings.CutPrefix(entry, ".")
	domain, wild := strings.CutPrefix(domain, "*.")
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return foreign.TerminalQuote(entry, maxCited) + " is no domain", `write one such as "example.org", or ".example.org" for all below it`
	}
	if below || wild {
		m.under[name] = struct{}{}
	} else {
		m.exact[name] = struct{}{}
	}
	return "", ""
}

// has reports whether a value of a message matches an entry.
func (m *matcher) has(k Key, v string) bool {
	if m == nil || v == "" && k.Kind != KindWord {
		return false
	}
	switch k.Kind {
	case KindIP:
		ip, err := netip.ParseAddr(v)
		return err == nil && (m.prefixes.containsAddr(ip) || m.inFiles(func(l *addrlist.List) bool { return l.Address(ip) }))
	case KindAddress, KindAddresses:
		i := strings.LastIndexByte(v, '@')
		if _, ok := m.exact[strings.ToLower(v)]; ok {
			return true
		}
		return i >= 0 && m.hasDomain(v[i+1:])
	case KindDomain, KindDomains:
		return m.hasDomain(v)
	}
	_, ok := m.exact[v]
	return ok
}

// hasDomain reports whether a domain matches an entry.
func (m *matcher) hasDomain(d string) bool {
	if _, ok := m.exact[d]; ok {
		return true
	}
	if _, parent, ok := strings.Cut(d, "."); ok && len(m.under) > 0 && m.under.below(parent) {
		return true
	}
	return m.inFiles(func(l *addrlist.List) bool { return l.Name(d) })
}

// inFiles reports whether holds is true for a list from a file.
func (m *matcher) inFiles(holds func(*addrlist.List) bool) bool {
	return len(m.files) > 0 && slices.ContainsFunc(m.files, holds)
}

// within reports whether other matches everything that m matches.
func (m *matcher) within(other *matcher) bool {
	for _, p := range m.prefixes {
		if !slices.ContainsFunc(other.prefixes, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) }) {
			return false
		}
	}
	for d := range m.under {
		if _, ok := other.under[d]; !ok && !other.hasDomain(d+".") {
			return false
		}
	}
	for e := range m.exact {
		if _, ok := other.exact[e]; !ok && !other.hasDomain(e[strings.LastIndexByte(e, '@')+1:]) {
			return false
		}
	}
	return true
}

// Contradiction returns the name of a fact that has no value with which all the
// tests and the condition hold, or "" if it finds none. The condition may be
// nil.
func Contradiction(tests []*Test, c *Condition) string {
	n := needs{}
	if c != nil {
		for name, values := range c.needs {
			n.restrict(name, values)
		}
	}
	for _, t := range tests {
		switch {
		case t.key.Kind == KindWord:
			n.restrict(t.key.factName(), t.possible())
		case t.key.Bool():
			n.restrict(t.key.factName(), []string{fmt.Sprint(t.want)})
		}
		if t.yes != nil && t.key.Name == "mail_from" {
			n.restrict("null_sender", []string{"false"})
		}
		if t.yes != nil && t.key.Name == "user" {
			n.restrict("authenticated", []string{"true"})
		}
		if t.yes != nil && t.key.Name == "sealer" {
			n.restrict("arc", []string{"pass"})
		}
	}
	return n.unsatisfiable()
}

// Order returns the position of the test's key in the manual.
func (t *Test) Order() int {
	return slices.IndexFunc(keys, func(k Key) bool { return k.Name == t.key.Name })
}

// Key returns the key of the test.
func (t *Test) Key() Key { return t.key }
