package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

var replyCode = regexp.MustCompile(`^([45])[0-5]\d ([45])\.\d{1,3}\.\d{1,3}$`)

// action reads what a rule does. It refuses keys that have no effect with the
// action, since their author meant something else.
func (r *ruleReader) action() {
	word := r.word("action", actions)
	_, named := r.tree["action"]
	r.rule.Action = result.Action(word)
	r.quarantine(word)
	r.redirect(word)
	r.code(word)
	if text := r.text("text"); text != "" {
		r.rule.Text = r.template("text", text, 300)
	}
	useless := func(key, why, remedy string) {
		if _, set := r.tree[key]; set {
			r.fault(key, why, remedy)
		}
	}
	switch word {
	case "reject", "tempfail", "discard":
		useless("add_header", "the message is not delivered", "remove the key, or choose another action")
		useless("remove_header", "the message is not delivered", "remove the key, or choose another action")
	case "":
		if named {
			break // r.word has reported the word
		}
		useless("text", "the rule has no action", "add action = \"reject\", or remove the key")
		useless("reason", "the rule has no action", "add one, or remove the key")
		_, adds := r.tree["add_header"]
		_, removes := r.tree["remove_header"]
		_, signs := r.tree["sign"]
		if !adds && !removes && !signs {
			r.fault("", "does nothing", "write action = "+quotedOr(actions)+", or add_header or remove_header")
		}
	}
	if word == "accept" || word == "discard" || word == "redirect" {
		useless("text", "nobody is told a text where the action is "+word, "remove the key")
	}
}

func (r *ruleReader) quarantine(word string) {
	how := r.text("quarantine")
	quarantine := rules.Quarantine(how)
	_, set := r.tree["quarantine"]
	switch {
	case !set && word == "quarantine":
		r.rule.Quarantine = rules.QuarantineHold
	case !set || r.failed && how == "":
	case word != "quarantine":
		r.fault("quarantine", "the action is not quarantine", `write action = "quarantine", or remove the key`)
	case quarantine == rules.QuarantineHold || quarantine == rules.QuarantineTag:
		r.rule.Quarantine = quarantine
	case validRecipient(how):
		r.rule.Action, r.rule.RedirectTo = result.Redirect, how
	default:
		r.fault("quarantine", cite(how)+" is not known", `write "hold", "tag", or an address such as "quarantine@example.org"`)
	}
}

func (r *ruleReader) redirect(word string) {
	to := r.text("redirect")
	_, set := r.tree["redirect"]
	const remedy = `write redirect = "user@example.org"`
	switch {
	case !set && word == "redirect":
		r.fault("action", "redirect needs an address", remedy)
	case !set || r.failed && to == "":
	case word != "redirect":
		r.fault("redirect", "the action is not redirect", `write action = "redirect", or remove the key`)
	case !validRecipient(to):
		r.fault("redirect", cite(to)+" is no address", remedy)
	default:
		r.rule.RedirectTo = to
	}
}

func (r *ruleReader) code(word string) {
	code := r.text("code")
	_, set := r.tree["code"]
	class, example := "5", "550 5.7.1"
	if word == "tempfail" {
		class, example = "4", "451 4.7.1"
	}
	part := replyCode.FindStringSubmatch(code)
	switch {
	case !set || r.failed && code == "":
	case word != "reject" && word != "tempfail":
		r.fault("code", "there is no reply code unless the action is reject or tempfail", "remove the key")
	case part == nil || part[1] != part[2]:
		r.fault("code", cite(code)+" is no reply code with an enhanced code of the same class (RFC 3463)", fmt.Sprintf("write one such as %q", example))
	case part[1] != class:
		r.fault("code", fmt.Sprintf("%s does not go with action = %q", cite(code), word), fmt.Sprintf("write one such as %q", example))
	case strings.HasPrefix(code, "421"):
		r.fault("code", "421 would close the SMTP connection", fmt.Sprintf("write one such as %q", example))
	default:
		r.rule.Code = code
	}
}

// validRecipient reports whether every MTA accepts an address as it is: it has a
// local part without quotes, and a domain.
func validRecipient(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(local) > 64 || strings.Trim(local, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.") != "" ||
		strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return false
	}
	name, ok := message.NormalizeDomain(domain)
	return ok && strings.EqualFold(name, domain)
}
