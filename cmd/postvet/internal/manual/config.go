package manual

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
)

const configPage = "postvet.toml"

// configuration writes postvet.toml(5).
func (e Edition) configuration(sections []config.Section) Page {
	r, file := e.page(configPage, 5, "configuration of postvet")
	r.section("Description")
	r.text(`Postvet reads one file in TOML. It needs none: what a file leaves out has the default that stands here behind the key.
An unknown key, a wrong type or a value out of bounds is an error that names file, line, key and remedy; nothing starts with it.

Durations are written like "1.5s", "5m" or "24h", sizes like "64MB".
A key of a section stands below the section's line, such as [dns].`, "PP")
	for _, s := range sections {
		title := "The top of the file"
		if s.Name != "" {
			title = "[" + s.Name + "]"
		}
		r.request("SH", title)
		if s.Comment != "" {
			r.text(s.Comment, "PP")
		}
		for _, k := range s.Keys {
			r.item(k.Name + " = " + k.Default)
			r.text(k.Comment, `IP ""`)
			if len(k.Words) > 0 {
				r.request("br")
				r.line("Values: " + quoted(k.Words) + ".")
			}
			if k.Variable != "" {
				r.request("br")
				r.line("Variable: " + k.Variable + ".")
			}
		}
	}
	r.section("Environment")
	r.text(`The keys with a variable are those that differ from one container to the next. A variable wins over the file, and a flag over both. It is checked as the key is: a fault names the variable. Entries of a list stand between commas, and true and false are written so. An empty variable counts as not set.

"postvet serve" does not start with another variable that begins with POSTVET_, and "postvet config check" warns of it, since a misspelt one would leave a default in force. Those that Kubernetes and Docker set by themselves for a service called postvet are left out.`, "PP")
	r.section("Files")
	r.item("/etc/postvet/postvet.toml")
	r.line("The file that the packaged service reads.")
	r.section("See also")
	r.references("postvet(1)", "postvet-config(1)", "postvet-serve(1)", rulesPage+"(5)", dnsPage+"(7)")
	return Page{file, r.b.Bytes()}
}

func quoted(words []string) string {
	return `"` + strings.Join(words, `", "`) + `"`
}
