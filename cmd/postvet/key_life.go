package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxLife bounds the time of a command that changes a key.
const maxLife = 5 * time.Minute

// life is what a command about the life of keys works with.
type life struct {
	config *config.Config
	o      rotation.Options
	ctx    context.Context
	close  func()
}

// addLife adds the flags of commands about the life of keys.
func (f *keyFlags) addLife(cmd *cobra.Command) {
	f.add(cmd)
	f.addDNS(cmd)
	f.addState(cmd)
	cmd.Flags().StringArrayVar(&f.nameServers, "name-server", nil, "name server to ask instead of those of the zone, as `HOST` or HOST:PORT; repeatable")
}

func (f *keyFlags) addState(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.state, "state", "", "`FILE` of the states of keys (default sign.state of the configuration)")
}

// life opens what the command needs. The caller closes it. Without a file of states, it
// is an error if one is needed: the service would not know of the change.
func (f *keyFlags) life(cmd *cobra.Command, needsState bool) (*life, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	if c.Sign.Keys, err = f.directory(); err != nil {
		return nil, err
	}
	if f.state != "" {
		c.Sign.State = f.state
	}
	if len(f.nameServers) > 0 {
		c.Sign.Rotation.NameServers = f.nameServers
	}
	if c.Sign.State == "" && needsState {
		return nil, usage("no file keeps the states of keys, so that the service would not know; name it with --state, or its configuration with --config")
	}
	source, err := keys.Open(service.KeyOptions(c))
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	o, err := service.RotationOptions(c, source, resolver, nil)
	if err != nil {
		_ = resolver.Close()
		return nil, exit{exitUsage, err}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), maxLife)
	return &life{c, o, ctx, func() { cancel(); _ = resolver.Close() }}, nil
}

// key returns the key of a domain and selector. Without a selector, the domain must have one
// key.
func (l *life) key(domain, selector string) (*keys.Key, error) {
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return nil, usage("%q is no domain name; write one such as example.org", domain)
	}
	entries, err := keys.ListDomain(l.o.Dir, name, l.o.Strict)
	if err != nil {
		return nil, answerNo("%s has no key for %s; make one with postvet key new %s", l.o.Dir, name, name)
	}
	var found []keys.Entry
	for _, e := range entries {
		if selector == "" || e.Selector == selector {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 0:
		return nil, answerNo("%s has no key with the selector %s", name, foreign.Word(selector, 100))
	case len(found) > 1:
		return nil, usage("%s has %d keys; name one with --selector, see postvet key list", name, len(found))
	case found[0].Err != nil:
		return nil, exit{exitNo, found[0].Err}
	}
	return found[0].Key, nil
}

// ended returns the exit of an error: 1 if the state of the key or of the DNS forbids it, 3 if
// something failed.
func ended(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rotation.ErrOnly):
		return answerNo("%v, so that its mail would be unsigned; rotate it, or repeat this with --force", err)
	case errors.Is(err, rotation.ErrShown):
		return answerNo("%v; remove the record, and then repeat this", err)
	case errors.Is(err, rotation.ErrEarly), errors.Is(err, rotation.ErrState):
		return exit{exitNo, err}
	}
	return exit{exitFailed, err}
}

// selectorFlag adds --selector.
func selectorFlag(cmd *cobra.Command, selector *string) {
	cmd.Flags().StringVar(selector, "selector", "", "`SELECTOR` of the key (default that of the only key)")
}

// say tells a person what was done.
func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}
