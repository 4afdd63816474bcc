// Package config is Postvet's configuration: what can be set, what it is set
// to, and whether that can work.
//
// It exists because a mail filter with a misread configuration either loses
// mail or lets forgeries pass. So reading is strict (an unknown key, a wrong
// type or an impossible value is an error with file, line, key and what would
// be right), every fault of a file is reported at once, and one table of keys
// makes the defaults, the checks and the text of contrib/postvet.toml.
//
// The package turns settings into the option values of the other rooms; it
// opens no socket and asks no DNS.
package config

import (
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
)

// Config is what Postvet runs with. Make it with Default or Load.
type Config struct {
	Mode rules.Mode
	// AuthservID is the name that our Authentication-Results carry; "" is the
	// host's name.
	AuthservID string
	// Listen are the milter sockets, in the notations of socket.Parse.
	Listen []string
	// RuleFiles hold the admin's own rules, ShadowFiles those that decide nothing.
	RuleFiles, ShadowFiles []string
	// DrainTimeout is how long a stop waits for messages in flight.
	DrainTimeout time.Duration

	Socket Socket
	DNS    DNS
	Policy Policy
	Trust  Trust
	// AuthorOverrides say for an author domain and those below it what is done
	// instead of what it asks for.
	AuthorOverrides map[string]dmarc.Policy
	DKIM            DKIM
	Exempt          Exempt
	Limits          Limits
	Control         Control
	Log             Log
	Metrics         Metrics

	// origin says where each key was set; a key with its default is absent.
	origin map[string]origin
	// lists are those of the section lists, by name.
	lists map[string]List
	// empty are the files without an octet, of the main one and RuleFiles.
	empty []string
	// rules are those of the main file and of RuleFiles, shadow is the whole
	// with those of ShadowFiles; nil if there are none.
	rules  []rule
	shadow *Config
}

// origin is the place that set a key: a line of a file, or a flag.
type origin struct {
	file string
	line int
}

// Default returns the configuration of an empty file.
func Default() *Config {
	c := &Config{}
	for _, k := range c.keys() {
		k.value.setDefault()
	}
	return c
}

// IsSet reports whether a file or a flag set the key.
func (c *Config) IsSet(key string) bool {
	_, ok := c.origin[key]
	return ok
}

func (c *Config) setOrigin(key string, o origin) {
	if c.origin == nil {
		c.origin = map[string]origin{}
	}
	c.origin[key] = o
}
