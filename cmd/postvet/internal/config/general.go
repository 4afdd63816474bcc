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
			name: "mode", value: oneOf(&c.Mode), inRules: true, environment: true,
			comment: `enforce: carry verdicts out. monitor: log them, write them into the message,
and accept every message.`,
		},
		{
			name: "authserv_id", value: text(&c.AuthservID, "", checkAuthservID), environment: true,
			comment: `The name in our Authentication-Results fields. Fields that arrive with this
name are forged, and Postvet removes them. Empty: the host's name.`,
		},
		{
			name: "listen", value: list(&c.Listen, checkListen, `write a list, such as ["inet:127.0.0.1:8890"]`, "inet:127.0.0.1:8890"), restart: true, environment: true,
			comment: `Where the MTA reaches Postvet: in Postfix's notation ("inet:127.0.0.1:8890",
"unix:/path"), in Sendmail's ("inet:8890@127.0.0.1", "local:/path"), or as a
socket that systemd passes ("systemd:NAME"). If the key is not set, Postvet
uses all sockets that systemd passes. Needs a restart to change.`,
		},
		{
			name: "answer_rcpt_and_data", value: truth(&c.AnswerEnvelope, false), restart: true,
			comment: `Have the MTA wait for an answer at each RCPT and at DATA. That costs a round
trip each time, and no MTA needs it. Some proxies between the MTA and its
milters, such as milter-manager, hang without it.`,
		},
		{
			name: "rules", value: list(&c.RuleFiles, checkRuleFile, `write a list of files, such as ["/etc/postvet/rules.toml"]`),
			comment: `Files with rules of your own, as [[rule]] tables. Rules may also stand in this
file; those come first. They are tried in order, before DMARC decides:
    [[rule]]
    name = "forged-bank"
    from = ["bank.example", ".bank.example"]
    dmarc = ["!pass"]
    if = 'not within(client, "192.0.2.0/24")'
    action = "reject"
"postvet policy explain" says what your rules do, and with --keys what they
may hold. Relative paths begin in the directory of this file. The files may
also set mode and the keys of [policy].`,
		},
		{
			name: "shadow_rules", value: list(&c.ShadowFiles, checkRuleFile, `write a list of files, such as ["/etc/postvet/rules.toml"]`),
			comment: `Files with rules that decide nothing: where they would have done something
else, that is logged and counted. They replace all rules of your own. If they
set mode or keys of [policy], these replace the active ones.`,
		},
		{
			name: "drain_timeout", value: duration(&c.DrainTimeout, time.Minute, time.Second, maxDrainTimeout), environment: true,
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
