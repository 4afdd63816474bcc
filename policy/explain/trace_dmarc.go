package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

func (t *trace) dmarc(res *result.Results) {
	say := func(format string, args ...any) { t.add("dmarc", result.CheckDMARC, format, args...) }
	d := res.DMARC
	if w := d.Walk; w != nil {
		for i, s := range w.Steps {
			say("step %d, %s: %s", i+1, s.Name, s.Why)
		}
		if w.OrganizationalDomain != "" {
			say("the organizational domain of %s is %s", w.Domain, w.OrganizationalDomain)
		}
		if w.Record != nil {
			say("the record that governs, at _dmarc.%s: %s", w.RecordDomain, w.Record.Text)
			for _, p := range w.Record.Problems {
				say("  its owner should repair: %s", p)
			}
		}
	}
	if text := policyOrigin(d); text != "" {
		say("%s", text)
	}
	for _, a := range d.Identifiers {
		say("%s, %s", identifier(a), alignmentWords(a))
	}
	say("%s", strings.TrimSuffix(string(d.Status)+": "+d.Reason, ": "))
	if d.Suspected != "" {
		say("a record above the failed lookup asks for %s", d.Suspected)
	}
}

func identifier(a dmarc.Aligned) string {
	if a.Method == "spf" {
		return fmt.Sprintf("SPF %s for %s", a.Status, cmp.Or(a.Domain, "nothing"))
	}
	return fmt.Sprintf("DKIM %s for %s", a.Status, cmp.Or(a.Domain, "nothing"))
}

func alignmentWords(a dmarc.Aligned) string {
	switch {
	case a.Alignment == "yes" && a.Status == "pass":
		return "aligned: " + a.Why
	case a.Alignment == "yes":
		return "would be aligned if it had passed: " + a.Why
	case a.Alignment == "no":
		return "not aligned: " + a.Why
	}
	return "alignment not known: " + a.Why
}

// policyOrigin returns the policy of the record, the tag it comes from and the effect of
// t=y; "" without a record.
func policyOrigin(d dmarc.Result) string {
	if d.Policy == "" {
		return ""
	}
	text := fmt.Sprintf("the record asks for %q", string(d.Policy))
	switch d.PolicyTag {
	case "p":
		text += " (p=)"
		if d.RecordDomain != d.AuthorDomain {
			text += ", which goes for its subdomains too"
		}
	case "sp":
		text += ", as " + d.AuthorDomain + " is a subdomain (sp=)"
	case "np":
		text += ", as " + d.AuthorDomain + " does not exist (np=)"
	}
	if d.Testing {
		text += "; the owner is still testing (t=y), which makes it one step milder than published"
	}
	return text
}
