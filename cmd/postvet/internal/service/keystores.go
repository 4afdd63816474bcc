package service

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/redis"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/sql"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/vault"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// KeyStores are the places of the keys that a configuration names.
type KeyStores struct {
	chain keys.Chain
	parts map[string]part // by what they are and how they are set
}

// part is a place that outlives a reload which does not change it.
type part struct {
	store keys.Store
	files *keys.Files
	close func()
}

// closeAfter is how long messages may still use a place that a reload has dropped.
const closeAfter = time.Minute

// NewKeyStores returns the places that a configuration names. It takes those of before
// over that are the same, and closes the others in a while; before may be nil.
func NewKeyStores(c *config.Config, r policy.Resolver, before *KeyStores) *KeyStores {
	s := &KeyStores{parts: map[string]part{}}
	if before == nil {
		before = &KeyStores{}
	}
	strict := c.Sign.KeyPermissions == config.KeyPermissionsStrict
	// keep returns a part of before, or a new one.
	keep := func(what string, open func() part) part {
		p, known := before.parts[what]
		if !known {
			p = open()
		}
		s.parts[what] = p
		if p.store != nil {
			s.chain = append(s.chain, p.store)
		}
		return p
	}
	files := keep(fmt.Sprintf("files %t", strict), func() part { return part{files: keys.NewFiles(strict)} }).files
	if len(c.Sign.Files) > 0 {
		s.chain = append(s.chain, keys.InTable(listed(c.Sign.Files), files))
	}
	if dir := c.Sign.Keys; dir != "" {
		keep(fmt.Sprintf("directory %t %s", strict, dir), func() part { return part{store: keys.NewFolder(dir, strict)} })
	}
	if t := c.Sign.OpenDKIM.Tables; t != nil {
		s.chain = append(s.chain, keys.InTable(t, files))
	}
	if m := c.Sign.Rspamd.Maps; m != nil {
		s.chain = append(s.chain, keys.InTable(m, files))
	}
	server := func(name string, settings any, open func() keys.Server) {
		keep(fmt.Sprintf("%s %+v", name, settings), func() part {
			o := open()
			return part{store: keys.OnServer(name, o), close: o.Close}
		})
	}
	if o := c.Sign.Redis; o.Address != "" {
		server("sign.redis", o, func() keys.Server {
			return redis.New(redis.Options{
				Address: o.Address, CAFile: o.CAFile, Username: o.Username, PasswordFile: o.PasswordFile,
				Database: o.Database, Keys: o.Keys, Selectors: o.Selectors, Selector: o.Selector,
			})
		})
	}
	if o := c.Sign.SQL; o.DSN != "" {
		server("sign.sql", o, func() keys.Server {
			return sql.New(sql.Options{DSN: o.DSN, PasswordFile: o.PasswordFile, CAFile: o.CAFile, Query: o.Query})
		})
	}
	if o := c.Sign.Vault; o.URL != "" {
		server("sign.vault", o, func() keys.Server {
			return vault.New(vault.Options{URL: o.URL, CAFile: o.CAFile, Path: o.Path, KV: o.KV, TokenFile: o.TokenFile, Namespace: o.Namespace})
		})
	}
	if o := c.Sign.Shared; o.Key != "" {
		keep(fmt.Sprintf("sign.shared %t %+v", strict, o), func() part { return part{store: keys.NewShared(files, o.Key, o.Selector, r)} })
	}
	before.closeLater(s)
	return s
}

// Store returns all places in their order.
func (s *KeyStores) Store() keys.Store { return s.chain }

// CloseLater ends the connections of all places in a while.
func (s *KeyStores) CloseLater() { s.closeLater(&KeyStores{}) }

// closeLater ends the connections of the places that next does not have.
func (s *KeyStores) closeLater(next *KeyStores) {
	for what, p := range s.parts {
		if _, kept := next.parts[what]; !kept && p.close != nil {
			time.AfterFunc(closeAfter, p.close)
		}
	}
}

// listed are the keys of sign.files.
type listed []string

func (l listed) Keys(author message.Mailbox) []stored.Key {
	var list []stored.Key
	for _, s := range l {
		part := strings.SplitN(s, ":", 3) // checked when it was read
		if part[0] == author.Domain {
			list = append(list, stored.Key{Domain: part[0], Selector: part[1], Path: part[2]})
		}
	}
	return list
}
