package config

import (
	"strings"
	"time"
	"unicode"
)

// maxDrainTimeout bounds drain_timeout.
const maxDrainTimeout = time.Hour

// general returns the keys above the first section.
func (c *Config) general() section {
	return section{keys: []key{
		{
			name: "mode", value: oneOf(&c.Mode), inRules: true,
			comment: `enforce: verdicts are carried out. monitor: verdicts are logged and written
into the message, and everything is accepted.`,
		},
		{
			name: "authserv_id", value: text(&c.AuthservID, "", checkAuthservID),
			comment: `The name that our Authentication-Results fields carry. Fields that arrive
with this name are forged and removed. Empty: the host's name.`,
		},
		{
			name: "listen", value: list(&c.Listen, checkListen, `write a list, such as ["inet:127.0.0.1:8890"]`, "inet:127.0.0.1:8890"), restart: true,
			comment: `Where the MTA reaches Postvet, in Postfix's notation ("inet:127.0.0.1:8890",
"unix:/path") or Sendmail's ("inet:8890@127.0.0.1", "local:/path"), or
as a socket that systemd passes ("systemd:NAME"). If the list is not set, all
sockets that systemd passes are used. Needs a restart to change.`,
		},
		{
			name: "rules", value: list(&c.RuleFiles, checkRuleFile, `write a list of files, such as ["/etc/postvet/rules.toml"]`),
			comment: `Files with rules of your own, [[rule]] tables, which may stand in this file as
well and then come first. They are asked in order, before DMARC decides:
    [[rule]]
    name = "forged-bank"
    from = ["bank.example", ".bank.example"]
    dmarc = ["!pass"]
    if = 'not within(client, "192.0.2.0/24")'
    action = "reject"
"postvet policy explain" says what they do, and prints every key. The files,
whose paths may be relative to this one's, may hold mode and [policy] as well.`,
		},
		{
			name: "shadow_rules", value: list(&c.ShadowFiles, checkRuleFile, `write a list of files, such as ["/etc/postvet/rules.toml"]`),
			comment: `Files with rules that decide nothing: what they would have done is logged and
counted where it differs. They stand for all rules of your own; mode and the
keys of [policy] in them stand for those in force.`,
		},
		{
			name: "drain_timeout", value: duration(&c.DrainTimeout, time.Minute, time.Second, maxDrainTimeout),
			comment: `How long a stop waits for messages in flight (1s to 1h). Keep it below
systemd's TimeoutStopSec.`,
		},
	}}
}

// checkRuleFile accepts a path of a file. A relative path begins in the directory
// of the configuration file.
func checkRuleFile(s string) (normal, problem, remedy string) {
	if s == "" || strings.HasSuffix(s, "/") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " names no file", `write a path such as "/etc/postvet/rules.toml"`
	}
	return s, "", ""
}
