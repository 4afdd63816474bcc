package manual

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/explain"
)

const rulesPage = "postvet-rules"

// rules writes postvet-rules(5).
func (e Edition) rules() Page {
	r, file := e.page(rulesPage, 5, "rules of your own for postvet")
	r.section("Synopsis")
	r.literal(`  [[rule]]
  name = "forged-bank"
  from = ["bank.example", ".bank.example"]
  dmarc = ["!pass"]
  if = 'not within(client, "192.0.2.0/24")'
  action = "reject"`)
	r.section("Description")
	r.text(`A rule says what is done with which messages. Rules are tables [[rule]] in postvet.toml(5) or in the files that its key "rules" names. They are asked in the order in which they stand, before DMARC decides.

A rule matches if all its conditions hold. The first one with an action that matches decides; rules without an action only edit the header, and the next one is asked. A rule with mode = "monitor" is only noted in the log.

A rule with outbound = true is asked about mail of your users alone, which no other rule meets if it is exempt. It can refuse such mail, have it signed by a key of its own, or leave it unsigned. A key that a rule names signs nothing else:

  [[rule]]
  name = "web-forms"
  outbound = true
  user = ["www@example.org"]
  sign = "trial"

A refusal also meets what your MTA itself sends without a sender, if [sign] counts local submissions as mail of your users: notices that mail was not delivered. The MTA cannot return them, so that they are lost. Add if = 'not null_sender' to rules that refuse.

"postvet policy explain" says in words what the rules do, and "postvet policy test" tries them on stored messages.`, "PP")
	r.section("Keys")
	for _, k := range config.RuleKeys() {
		r.item(k.Name)
		r.filled(stopped(k.Text))
	}
	r.section("Conditions as keys")
	r.text(`Each of these keys takes one text or a list of texts, or true or false. A list holds if one of its entries does, and none of those that begin with "!". A domain stands for itself, one with a leading dot for all domains below it.`, "PP")
	for _, k := range condition.Keys() {
		r.item(k.Name)
		text := stopped(k.Text)
		if k.Bool() {
			text += " True or false."
		} else if words := k.Words(); len(words) > 0 {
			text += " One of " + strings.Join(words, ", ") + "."
		}
		r.filled(text)
	}
	r.section("Expressions")
	r.text(fmt.Sprintf(`The key "if" holds an expression over the facts below. Its operators are ==, !=, <, <=, >, >=, and, or, not, in, contains, startsWith, endsWith and matches (a regular expression of RE2). A list is asked with any, all, none, one or count, in which # is the entry, and a signature's parts are written with a dot:

  any(rcpts, # endsWith "@example.org")
  count(signatures, .result == "pass" and .bits >= 2048) > 1

An expression has at most %d octets and takes at most %d steps for the worst message that there can be; both are checked when it is read. Texts are cut at %d octets. One that fails while it runs, such as by dividing by zero, does not hold.`,
		condition.MaxSource, condition.MaxCost, condition.MaxText), "PP")
	r.request("SS", "Functions")
	for _, f := range condition.Functions() {
		r.item(f.Form)
		r.filled(f.Text)
	}
	r.request("SS", "Facts")
	for _, f := range condition.Documentation() {
		r.item(f.Name)
		r.filled(factText(f))
	}
	r.section("Texts")
	r.text("The keys text and add_header may hold "+explain.PlaceholderNames()+".", "PP")
	r.section("See also")
	r.references("postvet(1)", "postvet-policy(1)", configPage+"(5)")
	return Page{file, r.b.Bytes()}
}

// factText returns the kind of a fact, its description and its values.
func factText(f condition.Fact) string {
	text := fmt.Sprintf("(%s) %s", f.Kind, f.Text)
	var words []string
	for _, w := range f.Words {
		if w != "" {
			words = append(words, w)
		}
	}
	if len(words) > 0 {
		text += " One of " + strings.Join(words, ", ") + "."
	}
	return text
}

// stopped returns a phrase with a full stop. Its first letter stays, since the phrase
// may begin with a word to write.
func stopped(s string) string { return strings.TrimSuffix(s, ".") + "." }
