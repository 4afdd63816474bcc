// Package config reads Postvet's configuration: what can be set, what it is set
// to, and whether that can work.
//
// A mail filter with a misread configuration loses mail or lets forgeries pass.
// So reading is strict: an unknown key, a wrong type or an impossible value is an
// error with file, line, key and remedy, and all faults of a file are reported at
// once. The package turns settings into the options of the other packages. It
// opens no socket and asks no DNS.
//
// # To add a key
//
// Each section of the file has a source file with its struct, its table of keys,
// and what must hold between its keys.
//
//  1. Add a field to the struct and an entry to the table: name, kind of value with
//     default and bounds, and the comment for contrib/postvet.toml. Mark the entry
//     with restart if a reload cannot change the key. If the key excludes values of
//     another one, add that to the section's conflicts.
//  2. Use the field: in options.go for the other packages, or in package service.
//
// Then set the key in testdata/full.toml, and let "go test -update" write
// contrib/postvet.toml. The tests say what else is missing. Defaults, errors, the
// manual page, "config default" and "config show" come from the table.
package config

import (
	"strconv"
	"time"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/rules"
)

// Config is a configuration. Make it with Default or Load.
type Config struct {
	Mode rules.Mode
	// AuthservID is the name that our Authentication-Results carry; "" is the
	// host's name.
	AuthservID string
	// Listen are the milter sockets, in the notations of socket.Parse.
	Listen []string
	// AnswerEnvelope has the MTA wait for an answer at each RCPT and at DATA.
	AnswerEnvelope bool
	// RuleFiles hold the admin's own rules, ShadowFiles those that decide nothing.
	RuleFiles, ShadowFiles []string
	// DrainTimeout is how long a stop waits for messages in flight.
	DrainTimeout time.Duration

	Socket Socket
	DNS    DNS
	Policy Policy
	Trust  Trust
	// AuthorOverrides are what is done for an author domain and those below it,
	// instead of what the domain asks for.
	AuthorOverrides map[string]AuthorOverride
	DKIM            DKIM
	Exempt          Exempt
	Sign            Sign
	Seal            Seal
	Limits          Limits
	Control         Control
	Log             Log
	Metrics         Metrics
	Web             Web
	Peers           Peers
	Journal         Journal
	Report          Report
	Watch           Watch

	// origin is where each key was set. It lacks the keys with their default.
	origin map[string]origin
	// lists are those of the section lists, by name.
	lists map[string]List
	// empty are the files without an octet, of the main file and RuleFiles.
	empty []string
	// rules are those of the main file and of RuleFiles. shadow is the
	// configuration with ShadowFiles laid over it, nil if there are none.
	rules  []rule
	shadow *Config
}

// origin is the place that set a key: a line of a file, a variable or a flag.
type origin struct {
	file string
	line int // 0 for a variable and a flag
}

// String returns "FILE:LINE", the variable or the flag.
func (o origin) String() string {
	file := foreign.Terminal(o.file, maxShown)
	if o.line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(o.line)
}

// Default returns the configuration of an empty file.
func Default() *Config {
	c := &Config{}
	for _, k := range c.keys() {
		k.value.setDefault()
	}
	return c
}

// IsSet reports whether a file, a variable or a flag set the key.
func (c *Config) IsSet(key string) bool {
	_, ok := c.origin[key]
	return ok
}

// Place returns the line, the variable or the flag that set the key: "FILE:LINE", or "by default".
func (c *Config) Place(key string) string {
	if o, ok := c.origin[key]; ok {
		return o.String()
	}
	return "by default"
}

func (c *Config) setOrigin(key string, o origin) {
	if c.origin == nil {
		c.origin = map[string]origin{}
	}
	c.origin[key] = o
}
