package policytext

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Parts returns the steps of a decision by the parts of the explanation;
// those that the configuration never takes are left out.
func Parts(c *config.Config) []Part {
	changes := "What may change that, one after the other"
	if len(c.AuthorOverrides) > 1 {
		changes += "; of author-override the first that fits"
	}
	titles := map[rules.Part]string{
		rules.PartFirst:  "What must come first",
		rules.PartCustom: "Rules of your own",
		rules.PartAuthor: "The author, and what the domain asks for",
		rules.PartDMARC:  "The author, and what the domain asks for",
		rules.PartChange: changes,
		rules.PartLast:   "What holds for all mail",
	}
	e := explainer{config: c, rules: c.Rules("")}
	var parts []Part
	for _, s := range rules.Steps() {
		lines := e.lines(s)
		if len(lines) == 0 {
			continue
		}
		title := titles[s.Part]
		if n := len(parts); n > 0 && parts[n-1].Title == title {
			parts[n-1].Lines = append(parts[n-1].Lines, lines...)
		} else {
			parts = append(parts, Part{title, lines})
		}
	}
	return parts
}

// explainer puts the steps of a decision into words.
type explainer struct {
	config *config.Config
	rules  rules.Rules
}

func (e *explainer) lines(s rules.Step) []Line {
	action := s.Action(&e.rules)
	switch {
	case s.Part == rules.PartCustom:
		return ownRuleLines(e.config)
	case s.Rule == result.RuleAuthorOverride:
		return e.authorLines(s)
	case s.Part == rules.PartLast && (s.Rule == "" || e.config.Exempt.Names.Set.Len() == 0):
		return nil // Mode describes the mode, and held a tag
	case action == "" && (s.Part == rules.PartChange || s.Rule == result.RuleReportBounce):
		return nil
	}
	name := s.Rule
	if name == "" {
		name = "policy." + s.Keys[0]
	}
	return []Line{{name, e.when(s), e.then(s, action)}}
}

// when says when a step applies, with how much stands in the lists.
func (e *explainer) when(s rules.Step) string {
	when := s.When
	if e.atRCPT(s) {
		when, _, _ = strings.Cut(when, ", and no signature")
	}
	for key, list := range map[string]config.List{
		"trust.forwarders": e.config.Trust.Forwarders, "trust.sealers": e.config.Trust.Sealers,
		"policy.own_domains": e.config.Policy.OwnDomains, "policy.signing_domains": e.config.Policy.SigningDomains,
	} {
		when = strings.ReplaceAll(when, key, key+" ("+entries(list)+")")
	}
	return when
}

// atRCPT reports whether a step decides before the message is sent.
func (e *explainer) atRCPT(s rules.Step) bool {
	a := s.Action(&e.rules)
	return s.AtRCPT && e.rules.Local.SPFEarly && (a == result.Reject || a == result.TempFail)
}

// then returns the outcome of a step in words.
func (e *explainer) then(s rules.Step, action result.Action) string {
	does := e.does(s, action)
	switch s.Rule {
	case result.RuleUnreadable:
		return does + ", in monitor mode too"
	case result.RuleExempt:
		return does + " unchecked; no rule of your own is asked but outbound ones"
	case result.RuleTrustedForwarder:
		return does + ", and not asked for more"
	case result.RuleMailingList:
		if action == result.Reject {
			return "refused all the same"
		}
	case result.RuleTempError:
		switch {
		case s.Part == rules.PartChange:
			return does + " where it would be refused"
		case s.Part == rules.PartLast:
			return does + " where it would be refused, redirected or discarded"
		case action == result.Accept:
			return does + ", marked; " + replies(s) + " if the domain asks for quarantine or reject, or may, as its policy is what could not be looked up (for 4 hours)"
		}
	case result.RuleDegraded:
		switch e.rules.OnDegraded {
		case rules.DegradedJudge:
			return does + " where it would be refused"
		case rules.DegradedDefer:
			return does + " unless DMARC passes"
		}
	}
	switch {
	case action == result.Accept && (s.Part == rules.PartAuthor || s.Part == rules.PartDMARC || s.Rule == ""):
		return does + ", marked"
	case e.atRCPT(s):
		return does + " at RCPT, before the message is sent and before your own rules are asked"
	}
	return does
}

// does returns the effect of an action in a step, in words.
func (e *explainer) does(s rules.Step, action result.Action) string {
	switch action {
	case "":
		return fmt.Sprintf("passed over (%s = %q)", s.Keys[0], result.Accept)
	case result.Accept:
		return "accepted"
	case result.Quarantine:
		if e.rules.Quarantine == rules.QuarantineTag {
			return "delivered with " + result.QuarantineField
		}
		return "held"
	case result.Discard:
		return "read and dropped"
	}
	return replies(s)
}

// replies names the reply codes of a step: each with what it is given for, or
// those that are always possible.
func replies(s rules.Step) string {
	var codes []string
	separator := " or "
	for _, c := range s.Codes {
		switch {
		case c.For == "":
			codes = append(codes, c.Reply)
		case s.Codes[0].For != "":
			codes = append(codes, c.Reply+" "+c.For)
			separator = ", "
		}
	}
	return strings.Join(codes, separator)
}

// authorLines are the author_overrides, the longest names first, as they count.
func (e *explainer) authorLines(s rules.Step) []Line {
	const most = 20
	overrides := e.config.AuthorOverrides
	domains := slices.SortedFunc(maps.Keys(overrides), func(a, b string) int {
		return cmp.Or(strings.Count(b, ".")-strings.Count(a, "."), strings.Compare(a, b))
	})
	var lines []Line
	for i, d := range domains {
		if i == most {
			lines = append(lines, Line{s.Rule, fmt.Sprintf("and %d more domains of [author_overrides]", len(domains)-most), "as said there"})
			break
		}
		then := e.does(s, e.rules.AuthorAction(overrides[d].Policy))
		if overrides[d].Policy == dmarc.PolicyNone {
			then += ", whatever the domain asks for"
		}
		if end := overrides[d].UntilText(); end != "" {
			then += ", until " + end
		}
		lines = append(lines, Line{s.Rule, strings.Replace(s.When, "a domain of [author_overrides]", d, 1), then})
	}
	return lines
}

func entries(l config.List) string { return entriesOf(l.Set.Len()) }

func entriesOf(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
