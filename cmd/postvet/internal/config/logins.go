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
	text, problem := readList(name)
	if problem != "" {
		return Errors{c.fault(key, problem, "name a readable file with an address and its logins in each line")}
	}
	table, err := sign.ParseLogins(text)
	if err != nil {
		return Errors{c.fault(key, foreign.Terminal(name+": "+err.Error(), maxShown), "write an address or @domain, white space, and its logins")}
	}
	c.Sign.Logins = table
	return nil
}
