package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// headers reads add_header and remove_header.
func (r *ruleReader) headers() {
	if v, set := r.tree["add_header"]; set {
		entries, _ := r.list("add_header", v)
		for _, e := range entries {
			r.addition(e)
		}
	}
	if v, set := r.tree["remove_header"]; set {
		entries, _ := r.list("remove_header", v)
		for _, e := range entries {
			switch {
			case !fieldName.MatchString(e):
				r.fault("remove_header", cite(e)+" is no name of a field", `write one such as "X-Spam-Status"`)
			case isField(e, required):
				r.fault("remove_header", fmt.Sprintf("%s must stay in every message (RFC 5322 section 3.6)", e), "remove the entry")
			default:
				r.rule.Remove = append(r.rule.Remove, e)
			}
		}
	}
}

var (
	fieldName = regexp.MustCompile(`^[!-9;-~]{1,76}$`)
	// required fields must be in a message, single ones must not be there twice (RFC
	// 5322 section 3.6). Only Postvet writes ours.
	required = []string{"From", "Date"}
	single   = []string{
		"From", "Date", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject",
	}
	ours = []string{result.ResultsField, result.QuarantineField}
)

func isField(name string, names []string) bool {
	f := message.NewField(name, "")
	return slices.ContainsFunc(names, f.Is)
}

func (r *ruleReader) addition(entry string) {
	const remedy = `write one such as "X-Policy: {rule}"`
	name, value, ok := strings.Cut(entry, ":")
	value = strings.TrimSpace(value)
	switch {
	case !ok || !fieldName.MatchString(name):
		r.fault("add_header", cite(entry)+" is no field with its value", remedy)
		return
	case isField(name, ours):
		r.fault("add_header", name+" is written by Postvet alone", "choose another name")
		return
	case isField(name, single):
		r.fault("add_header", name+" must not be in a message twice (RFC 5322 section 3.6)", "choose another name")
		return
	case value == "":
		r.fault("add_header", cite(entry)+" has no value", remedy)
		return
	}
	r.rule.Add = append(r.rule.Add, rules.Addition{Name: name, Value: r.template("add_header", value, 800)})
}

// template returns a text with placeholders.
func (r *ruleReader) template(key, s string, most int) explain.Template {
	switch {
	case len(s) > most:
		r.fault(key, fmt.Sprintf("has %d octets", len(s)), fmt.Sprintf("write at most %d", most))
	case !foreign.IsPrintable(s):
		r.fault(key, "holds a character that SMTP cannot carry", "write printable ASCII")
	}
	t, err := explain.ParseTemplate(s)
	if err != nil {
		problem, remedy, _ := strings.Cut(err.Error(), "; ")
		r.fault(key, foreign.Terminal(problem, maxShown), remedy)
	}
	return t
}
