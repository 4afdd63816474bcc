package config

import (
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/message"
)

// Watch is which domains are inspected again and again, and who is told.
type Watch struct {
	Domains []string
	// Own adds our own domains and those that sign.
	Own   bool
	Every time.Duration
	// Repeat is the least time between two notices about one record or error.
	Repeat time.Duration
	// State is the file that keeps what was seen and told.
	State string
	// Mail is the address that is told, "" for none. From is the author of these mails,
	// "" for postvet at the authserv-id.
	Mail, From string
	MailWhen   WatchMail
}

// WatchMail says when mail is sent.
type WatchMail string

// The values of watch.mail_when.
const (
	WatchMailChange WatchMail = "change"
	WatchMailDaily  WatchMail = "daily"
)

// Watches reports whether any domain is watched.
func (w *Watch) Watches() bool { return len(w.Domains) > 0 || w.Own }

func (w *Watch) section() section {
	return section{name: "watch", comment: `Domains whose records in the DNS are inspected again and again, as by
"postvet domain": what changes, and what is wrong, is told in the log, by
metrics and by mail. A DNS failure is never a change.`, keys: []key{
		{
			name: "domains", value: list(&w.Domains, checkDomain, `write a list, such as ["example.org"]`),
			comment: `The domains, at most 1000 together with those of own. postvet_watch_errors
has a label for each of the first 100.`,
		},
		{
			name: "own", value: truth(&w.Own, false),
			comment: `Whether policy.own_domains are watched too, also those in files, and the
domains of the keys in sign.keys and sign.files.`,
		},
		{
			name: "every", value: duration(&w.Every, 6*time.Hour, 10*time.Minute, 7*day),
			comment: `How often each domain is inspected (10m to 168h), give or take a tenth. One
whose lookups failed is inspected again within half an hour.`,
		},
		{
			name: "repeat", value: duration(&w.Repeat, day, time.Hour, 30*day),
			comment: `A record or an error that comes and goes is told at most once in this time
(1h to 720h).`,
		},
		{
			name: "state", value: text(&w.State, "", checkWatchState),
			comment: `A file that keeps what was seen and told, such as
"/var/lib/postvet/watch.json": so a restart tells nothing twice, and "postvet
domain --since" has something to show.`,
		},
		{
			name: "mail", value: text(&w.Mail, "", checkMailAddress),
			comment: `The address that gets mail about changes and errors, through the server that
report.smtp names. Empty: none.`,
		},
		{
			name: "mail_from", value: text(&w.From, "", checkMailAddress),
			comment: "The author of these mails. Empty: postvet at the authserv_id.",
		},
		{
			name: "mail_when", value: oneOf(&w.MailWhen, WatchMailChange, WatchMailDaily),
			comment: `change: mail is sent soon after something changes, at most once an hour.
daily: once a day, if anything differs from the day before.`,
		},
	}}
}

// checkWatchState accepts an absolute path of a file.
func checkWatchState(s string) (normal, problem, remedy string) {
	return checkCleanPath(s, "file", "/var/lib/postvet/watch.json")
}

func (w *Watch) conflicts(x *conflicts) {
	if w.Watches() && w.State == "" {
		name := "watch.domains"
		if len(w.Domains) == 0 {
			name = "watch.own"
		}
		x.noEffect(name, "watch.state", `name a file, such as state = "/var/lib/postvet/watch.json"`)
	}
	if w.Mail != "" && !w.Watches() {
		x.noEffect("watch.mail", "watch.domains", `name domains, such as domains = ["example.org"]`)
	}
	if w.From != "" && w.Mail == "" {
		x.noEffect("watch.mail_from", "watch.mail", "name the address that gets the mail")
	}
}

// OwnNames returns our own domains at a time, those in files too, and the domains of
// sign.files.
func (c *Config) OwnNames(now time.Time) []string {
	names := c.Policy.OwnDomains.Set.At(now).Members()
	for _, f := range c.Sign.Files {
		domain, _, _ := strings.Cut(f, ":")
		if name, ok := message.NormalizeDomain(domain); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
