//go:build linux

package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// What the signers sign as.
const (
	signingDomain   = "own.example"
	signingSelector = "s1"
	signingLogin    = "news@" + signingDomain
	dkimpyBin       = "/usr/bin/dkimpy-milter"
)

// signers returns the contestants that sign, all with the same key.
func signers(key *rsa.PrivateKey) []contestant {
	der, _ := x509.MarshalPKCS8PrivateKey(key) // an RSA key always marshals
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	// keyed writes the key where a program of that user may read it, and its configuration.
	keyed := func(p *place, file, conf, user string) (string, error) {
		file = filepath.Join(p.dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", err
		}
		if user != "" {
			if err := chown(file, user); err != nil {
				return "", err
			}
		}
		return p.write(conf, "@KEY@", file, "@DOMAIN@", signingDomain, "@SELECTOR@", signingSelector)
	}
	return []contestant{
		{name: "postvet", start: func(p *place) ([]program, error) {
			conf, err := keyed(p, filepath.Join("keys", signingDomain, signingSelector+".pem"), "postvet-sign.toml", "")
			return []program{{[]string{p.bin + "/postvet", "serve", "--config", conf}, p.socket("postvet")}}, err
		}},
		{name: "rspamd", needs: []string{rspamdBin}, packages: "rspamd", primes: true, start: func(p *place) ([]program, error) {
			conf, err := keyed(p, "rspamd.pem", "rspamd-sign.conf", "_rspamd")
			return []program{{[]string{rspamdBin, "-f", "-c", conf, "-u", "_rspamd", "-g", "_rspamd"}, p.socket("rspamd")}}, err
		}},
		{name: "opendkim", needs: []string{opendkimBin}, packages: "opendkim", start: func(p *place) ([]program, error) {
			conf, err := keyed(p, "opendkim.pem", "opendkim-sign.conf", "")
			return []program{{[]string{opendkimBin, "-f", "-x", conf}, p.socket("opendkim")}}, err
		}},
		{name: "dkimpy-milter", needs: []string{dkimpyBin}, packages: "dkimpy-milter", start: func(p *place) ([]program, error) {
			conf, err := keyed(p, "dkimpy.pem", "dkimpy-milter.conf", "")
			return []program{{[]string{dkimpyBin, conf}, p.socket("dkimpy")}}, err
		}},
	}
}

// signing returns the corpus as mail of our own users, who have logged in: without the
// signatures and the way of the messages, and by one author.
func (c *Corpus) signing() []Case {
	all := make([]Case, len(c.Cases))
	for i, from := range c.Cases {
		all[i] = Case{
			Kind: "own", Client: Client{IP: "192.0.2.77", Host: "[192.0.2.77]", Helo: "pc.own.example"},
			MailFrom: signingLogin, Rcpt: from.Rcpt, Login: signingLogin, Body: from.Body,
			Fields: []Field{{"From", " Some Sender <" + signingLogin + ">"}},
		}
		for _, f := range from.Fields {
			switch f.Name {
			case "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "X-Mailer":
				all[i].Fields = append(all[i].Fields, f)
			}
		}
	}
	return all
}

// chown gives a file to a user.
func chown(file, user string) error {
	uid, err := userID(user)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return os.Chown(file, uid, -1)
}

// signingZone returns the record of the signers' key for the zone.
func signingZone(key *rsa.PublicKey) string {
	return dnstest.TXT(signingSelector+"._domainkey."+signingDomain, recordOf(key))
}
