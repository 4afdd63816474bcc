package config

import (
	"github.com/postvet/postvet/cmd/postvet/internal/keys/opendkim"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/rspamd"
)

// SignTables are the tables of opendkim that name keys. Tables are their contents.
type SignTables struct {
	SigningTable, KeyTable string
	Multiple               bool
	Tables                 *opendkim.Tables
}

// SignPaths name the files of keys as Rspamd does. Maps are the contents of the files.
type SignPaths struct {
	Path, Selector       string
	PathMap, SelectorMap string
	Maps                 *rspamd.Maps
}

// SignRedis is a Redis or Valkey server that has keys as Rspamd stores them.
type SignRedis struct {
	Address, CAFile, Username, PasswordFile string
	Database                                int
	Keys, Selectors, Selector               string
}

// SignSQL is a PostgreSQL database that has keys.
type SignSQL struct{ DSN, PasswordFile, CAFile, Query string }

// SignVault is a Vault or OpenBao server that has keys as Rspamd stores them.
type SignVault struct {
	URL, CAFile, Path, TokenFile, Namespace string
	KV                                      int
}

// SignShared is one key for every domain whose DNS names it.
type SignShared struct{ Selector, Key string }

func (s *Sign) sources() []section {
	return []section{
		{name: "sign.opendkim", comment: `Keys in the tables of opendkim, which are read as they are. It is asked for
domains that the sources above have no key for.`, keys: []key{
			{
				name: "signing_table", value: text(&s.OpenDKIM.SigningTable, "", checkTable),
				comment: `The SigningTable: "refile:/etc/opendkim/SigningTable" for one with patterns,
"file:" or the path alone for one without, "csl:" for a list. i= behind the
name of a key is left out. It is read again at a reload.`,
			},
			{
				name: "key_table", value: text(&s.OpenDKIM.KeyTable, "", checkTable),
				comment: `The KeyTable, such as "/etc/opendkim/KeyTable". Changed key files need no
reload.`,
			},
			{
				name: "multiple", value: truth(&s.OpenDKIM.Multiple, false),
				comment: `Sign by every line that fits (MultipleSignatures), not only by the first.`,
			},
		}},
		{name: "sign.rspamd", comment: `Keys in files that a template or a map of Rspamd names. It is asked for
domains that the sources above have no key for.`, keys: []key{
			{
				name: "path", value: text(&s.Rspamd.Path, "", checkTemplate),
				comment: `The file of a domain's key, such as
"/var/lib/rspamd/dkim/$domain.$selector.key". A domain without a file is not
signed.`,
			},
			{
				name: "selector", value: text(&s.Rspamd.Selector, "dkim", checkSelector),
				comment: `The selector of domains that selector_map does not have.`,
			},
			{
				name: "path_map", value: text(&s.Rspamd.PathMap, "", checkMapFile),
				comment: `A file with a domain and the path of its key in each line. Such a path may
have $domain and $selector too. It is read again at a reload.`,
			},
			{
				name: "selector_map", value: text(&s.Rspamd.SelectorMap, "", checkMapFile),
				comment: `A file with a domain and its selector in each line. It is read again at a
reload.`,
			},
		}},
		{name: "sign.redis", comment: `Keys in Redis or Valkey, as Rspamd and mailcow store them. An answer is used
for 5 minutes, and for a day while the server is away. It is asked for
domains that the sources above have no key for.`, keys: []key{
			{
				name: "address", value: text(&s.Redis.Address, "", checkServer),
				comment: `The server: "unix:/run/redis/redis.sock", "127.0.0.1:6379", or with TLS
"tls://redis.example.org:6379", which another machine needs.`,
			},
			{
				name: "ca_file", value: text(&s.Redis.CAFile, "", checkServerFile),
				comment: `The certificates that the server's must be signed by. Empty: those of the
system.`,
			},
			{name: "username", value: text(&s.Redis.Username, "", checkPlain), comment: `The user; empty for the default one.`},
			{
				name: "password_file", value: text(&s.Redis.PasswordFile, "", checkServerFile),
				comment: `A file that holds the password and nothing else. It is read at each
connection.`,
			},
			{name: "database", value: integer(&s.Redis.Database, 0, 0, 1_000_000), comment: `The number of the database.`},
			{
				name: "keys", value: text(&s.Redis.Keys, "DKIM_PRIV_KEYS", checkPlain),
				comment: `The hash that has the keys, by SELECTOR.DOMAIN (Rspamd's key_prefix).`,
			},
			{
				name: "selectors", value: text(&s.Redis.Selectors, "DKIM_SELECTORS", checkPlain),
				comment: `The hash that has the selectors by domain (selector_prefix). Empty: all have
the one of selector.`,
			},
			{
				name: "selector", value: text(&s.Redis.Selector, "dkim", checkSelector),
				comment: `The selector of domains that the hash does not have.`,
			},
		}},
		{name: "sign.sql", comment: `Keys in a PostgreSQL database. An answer is used for 5 minutes, and for a day
while the server is away. It is asked for domains that the sources above have
no key for.`, keys: []key{
			{
				name: "dsn", value: text(&s.SQL.DSN, "", checkDSN),
				comment: `The database: "host=/run/postgresql dbname=mail user=postvet", or
"postgres://postvet@db.example.org/mail". Over a network, the server's
certificate must be valid for its name. A password does not belong here.`,
			},
			{
				name: "password_file", value: text(&s.SQL.PasswordFile, "", checkServerFile),
				comment: `A file that holds the password and nothing else. It is read at each
connection.`,
			},
			{
				name: "ca_file", value: text(&s.SQL.CAFile, "", checkServerFile),
				comment: `The certificates that the server's must be signed by. Empty: those of the
system.`,
			},
			{
				name: "query", value: text(&s.SQL.Query, "SELECT selector, private_key FROM dkim WHERE domain = $1", checkQuery),
				comment: `A query that gives the selector and the private key for the domain $1, in a
row for each key. The first row is preferred.`,
			},
		}},
		{name: "sign.vault", comment: `Keys in Vault or OpenBao, as Rspamd stores them: a secret for each domain
whose field selectors lists selector, key, valid_start and valid_end. An
answer is used for 5 minutes, and for a day while the server is away. It is
asked for domains that the sources above have no key for.`, keys: []key{
			{
				name: "url", value: text(&s.Vault.URL, "", checkVaultURL),
				comment: `The server, such as "https://vault.example.org:8200".`,
			},
			{
				name: "ca_file", value: text(&s.Vault.CAFile, "", checkServerFile),
				comment: `The certificates that the server's must be signed by. Empty: those of the
system.`,
			},
			{
				name: "path", value: text(&s.Vault.Path, "dkim", checkVaultPath),
				comment: `The path of the secrets below /v1, without "data" for version 2.`,
			},
			{name: "kv", value: integer(&s.Vault.KV, 1, 1, 2), comment: `The version of the KV engine (1 or 2).`},
			{
				name: "token_file", value: text(&s.Vault.TokenFile, "", checkServerFile),
				comment: `A file that holds the token and nothing else, as an agent of Vault writes it.
It is read at each question.`,
			},
			{name: "namespace", value: text(&s.Vault.Namespace, "", checkPlain), comment: `The namespace; empty for none.`},
		}},
		{name: "sign.shared", comment: `One key for every domain whose DNS names it: such domains publish
SELECTOR._domainkey as a CNAME of yours. A domain that stops doing so is no
longer signed. It is asked for domains that the sources above have no key
for.`, keys: []key{
			{name: "selector", value: text(&s.Shared.Selector, "", checkSelector), comment: `The selector, such as "pv1".`},
			{
				name: "key", value: text(&s.Shared.Key, "", checkServerFile),
				comment: `The file of the key, such as "/etc/postvet/shared/pv1.pem".`,
			},
		}},
	}
}

// Signs reports whether messages are signed.
func (s *Sign) Signs() bool {
	return s.Keys != "" || len(s.Files) > 0 || s.OpenDKIM.KeyTable != "" || s.Rspamd.Path != "" || s.Rspamd.PathMap != "" ||
		s.Redis.Address != "" || s.SQL.DSN != "" || s.Vault.URL != "" || s.Shared.Key != ""
}

// sourceConflicts finds sources that are half set.
func (s *Sign) sourceConflicts(x *conflicts) {
	for _, p := range [][4]string{
		{"sign.opendkim.signing_table", s.OpenDKIM.SigningTable, "sign.opendkim.key_table", s.OpenDKIM.KeyTable},
		{"sign.shared.selector", s.Shared.Selector, "sign.shared.key", s.Shared.Key},
		{"sign.vault.url", s.Vault.URL, "sign.vault.token_file", s.Vault.TokenFile},
	} {
		switch {
		case p[1] != "" && p[3] == "":
			x.noEffect(p[0], p[2], "set "+p[2]+" too")
		case p[1] == "" && p[3] != "":
			x.noEffect(p[2], p[0], "set "+p[0]+" too")
		}
	}
	if s.Rspamd.SelectorMap != "" && s.Rspamd.Path == "" && s.Rspamd.PathMap == "" {
		x.noEffect("sign.rspamd.selector_map", "sign.rspamd.path", "set sign.rspamd.path too")
	}
}
