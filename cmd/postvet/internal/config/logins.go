package config

import (
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/sign"
)

// loadLogins reads the file of sign.logins.
func (c *Config) loadLogins() error {
	const key = "sign.logins"
	name := c.beside(key, c.Sign.LoginsFile)
	if name == "" {
		return nil
	}
	at := c.origin[key]
	text, problem := readList(name)
	if problem != "" {
		return Errors{{File: at.file, Line: at.line, Key: key, Problem: problem, Remedy: "name a readable file with an address and its logins in each line"}}
	}
	table, err := sign.ParseLogins(text)
	if err != nil {
		return Errors{{File: at.file, Line: at.line, Key: key, Problem: foreign.Terminal(name+": "+err.Error(), maxShown), Remedy: "write an address or @domain, white space, and its logins"}}
	}
	c.Sign.Logins = table
	return nil
}
