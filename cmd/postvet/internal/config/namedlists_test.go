package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"
)

// The lists that expressions name, and the files that plain keys name, are read
// with the configuration and its files of rules.
func TestListsOfRules(t *testing.T) {
	t.Parallel()
	dir := inFolder(t, map[string]string{
		"banks":     "bank.example # and what is below\n.bank.example\n!bad.bank.example\n",
		"hosts":     "192.0.2.0/24\n!192.0.2.9\n",
		"main.toml": "rules = [\"rules.toml\"]\n[lists]\npartners = [\"partner.example\", \"file:DIR/banks\"]\n",
		"rules.toml": `[lists]
own-hosts = ["file:DIR/hosts", "198.51.100.1"]
[[rule]]
name = "partners"
if = 'listed(from, "partners") and not listed(client, "own-hosts")'
action = "reject"
[[rule]]
name = "hosts"
client = ["file:DIR/hosts", "!192.0.2.8"]
from = ["!file:DIR/banks"]
action = "discard"
[[rule]]
name = "banks"
mail_from = ["file:DIR/banks"]
action = "tempfail"
`,
	})
	for _, name := range []string{"main.toml", "rules.toml"} {
		rewrite(t, filepath.Join(dir, name), dir)
	}
	c, err := Load(filepath.Join(dir, "main.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ client, from, mailFrom, want string }{
		{"203.0.113.1", "partner.example", "", "partners"},
		{"203.0.113.1", "sub.bank.example", "", "partners"},
		{"192.0.2.1", "partner.example", "", "hosts"},
		{"192.0.2.1", "bank.example", "a@bank.example", "banks"},
		{"192.0.2.8", "other.example", "a@x.bank.example", "banks"},
		{"192.0.2.9", "other.example", "a@bad.bank.example", result.RuleNoPolicy},
	} {
		res := &result.Results{Client: result.ClientResult{IP: tt.client}, MailFrom: tt.mailFrom}
		res.Author.Domain = tt.from
		if got := c.Rules("id").Decide(res).Rule; got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	var shown strings.Builder
	if err := c.Write(&shown); err != nil {
		t.Fatal(err)
	}
	if want := "\n[lists]\nown-hosts = [\"file:" + dir + "/hosts\", \"198.51.100.1\"]\npartners = [\"partner.example\", \"file:" + dir + "/banks\"]\n"; !strings.Contains(shown.String(), want) {
		t.Errorf("%s", shown.String())
	}
}

// rewrite replaces DIR in a file by the name of a folder.
func rewrite(t *testing.T, file, dir string) {
	t.Helper()
	text, err := readFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestListsOfRulesRefused(t *testing.T) {
	t.Parallel()
	bad := writeFile(t, "bad", "bank.example\n\nnot a name\n")
	for text, want := range map[string]string{
		"[lists]\n\"A b\" = []\n":        "x:2: lists.A b: is no name of a list; write up to 63 letters a to z, digits and hyphens",
		"[lists]\na = 5\n":               `x:2: lists.a: is the integer 5; write a list, such as `,
		"[lists]\na = [\"a b\"]\n":       `x:2: lists.a: "a b" `,
		"lists = 5\n":                    "x:1: lists: is the integer 5 where a section is expected; write [lists] on a line of its own, its keys below",
		ruleWith("from", "file:"+bad):    "x:3: rule a: from: " + bad + `:3: "not a name" has several words; `,
		ruleWith("client", "file:"+bad):  "x:3: rule a: client: " + bad + `:1: "bank.example" `,
		ruleWith("from", "file:/absent"): `x:3: rule a: from: "/absent" cannot be read: no such file or directory; `,
		ruleWith("dmarc", "file:/x"):     `x:3: rule a: dmarc: "file:/x" is not known; `,
		"[[rule]]\nname = \"a\"\naction = \"accept\"\nif = 'listed(from, \"banks\")'\n": `x:4: rule a: if: column 14: there is no list "banks"; define it in [lists]`,
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	// Rules that name other files have other conditions.
	one, two := writeFile(t, "one", "a.example\n"), writeFile(t, "two", "b.example\n")
	if _, err := Parse("x", []byte(ruleWith("from", "file:"+one)+strings.Replace(ruleWith("from", "file:"+two), "\"a\"", "\"b\"", 1))); err != nil {
		t.Error(err)
	}
}

// ruleWith returns a rule with one key.
func ruleWith(key, entry string) string {
	return "[[rule]]\nname = \"a\"\n" + key + " = [\"" + entry + "\"]\naction = \"accept\"\n"
}
