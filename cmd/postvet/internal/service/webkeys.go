package service

import (
	"context"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/web"
)

const (
	// keysShown bounds the keys that the page lists, and keysAsked those of them about which
	// the DNS is asked, within keysTime.
	keysShown, keysAsked = 200, 50
	keysTime             = 3 * time.Second
)

// Keys implements web.Keys.
func (s webSource) Keys(ctx context.Context) web.KeyRing {
	c, signing := s.d.config(), s.d.signing.Load()
	rotation := &c.Sign.Rotation
	ring := web.KeyRing{
		Signs: signing != nil, Dir: c.Sign.Keys, Elsewhere: keysElsewhere(c), EverySeconds: rotation.Every.Seconds(), Publishes: rotation.Publish != "",
		Keys: []web.SigningKey{},
	}
	if signing == nil {
		return ring
	}
	entries := keysOfFiles(c)
	if c.Sign.Keys != "" {
		listed, err := keys.List(c.Sign.Keys, signing.options.Strict)
		if err != nil {
			ring.Problem = err.Error()
		}
		entries = append(entries, listed...)
	}
	ctx, cancel := context.WithTimeout(ctx, keysTime)
	defer cancel()
	for i, e := range entries {
		if i == keysShown {
			ring.More = len(entries) - i
			break
		}
		k := keyOf(e, signing.source.States(), rotation.Every)
		if e.Key != nil && i < keysAsked && ctx.Err() == nil {
			s.seen(ctx, e.Key, entries, &k)
		}
		ring.Keys = append(ring.Keys, k)
	}
	return ring
}

// seen sets what the DNS shows of a key.
func (s webSource) seen(ctx context.Context, key *keys.Key, all []keys.Entry, k *web.SigningKey) {
	found := keys.Check(ctx, &s.d.dns, key, all)
	k.Asked, k.Shown = true, true
	for _, f := range found {
		switch {
		case f.DNSFailure:
			k.Asked = false
		case f.Severity == finding.Error:
			k.Shown = false
		case f.Severity == finding.OK:
			continue
		}
		k.Says = append(k.Says, f.Text)
	}
}

// keyOf returns a key with what its states say.
func keyOf(e keys.Entry, all *states.States, every time.Duration) web.SigningKey {
	k := web.SigningKey{Domain: e.Domain, Selector: e.Selector, Says: []string{}}
	if e.Err != nil {
		k.Problem = e.Err.Error()
	}
	if e.Key == nil {
		return k
	}
	k.Type, k.Bits, k.Made, k.Name = e.Key.Type(), e.Key.Bits(), e.Key.Changed, e.Key.Name()
	k.Record, _ = e.Key.WriteRecord(keys.FormBIND) // it has this form
	k.Record = strings.TrimSpace(k.Record)
	state, _ := all.Get(states.ID(e.Key.Fingerprint(), e.Key.Name()))
	k.State, k.Since, k.Signed, k.WaitsFor = string(state.Now()), state.Since, state.Signed, state.Problem
	if every > 0 && state.Now() == states.Active && !state.Since.IsZero() {
		k.Next = state.Since.Add(every)
	}
	return k
}

// keysOfFiles returns the keys of sign.files.
func keysOfFiles(c *config.Config) []keys.Entry {
	var list []keys.Entry
	for _, f := range c.Sign.Files {
		part := strings.SplitN(f, ":", 3) // checked when it was read
		e := keys.Entry{Domain: part[0], Selector: part[1], Path: part[2]}
		signer, _, err := keys.ReadFile(e.Path, c.Sign.KeyPermissions == config.KeyPermissionsStrict)
		if err == nil {
			e.Key, err = keys.NewKey(e.Domain, e.Selector, e.Path, signer)
		}
		e.Err = err
		list = append(list, e)
	}
	return list
}

// keysElsewhere names the sections whose keys are not listed.
func keysElsewhere(c *config.Config) []string {
	list := []string{}
	for _, x := range []struct {
		name string
		used bool
	}{
		{"sign.opendkim", c.Sign.OpenDKIM.Tables != nil},
		{"sign.rspamd", c.Sign.Rspamd.Maps != nil},
		{"sign.redis", c.Sign.Redis.Address != ""},
		{"sign.sql", c.Sign.SQL.DSN != ""},
		{"sign.vault", c.Sign.Vault.URL != ""},
		{"sign.shared", c.Sign.Shared.Key != ""},
	} {
		if x.used {
			list = append(list, x.name)
		}
	}
	return list
}
