//go:build linux

package realmta

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/contrib/child"
)

// Layout is one of the set-ups of contrib/postfix/signing or contrib/sendmail/signing,
// with addresses and ports of this machine.
type Layout struct {
	files map[string]string
	// Ports are the ports chosen here by those in the files; "submission" is 587.
	Ports map[string]string
}

// layoutPorts are the ports that the files name.
var layoutPorts = []string{"submission", "10024", "10025", "10026", "11332", "8890"}

// ReadLayout reads the set-up of a name for an MTA. dir takes the table of logins.
func ReadLayout(mta, name, dir string) (*Layout, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	archive, err := txtar.ParseFile(filepath.Join(root, "contrib", strings.ToLower(mta), "signing", name+".txt"))
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	l := &Layout{files: map[string]string{}, Ports: map[string]string{}}
	var pairs []string
	for _, p := range layoutPorts {
		if l.Ports[p], err = child.FreePort(); err != nil {
			return nil, err
		}
		if p != "submission" {
			pairs = append(pairs, p, l.Ports[p])
		}
	}
	logins := filepath.Join(dir, "logins")
	pairs = append(pairs,
		"submission inet", "127.0.0.1:"+l.Ports["submission"]+" inet", "Port=submission", "Addr=127.0.0.1, Port="+l.Ports["submission"],
		"example.org", Good, "192.0.2.10", Lister,
		"/etc/postfix/logins", logins, "/etc/mail/logins", logins, "/etc/postvet/keys", "KEYS",
		// All clients of a test are on loopback.
		`"127.0.0.0/8", "::1/128"`, `"`+Exempted+`"`)
	here := strings.NewReplacer(pairs...)
	for _, f := range archive.Files {
		l.files[f.Name] = here.Replace(string(f.Data))
	}
	if !strings.Contains(l.files["postvet.toml"], "[exempt]") {
		l.files["postvet.toml"] = fmt.Sprintf("[exempt]\naddresses = [%q]\n", Exempted) + l.files["postvet.toml"]
	}
	return l, os.WriteFile(logins, []byte(l.files["logins"]), 0o644)
}

// comments are lines without an effect.
var comments = regexp.MustCompile(`(?m)^#.*\n`)

// Lines returns the lines of one of the files.
func (l *Layout) Lines(file string) []string {
	text := strings.TrimSpace(comments.ReplaceAllString(l.files[file], ""))
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Options returns the options of a site that is set up like this.
func (l *Layout) Options(mta string) SiteOptions {
	o := SiteOptions{MTA: mta, Sections: l.files["postvet.toml"], MTAConfig: l.Lines("main.cf"), MTAServices: l.Lines("master.cf")}
	if mta == "Sendmail" {
		o.MTAConfig, o.MTAServices = l.Lines("sendmail.mc"), nil
	}
	return o
}
