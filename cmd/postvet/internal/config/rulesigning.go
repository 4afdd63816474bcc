package config

import (
	"github.com/postvet/postvet/policy/rules"
)

// outboundConflicts adds a fault for each rule about mail of our users if none is known.
func (c *Config) outboundConflicts(x *conflicts) {
	if c.Sign.Signs() {
		return
	}
	for _, r := range c.rules {
		if r.Outbound {
			x.errs = append(x.errs, &Error{
				File: r.origin.file, Line: r.origin.line, Key: ruleTable + " " + r.Name,
				Problem: "outbound has no effect without sign.keys", Remedy: `name the directory of the private keys, such as "/etc/postvet/keys"`,
			})
		}
	}
}

// signing reads outbound and sign.
func (r *ruleReader) signing() {
	if v, set := r.tree["outbound"]; set {
		outbound, ok := v.(bool)
		if !ok {
			r.fault("outbound", "is "+describe(v), "write true or false")
			return
		}
		r.rule.Outbound = outbound
	}
	for _, key := range []string{"add_header", "remove_header"} {
		if _, edits := r.tree[key]; edits && r.rule.Outbound {
			r.fault(key, "the signature would not cover it, or break", "remove the key, or outbound")
		}
	}
	word := r.text("sign")
	_, set := r.tree["sign"]
	switch {
	case !set || r.failed && word == "":
	case !r.rule.Outbound:
		r.fault("sign", "only mail of your users is signed", "add outbound = true")
	case word == rules.SignNone:
		r.rule.Sign = word
	default:
		name, problem, _ := checkSealSelector(word)
		if problem != "" || word == "" {
			r.fault("sign", cite(word)+" is no selector", `write the name of a key such as "s2026", or "none"`)
			return
		}
		r.rule.Sign = name
	}
}
