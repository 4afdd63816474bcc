package config

import (
	"slices"
	"strings"
)

// Settings are the values of keys, as they are written in a file.
type Settings map[string]string

// Settings returns the values of all keys.
func (c *Config) Settings() Settings {
	s := Settings{}
	for _, k := range c.keys() {
		s[k.name] = k.value.format()
	}
	return s
}

// ParseSettings returns the values of the keys in a text that [Config.Write] wrote, such as
// that of a generation.
func ParseSettings(text string) Settings {
	s, section := Settings{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(name, "]")
			continue
		}
		if i := strings.LastIndex(line, " # "); i >= 0 {
			line = line[:i] // where the value was set
		}
		if key, value, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, "#") {
			if section != "" {
				key = section + "." + key
			}
			s[key] = strings.TrimSpace(value)
		}
	}
	return s
}

// Differ returns those of the keys that have another value in t. A key that t does not have,
// because an older version wrote it, has its default there.
func (s Settings) Differ(t Settings, keys []string) (others []string) {
	defaults := Default().Settings()
	for _, k := range keys {
		v, ok := t[k]
		if !ok {
			v = defaults[k]
		}
		if v != s[k] {
			others = append(others, k)
		}
	}
	return others
}

// With returns a copy of the configuration in which a key has the value of a flag.
func (c *Config) With(flag, key, value string) (*Config, error) {
	o := c.copy()
	if err := o.SetFlag(flag, key, value); err != nil {
		return nil, err
	}
	return o, nil
}

// EvaluationKeys returns the keys that decide what is found about a message, in the order of
// the file. Other values cannot be tried on a message that was evaluated before.
func (c *Config) EvaluationKeys() (names []string) {
	limits := []string{
		"limits.header_bytes", "limits.body_bytes", "limits.fields", "limits.recipients", "limits.signatures", "limits.spf_timeout", "limits.message_timeout",
	}
	for _, k := range c.keys() {
		section, _, _ := strings.Cut(k.name, ".")
		if k.evaluation && !slices.Contains(earlyKeys, k.name) || slices.Contains([]string{"dkim", "exempt", "seal"}, section) || slices.Contains(limits, k.name) ||
			slices.Contains(signingKeys, k.name) {
			names = append(names, k.name)
		}
	}
	return names
}

// signingKeys decide which mail is signed, and so not checked.
var signingKeys = []string{"sign.keys", "sign.listeners", "sign.networks", "sign.local", "sign.relayed", "sign.sender_match", "sign.subdomains", "sign.dry_run"}

// earlyKeys decide what is refused before it is sent.
var earlyKeys = []string{
	"mode", "policy.spf_early", "policy.spf_fail", "policy.spf_softfail", "policy.spf_permerror", "policy.on_temperror",
	"policy.monitor_listeners", "policy.monitor_domains", "policy.monitor_recipients", "trust.forwarders",
}

// EarlyKeys returns the keys that decide what is refused before it is sent.
func EarlyKeys() []string { return slices.Clone(earlyKeys) }
