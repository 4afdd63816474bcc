package report

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// What the schema lets through. An element that it does not let through has a problem
// already, and is passed over here.

// publishedPolicy is what records are held against.
type publishedPolicy struct{ domain, p, sp, np string }

// version checks the version.
func (c *checker) version(n *node) {
	if v, err := strconv.ParseFloat(n.text, 64); err == nil && v != 1 {
		c.wrong(n.line, n.name, "RFC 9990 section 3.1.1.2: the version is 1.0"+has(n.text), "write 1.0")
	}
}

// dotAtoms is the form of a Report-ID (RFC 9990 section 3.1.4).
var dotAtoms = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*(?:@[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)?$")

// metadata checks report_metadata.
func (c *checker) metadata(n *node) {
	c.filled(n, "org_name", "3.1.1.3", "name the organization")
	c.filled(n, "email", "3.1.1.3", "write an address that somebody reads")
	if k := n.kid("report_id"); k != nil && !dotAtoms.MatchString(k.text) {
		c.wrong(k.line, k.name, "RFC 9990 section 3.1.4: a Report-ID is dot-atoms, with or without an @ between"+has(k.text), "write letters, digits, dots and one @")
	}
	r := n.kid("date_range")
	begin, ok := integer(r.kid("begin"))
	end, ok2 := integer(r.kid("end"))
	const day = 24 * 60 * 60
	switch {
	case !ok || !ok2:
	case begin < 0 || end > lastSecond:
		c.wrong(r.line, r.name, "RFC 9990 section 3.1.1.4: begin and end are seconds since 1970", "write seconds of UTC")
	case end < begin:
		c.wrong(r.line, r.name, fmt.Sprintf("RFC 9990 section 3.1.1.4: the period ends at %d, before it begins at %d", end, begin), "write the period's first and last second")
	case end-begin > day:
		c.odd(r.line, r.name, fmt.Sprintf("RFC 9990 section 3.1.1.4: the period has %d hours; one day of UTC is usual", (end-begin)/3600), "report each day by itself")
	}
}

// filled checks that a child has a text.
func (c *checker) filled(n *node, name, section, remedy string) {
	if k := n.kid(name); k != nil && k.text == "" {
		c.wrong(k.line, name, fmt.Sprintf("RFC 9990 section %s: %s is empty", section, name), remedy)
	}
}

// integer returns the number in an element.
func integer(n *node) (int64, bool) {
	if n == nil {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	return v, err == nil
}

var foForm = regexp.MustCompile(`^[01ds](:[01ds])*$`)

// published checks policy_published.
func (c *checker) published(n *node) {
	text := func(name string) string {
		if k := n.kid(name); k != nil {
			return k.text
		}
		return ""
	}
	c.domain(n, "domain", "3.1.1.5", false)
	c.policy = publishedPolicy{text("domain"), text("p"), text("sp"), text("np")}
	if k := n.kid("fo"); k != nil && !foForm.MatchString(k.text) {
		c.wrong(k.line, "fo", "RFC 9989 section 4.7: fo is 0, 1, d and s with colons between"+has(k.text), "write the value of the record, or 0")
	}
}

// domain checks that a child is a domain name in lower-case A-labels.
func (c *checker) domain(n *node, name, section string, mayBeEmpty bool) {
	k := n.kid(name)
	if k == nil || k.text == "" && mayBeEmpty {
		return
	}
	rule := fmt.Sprintf("RFC 9990 section %s: %s is a domain name", section, name)
	switch normal, ok := message.NormalizeDomain(k.text); {
	case k.text == "":
		c.wrong(k.line, name, rule+", and it is empty", "write the domain")
	case !ok:
		c.wrong(k.line, name, rule+has(k.text), "write a domain name")
	case normal != k.raw:
		c.wrong(k.line, name, rule+" in lower-case A-labels"+has(k.raw), "write "+normal)
	}
}

// record checks a record.
func (c *checker) record(n *node) {
	row := n.kid("row")
	if row != nil {
		c.row(row)
	}
	if ids := n.kid("identifiers"); ids != nil {
		c.domain(ids, "header_from", "3.1.1.10", false)
		c.domain(ids, "envelope_from", "3.1.1.10", true)
		c.domain(ids, "envelope_to", "3.1.1.10", false)
		k := ids.kid("header_from")
		if k != nil && c.policy.domain != "" && k.text != "" && !message.Below(strings.ToLower(k.text), strings.ToLower(c.policy.domain)) {
			c.wrong(k.line, k.name, "RFC 9990 section 3.1.2: "+foreign.Word(k.text, 80)+" is not below the policy domain "+foreign.Word(c.policy.domain, 80), "report each policy domain by itself")
		}
	}
	results := n.kid("auth_results")
	passed := map[string]bool{}
	if results != nil {
		passed = c.results(results)
	}
	if e := row.kid("policy_evaluated"); e != nil {
		c.evaluated(n, e, passed)
	}
}

// row checks a row.
func (c *checker) row(n *node) {
	if k := n.kid("source_ip"); k != nil {
		ip, err := netip.ParseAddr(k.raw)
		switch {
		case err != nil || ip.Zone() != "":
			c.wrong(k.line, k.name, "RFC 9990 section 3.1.1.8: source_ip is an address of IPv4 or IPv6"+has(k.text), "write it without brackets and zone")
		case ip.Is4In6():
			c.odd(k.line, k.name, "source_ip is an address of IPv4 within IPv6", "write "+ip.Unmap().String())
		}
	}
	if k := n.kid("count"); k != nil && integerForm.MatchString(k.text) {
		v, err := strconv.ParseInt(k.text, 10, 64)
		if err != nil || v <= 0 || v > maxCount {
			remedy := "leave out records without messages"
			if k.text[0] != '-' && v != 0 {
				remedy = "write how many messages there were; readers do not believe so many"
			}
			c.wrong(k.line, k.name, "RFC 9990 section 3.1.1.8: count is a number of messages"+has(k.text), remedy)
			return
		}
		c.Messages += v
	}
}

// results checks auth_results, and returns which methods have a result that passed.
func (c *checker) results(n *node) map[string]bool {
	passed := map[string]bool{}
	signatures := 0
	for _, k := range n.kids {
		if r := k.kid("result"); r != nil && r.text == "pass" {
			passed[k.name] = true
		}
		switch k.name {
		case "dkim":
			if signatures++; signatures == maxResults+1 {
				c.wrong(k.line, k.name, fmt.Sprintf("RFC 9990 section 3.1.3: a record has at most %d signatures", maxResults), "keep the best")
			}
			c.domain(k, "domain", "3.1.1.12", false)
			c.filled(k, "selector", "3.1.1.12", "write the s= of the signature")
		case "spf":
			c.domain(k, "domain", "3.1.1.13", false)
		}
	}
	return passed
}

// evaluated holds policy_evaluated against the policy and the results.
func (c *checker) evaluated(n, e *node, passed map[string]bool) {
	word := func(name string) string {
		if k := e.kid(name); k != nil {
			return k.text
		}
		return ""
	}
	for _, method := range []string{"dkim", "spf"} {
		if word(method) == "pass" && !passed[method] {
			c.wrong(e.kid(method).line, method, "RFC 9990 section 3.1.1.11: "+method+" is pass, and auth_results have no "+method+" that passed", "write every result into auth_results")
		}
	}
	d := e.kid("disposition")
	if d == nil {
		return
	}
	failed := word("dkim") == "fail" && word("spf") == "fail"
	switch {
	case failed && d.text == "pass":
		c.wrong(d.line, d.name, "RFC 9990 section 3.1.1.9: pass is for messages that pass DMARC, and dkim and spf are fail", "write what was done: none, quarantine or reject")
	case failed && e.kid("reason") == nil && !c.asked(n, d.text):
		c.wrong(d.line, d.name, "RFC 9990 section 3.1.1.9: the disposition is not the published policy, and no reason says why", "write a reason")
	case !failed && d.text == "pass" && c.policy.p == "none" && (c.policy.sp == "" || c.policy.sp == "none") && (c.policy.np == "" || c.policy.np == "none"):
		c.odd(d.line, d.name, "RFC 9990 appendix A: pass is for a policy of quarantine or reject, and the published one is none", "write none")
	}
}

// asked reports whether a disposition may be the published policy for the author.
func (c *checker) asked(n *node, disposition string) bool {
	p := c.policy
	if p.p == "" {
		return true
	}
	if k := n.kid("identifiers").kid("header_from"); k == nil || strings.EqualFold(k.text, p.domain) {
		return disposition == p.p
	}
	sp := p.sp
	if sp == "" {
		sp = p.p
	}
	return disposition == sp || p.np != "" && disposition == p.np
}
