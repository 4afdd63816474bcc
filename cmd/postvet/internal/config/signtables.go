package config

import (
	"errors"
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/opendkim"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/rspamd"
	"github.com/postvet/postvet/policy/foreign"
)

// loadSignTables reads the tables and maps that name keys.
func (c *Config) loadSignTables() error {
	if err := c.loadOpenDKIM(); err != nil {
		return err
	}
	p := &c.Sign.Rspamd
	if p.Path == "" && p.PathMap == "" {
		return nil
	}
	maps, err := rspamd.Load(rspamd.Options{Path: p.Path, Selector: p.Selector, PathMap: c.beside("sign.rspamd.path_map", p.PathMap), SelectorMap: c.beside("sign.rspamd.selector_map", p.SelectorMap)})
	if err != nil {
		at := c.origin["sign.rspamd.path_map"]
		return Errors{{File: at.file, Line: at.line, Key: "sign.rspamd", Problem: foreign.Terminal(err.Error(), maxTable), Remedy: "mend the map"}}
	}
	p.Maps = maps
	return nil
}

// maxTable bounds the text of a fault in a table, in octets.
const maxTable = 400

func (c *Config) loadOpenDKIM() error {
	t := &c.Sign.OpenDKIM
	if t.KeyTable == "" {
		return nil
	}
	tables, err := opendkim.Load(opendkim.Options{SigningTable: t.SigningTable, KeyTable: t.KeyTable, Multiple: t.Multiple, Check: func(key []byte) error {
		_, err := keys.Parse(key)
		return err
	}})
	var faults *opendkim.Faults
	if errors.As(err, &faults) {
		return c.tableFaults(faults)
	}
	t.Tables = tables
	return err
}

// tableFaults turns the faults of tables into those of a configuration. One of a list in
// the configuration itself has its place.
func (c *Config) tableFaults(faults *opendkim.Faults) Errors {
	var errs Errors
	for _, f := range faults.List {
		e := &Error{File: foreign.Terminal(f.File, maxShown), Line: f.Line, Problem: foreign.Terminal(f.Problem, maxTable), Remedy: foreign.Terminal(f.Remedy, maxTable)}
		if f.File == "" {
			at := c.origin["sign.opendkim.signing_table"]
			e.File, e.Line, e.Key = at.file, at.line, "sign.opendkim"
		}
		errs = append(errs, e)
	}
	if faults.More > 0 {
		at := c.origin["sign.opendkim.key_table"]
		errs = append(errs, &Error{File: at.file, Line: at.line, Key: "sign.opendkim", Problem: fmt.Sprintf("%d more lines of the tables are wrong", faults.More), Remedy: "look whether these are the right files"})
	}
	return errs
}

// signWarnings are lines of tables that do something else than one may think.
func (c *Config) signWarnings() Errors {
	var list Errors
	if t := c.Sign.OpenDKIM.Tables; t != nil {
		for _, f := range t.Findings {
			list = append(list, &Error{File: foreign.Terminal(f.File, maxShown), Line: f.Line, Problem: foreign.Terminal(f.Problem, maxTable), Remedy: foreign.Terminal(f.Remedy, maxTable)})
		}
	}
	return list
}
