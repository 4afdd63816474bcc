package spf

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// The limits of RFC 7208 section 4.6.4, apart from those of the code under test.
const (
	rfcTerms = 10
	rfcVoids = 2
	rfcHosts = 10
)

// wrong reports whether we found a syntax error whose description has one of
// the phrases.
func (c *oracleCase) wrong(phrases ...string) bool {
	return c.ours.Status == PermError && strings.Contains(c.ours.Reason, " is wrong: term ") &&
		slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(c.ours.Reason, p) })
}

// answers reports whether an MX or PTR answer that we got has a name whose
// address lookup has a given outcome.
func (c *oracleCase) answers(t dnscache.Type, is func(dnscache.Outcome) bool) bool {
	family := dnscache.A
	if strings.Contains(c.IP, ":") && !strings.HasPrefix(c.IP, "::ffff:") {
		family = dnscache.AAAA
	}
	return c.asked(t, func(a *dnscache.Answer) bool {
		names := slices.Clone(a.Names)
		for _, x := range a.MX {
			names = append(names, x.Host)
		}
		return slices.ContainsFunc(names, func(n string) bool { return is(c.z.Lookup(context.Background(), n, family).Outcome) })
	})
}

// askedName reports whether our evaluation looked up a name.
func (c *oracleCase) askedName(name string) bool {
	return slices.ContainsFunc(c.questions, func(q string) bool { return strings.HasPrefix(q, name+"/") })
}

// theirsSays reports whether the other's reason has a phrase.
func (c *oracleCase) theirsSays(phrase string) bool { return strings.Contains(c.theirs.Reason, phrase) }

// read reports whether a record that we evaluated matches.
func (c *oracleCase) read(re *regexp.Regexp) bool {
	return slices.ContainsFunc(c.records(), re.MatchString)
}

var (
	capitalModifier = regexp.MustCompile(` (EXP|Redirect)=`)
	capitalReverse  = regexp.MustCompile(`%\{HR\}`)
	redirectTerm    = regexp.MustCompile(`(?i) redirect=`)
	pMacro          = regexp.MustCompile(`%\{[pP]`)
	textMacros      = regexp.MustCompile(` x=%\{c\}%\{r\}%\{t\}`)
)

var pyspfExplained = []oracleExplained{
	{
		"5.2", "an include of the domain itself is an error where evaluation comes to it and meets the limit of ten; pyspf refuses the record",
		func(c *oracleCase) bool { return c.theirsSays("include has trivial recursion") },
	},
	{
		"6", "unknown modifiers may be repeated; pyspf refuses them",
		func(c *oracleCase) bool {
			return c.theirsSays("= MUST appear at most once: ") && !c.theirsSays("exp=") && !c.theirsSays("redirect=")
		},
	},
	{
		"6", "unknown modifiers are ignored, whatever macro letters their values have; pyspf refuses c, r and t",
		func(c *oracleCase) bool {
			return c.theirsSays("c,r,t macros allowed in exp= text only: %{c}") && c.read(textMacros)
		},
	},
	{
		"4.6.1", "the names of modifiers have no case; pyspf does not know others than redirect and exp",
		func(c *oracleCase) bool { return c.read(capitalModifier) },
	},
	{
		"7.1", "the letters of the grammar, such as the r for reversal, have no case; pyspf leaves R out",
		func(c *oracleCase) bool { return c.read(capitalReverse) },
	},
	{
		"7.1", "a domain-spec may end in %%; pyspf takes its last percent sign for a lone one",
		func(c *oracleCase) bool { return c.theirsSays("invalid-macro-char : %%") },
	},
	{
		"7.1", "a macro of 0 parts and one of letters behind the delimiters are no macros; pyspf takes them",
		func(c *oracleCase) bool {
			return c.wrong("(exists:%{d0}.", "(exists:%{dx}.", "(exists:%{d2r3}.", "(x=%{d0})")
		},
	},
	{
		"7.1", "only the seven delimiters may stand in a macro, so that the explanation is none; pyspf takes the @",
		func(c *oracleCase) bool {
			return c.theirs.Result == "fail" && c.asked(dnscache.TXT, func(a *dnscache.Answer) bool { return slices.Contains(a.TXT, "%{o2} %{dr} %{sr@}") })
		},
	},
	{
		"7.1", "a name may hold no tab, and a macro must be closed; pyspf lets both pass",
		func(c *oracleCase) bool {
			return c.wrong(`: it holds the character "\t"`, ": a macro is not closed with }")
		},
	},
	{
		"7.3", "domains have no case, and stand in lower case in our explanations; pyspf leaves them as SMTP had them",
		func(c *oracleCase) bool {
			return c.theirs.Result == "fail" && strings.EqualFold(c.ours.Explanation, c.theirs.Explanation) && c.Sender != dnscache.LowerASCII(c.Sender)
		},
	},
	{
		"4.6.4", "terms with a void lookup are limited; pyspf also counts the addresses of mail exchangers and of the client's names, the PTR of %{p}, and a CNAME that leads nowhere twice",
		func(c *oracleCase) bool {
			return c.theirsSays("Void lookup limit of 2 exceeded") && c.ours.Voids <= rfcVoids &&
				(c.answers(dnscache.MX, dnscache.Outcome.Void) || c.answers(dnscache.PTR, dnscache.Outcome.Void) ||
					c.read(pMacro) || c.askedName("c0.example.org") || c.askedName("c1.example.org"))
		},
	},
	{
		"5.4", "a mail exchanger that matches ends the lookups; pyspf asks for all addresses first and meets their errors",
		func(c *oracleCase) bool {
			return c.theirs.Result == "temperror" && c.answers(dnscache.MX, dnscache.Outcome.Temporary)
		},
	},
	{
		"4.6.4", "an eleventh mail exchanger is an error only for those who match none of the first ten; pyspf refuses at once",
		func(c *oracleCase) bool { return c.theirsSays("More than 10 MX records returned") },
	},
	{
		"5.5", "errors of the lookups of the client's names and their addresses make ptr not match; pyspf ends in temperror",
		func(c *oracleCase) bool {
			return c.theirs.Result == "temperror" && (c.answers(dnscache.PTR, dnscache.Outcome.Temporary) ||
				c.asked(dnscache.PTR, func(a *dnscache.Answer) bool { return a.Outcome.Temporary() }))
		},
	},
	{
		"4.6.4", "a redirect counts where it is followed; pyspf counts it in a record of which another term matches",
		func(c *oracleCase) bool {
			return c.theirsSays("Too many DNS lookups") && c.ours.Lookups <= rfcTerms && c.read(redirectTerm)
		},
	},
}

var (
	afterRedirect = regexp.MustCompile(` redirect=\S* +(\S* +)*[-+~?]?(?i:a|mx|ptr|all|ip4|ip6|include|exists)\b`)
	zeroLength    = regexp.MustCompile(`/0`)
	elevenTerms   = regexp.MustCompile(`^v=spf1( -?(a|mx):n\.example\.org\S*){10,11}( redirect=d0\.example\.org)?$`)
	oddModifier   = regexp.MustCompile(` ([mno]\d+|x-y.z_1)=`)
	keptParts     = regexp.MustCompile(`%\{(d9|d128|p2|l1r[-+]+|h2)\}`)
)

// rejects reports whether libspf2 rejects a record with these words, or with
// none, as it does for a record included by one that is included.
func (c *oracleCase) rejects(phrase string) bool {
	return c.theirs.Result == "permerror" && (c.theirs.Reason == "" || c.theirsSays(phrase))
}

// libspf2 implements RFC 4408. Other oracles compare its grammar.
var libspf2Explained = []oracleExplained{
	{
		"6.1", "a redirect may stand anywhere; libspf2 ignores the mechanisms behind it",
		func(c *oracleCase) bool { return c.theirsSays("Mechanisms found after the") && c.read(afterRedirect) },
	},
	{
		"4.6.4", "libspf2 does not count void lookups",
		func(c *oracleCase) bool { return c.ours.Voids > rfcVoids },
	},
	{
		"6", "redirect and exp stand once at most, in whatever case; libspf2 takes two if they are spelt differently",
		func(c *oracleCase) bool { return c.wrong("occurs twice in the record") && c.read(capitalModifier) },
	},
	{
		"5.6", "a length may be 0; libspf2 refuses it",
		func(c *oracleCase) bool { return c.rejects(" CIDR netmask ") && c.read(zeroLength) },
	},
	{
		"4.6.1", "the names of modifiers may have digits, hyphens, underscores and dots; libspf2 refuses them",
		func(c *oracleCase) bool {
			return c.theirsSays("Invalid character in middle of mechanism") && c.read(oddModifier)
		},
	},
	{
		"7.1", "the letters of the grammar, such as the r for reversal, have no case; libspf2 refuses R",
		func(c *oracleCase) bool { return c.rejects("Invalid delimiter 'R'") && c.read(capitalReverse) },
	},
	{
		"7.3", "a macro may be told to keep as many parts as there are, or more; libspf2 then makes another name, or refuses the record",
		func(c *oracleCase) bool { return c.read(keptParts) },
	},
	{
		"5.5", "errors of the lookups of the client's names and their addresses make ptr not match; libspf2 ends in temperror",
		func(c *oracleCase) bool {
			return c.theirs.Result == "temperror" && (c.answers(dnscache.PTR, dnscache.Outcome.Temporary) ||
				c.asked(dnscache.PTR, func(a *dnscache.Answer) bool { return a.Outcome.Temporary() }))
		},
	},
	{
		"4.6.4", "of more than ten names of the client the others are ignored; libspf2 ends in permerror",
		func(c *oracleCase) bool {
			return c.theirs.Result == "permerror" && c.theirs.Reason == "" && c.asked(dnscache.PTR, func(a *dnscache.Answer) bool { return len(a.Names) > rfcHosts })
		},
	},
	{
		"4.6.4", "an eleventh term is an error, also at the end of the record; libspf2 evaluates it there",
		func(c *oracleCase) bool {
			return strings.HasPrefix(c.ours.Reason, "more than 10 DNS lookups (11th: ") && c.theirs.Result == "neutral" && c.read(elevenTerms)
		},
	},
	{
		"4.6.4", "the limit of ten is for the whole check; libspf2 counts the terms of an included record apart",
		func(c *oracleCase) bool {
			return c.ours.Lookups > rfcTerms && slices.ContainsFunc(c.records(), func(r string) bool { return strings.Contains(dnscache.LowerASCII(r), "include:") })
		},
	},
}

var ip6Term = regexp.MustCompile(`(?i) [-+~?]?ip6:(::ffff:|\S*/0( |$))`)

// mailSPFExplained: Mail::SPF implements RFC 4408.
var mailSPFExplained = []oracleExplained{
	{
		"7.1", "the letters of the grammar, such as the r for reversal, have no case; Mail::SPF refuses R",
		func(c *oracleCase) bool { return c.theirsSays("%{HR}.x.example.org") && c.read(capitalReverse) },
	},
	{
		"5.6", "ip6 matches no IPv4 client, however short the length and even if it holds mapped addresses; Mail::SPF maps the client's",
		func(c *oracleCase) bool { return netip.MustParseAddr(c.IP).Unmap().Is4() && c.read(ip6Term) },
	},
	{
		"4.6", "macros are checked before evaluation; Mail::SPF meets them as it goes, and takes some that are wrong",
		func(c *oracleCase) bool {
			return c.wrong(": there is no macro ", " is allowed in explanations only", " keeps 0 parts", " is malformed", "a macro is not closed with }")
		},
	},
	{
		"4.8", "a name with an empty label matches nothing; Mail::SPF dies of it",
		func(c *oracleCase) bool {
			return c.theirs.Result == "crash" && c.theirsSays("empty label in ") && strings.Contains(c.Sender, "..")
		},
	},
	{
		"4.6.4", "terms with a void lookup are limited; Mail::SPF also counts the addresses of mail exchangers and of the client's names, and the PTR of %{p}",
		func(c *oracleCase) bool {
			return c.theirsSays("Maximum void DNS look-ups limit (2) exceeded") && c.ours.Voids <= rfcVoids &&
				(c.answers(dnscache.MX, dnscache.Outcome.Void) || c.answers(dnscache.PTR, dnscache.Outcome.Void) || c.read(pMacro))
		},
	},
	{
		"4.6.4", "a CNAME that leads nowhere is a void lookup; Mail::SPF takes it for an answer",
		func(c *oracleCase) bool {
			return c.ours.Voids > rfcVoids && (c.askedName("c0.example.org") || c.askedName("c1.example.org"))
		},
	},
	{
		"5.5", "an error of the lookup of the client's names makes ptr not match; Mail::SPF ends in temperror",
		func(c *oracleCase) bool {
			return c.theirs.Result == "temperror" && c.theirsSays("error on DNS 'PTR' lookup of ")
		},
	},
	{
		"6.2", "an explanation that is no explain-string is as none; Mail::SPF takes a percent sign that stands alone",
		func(c *oracleCase) bool {
			return c.theirs.Result == "fail" && c.theirs.Explanation == "wrong %" && c.ours.Explanation == ""
		},
	},
	{
		"7.3", "domains have no case, and stand in lower case in our explanations; Mail::SPF leaves them as SMTP had them in %{s}",
		func(c *oracleCase) bool {
			return c.theirs.Result == "fail" && strings.EqualFold(c.ours.Explanation, c.theirs.Explanation) && c.Sender != dnscache.LowerASCII(c.Sender)
		},
	},
	{
		"6.2", "an explanation must be ASCII, else there is none; Mail::SPF takes it",
		func(c *oracleCase) bool {
			return c.theirs.Result == "fail" && c.theirs.Explanation == "h\u00e9" && c.ours.Explanation == ""
		},
	},
}

func TestOraclePyspf(t *testing.T)   { runOracle(t, "pyspf.py", 1500, pyspfExplained, true) }
func TestOracleMailSPF(t *testing.T) { runOracle(t, "mailspf.pl", 400, mailSPFExplained, true) }
func TestOracleLibspf2(t *testing.T) { runOracle(t, "libspf2.py", 1500, libspf2Explained, false) }
