package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
)

// NamedFile is a file that the service reads or writes because a configuration names
// it.
type NamedFile struct {
	Path string
	// Key is the key that names it, and Place the line that sets the key.
	Key, Place string
	// Written reports that the service replaces the file, in its folder.
	Written bool
}

// beside returns the path of a file that a key names. A relative one begins in the
// directory of the file that sets the key.
func (c *Config) beside(key, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.origin[key].file), path)
}

// Files returns the files that the configuration names, each with the first key that
// does: files of rules, of entries and of logins, and those that are
// written.
func (c *Config) Files() []NamedFile {
	var all []NamedFile
	add := func(f NamedFile) {
		if !slices.ContainsFunc(all, func(o NamedFile) bool { return o.Path == f.Path }) {
			all = append(all, f)
		}
	}
	entries := func(key, place string, entries []string) {
		for _, e := range entries {
			if path, ok := strings.CutPrefix(strings.TrimPrefix(e, "!"), filePrefix); ok {
				add(NamedFile{Path: path, Key: key, Place: place})
			}
		}
	}
	relative := func(key string, files []string) {
		for _, name := range files {
			add(NamedFile{Path: c.beside(key, name), Key: key, Place: c.Place(key)})
		}
	}
	relative("rules", c.RuleFiles)
	relative("shadow_rules", c.ShadowFiles)
	for _, k := range c.keys() {
		if e, ok := k.value.(*entriesValue); ok {
			entries(k.name, c.Place(k.name), e.field.Entries)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.lists)) {
		key := listSection + "." + name
		entries(key, c.Place(key), c.lists[name].Entries)
	}
	for _, r := range c.rules {
		entries(ruleTable+" "+r.Name, r.origin.String(), r.files)
	}
	if c.shadow != nil {
		for _, f := range c.shadow.Files() {
			add(f)
		}
	}
	if c.Sign.LoginsFile != "" {
		relative("sign.logins", []string{c.Sign.LoginsFile})
	}
	if c.Web.UsersFile != "" {
		relative("web.users_file", []string{c.Web.UsersFile})
	}
	for _, f := range [][2]string{{"web.tls_cert", c.Web.TLSCert}, {"web.tls_key", c.Web.TLSKey}} {
		if f[1] != "" {
			relative(f[0], []string{f[1]})
		}
	}
	if c.DNS.TLSCA != "" {
		relative("dns.tls_ca", []string{c.DNS.TLSCA})
	}
	for _, f := range [][2]string{{"peers.certificate", c.Peers.Certificate}, {"peers.key", c.Peers.Key}, {"peers.ca_file", c.Peers.CAFile}} {
		if f[1] != "" {
			relative(f[0], []string{f[1]})
		}
	}
	if path, ok := strings.CutPrefix(c.Journal.Postgres, postgres.FilePrefix); ok {
		add(NamedFile{Path: path, Key: "journal.postgres", Place: c.Place("journal.postgres")})
	}
	if c.Report.AuthFile != "" {
		add(NamedFile{Path: c.Report.AuthFile, Key: "report.auth_file", Place: c.Place("report.auth_file")})
	}
	if c.Sign.State != "" {
		add(NamedFile{Path: c.Sign.State, Key: "sign.state", Place: c.Place("sign.state"), Written: true})
	}
	if c.DNS.Snapshot != "" {
		add(NamedFile{Path: c.DNS.Snapshot, Key: "dns.snapshot", Place: c.Place("dns.snapshot"), Written: true})
	}
	return all
}
