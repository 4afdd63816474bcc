package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spelling"
)

// variablePrefix begins the variables of the environment that set keys.
const variablePrefix = "POSTVET_"

// foreignVariables begin like ours and are none: those that Kubernetes and the links
// of Docker set for a service called postvet, and those that "publish" of [sign] hands
// to a program, which may call postvet again.
var foreignVariables = regexp.MustCompile(`^POSTVET_(.+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$|^POSTVET_(ACTION|NAME|TYPE|TTL|VALUE)$`)

// variable returns the variable of the environment that sets the key, "" if none does:
// POSTVET_DNS_RESOLVERS for dns.resolvers.
func (k key) variable() string {
	if !k.environment {
		return ""
	}
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// ControlVariable is the variable that sets control.socket.
const ControlVariable = variablePrefix + "CONTROL_SOCKET"

// Variables returns the names of all variables, in the order of the file's keys.
func Variables() []string {
	var all []string
	for _, k := range Default().keys() {
		if v := k.variable(); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// setVariables sets keys by an environment, "NAME=VALUE" each. A variable that is empty
// counts as not set, since that is how a compose file hands on one that is not.
func (c *Config) setVariables(environ []string) Errors {
	if len(environ) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok && strings.HasPrefix(name, variablePrefix) {
			values[name] = value
		}
	}
	var errs Errors
	for _, k := range c.keys() {
		name := k.variable()
		text := values[name]
		if name == "" || text == "" {
			continue
		}
		if problem, remedy := k.value.set(typed(k.value, text)); problem != "" {
			errs = append(errs, &Error{File: name, Problem: problem, Remedy: remedy})
			continue
		}
		c.setOrigin(k.name, origin{file: name})
	}
	return errs
}

// typed returns the text of a variable as TOML would decode the value: the entries of a
// list stand between commas. A text that does not fit stays one, for the value to refuse.
func typed(v value, text string) any {
	switch v.(type) {
	case *listValue, *entriesValue:
		var list []any
		for entry := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(entry))
		}
		return list
	case *boolValue:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// UnknownVariables returns a fault for each variable that begins like ours and stands
// for no key. A misspelt one would otherwise leave a default in force.
func UnknownVariables(environ []string) error {
	known := Variables()
	var errs Errors
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(known, name) || foreignVariables.MatchString(name) {
			continue
		}
		remedy := "the variables are " + strings.Join(known, ", ")
		if k, ok := keyNamed(name); ok {
			remedy = "no variable sets " + k + "; write it into a file"
		} else if near := nearestVariable(name, known); near != "" {
			remedy = "did you mean " + near + "?"
		}
		errs = append(errs, &Error{File: foreign.Terminal(name, maxShown), Problem: "unknown variable", Remedy: remedy})
	}
	slices.SortFunc(errs, func(a, b *Error) int { return strings.Compare(a.File, b.File) })
	return errs.orNil()
}

// nearestVariable returns the variable that a name was meant to be: one with a few
// other letters, or one that lacks the section.
func nearestVariable(name string, known []string) string {
	short := make([]string, len(known))
	for i, v := range known {
		short[i] = strings.TrimPrefix(v, variablePrefix)
	}
	rest := strings.TrimPrefix(name, variablePrefix)
	if near := spelling.Nearest(rest, short); near != "" {
		return variablePrefix + near
	}
	ends := func(v string) bool { return strings.HasSuffix(v, "_"+rest) }
	if i := slices.IndexFunc(known, ends); i >= 0 && rest != "" && !slices.ContainsFunc(known[i+1:], ends) {
		return known[i]
	}
	return ""
}

// keyNamed returns the key whose variable would have a name, if keys of its kind had one.
func keyNamed(name string) (string, bool) {
	for _, k := range Default().keys() {
		k.environment = true
		if k.variable() == name {
			return k.name, true
		}
	}
	return "", false
}
