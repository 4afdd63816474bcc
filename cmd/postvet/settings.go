package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/policy/foreign"
)

// settings are the flags that stand for keys of the configuration.
type settings struct {
	file       string
	listen     []string
	resolvers  []string
	dnsTimeout string
	authservID string
	mode       string

	cmd *cobra.Command
}

func (s *settings) addFile(cmd *cobra.Command) {
	s.cmd = cmd
	cmd.Flags().StringVar(&s.file, "config", "", "configuration `FILE`")
}

func (s *settings) addDNS(cmd *cobra.Command) {
	s.cmd = cmd
	cmd.Flags().StringArrayVar(&s.resolvers, "resolver", nil, "resolver to ask, as `HOST:PORT` or address; repeatable (default the system's)")
	cmd.Flags().StringVar(&s.dnsTimeout, "dns-timeout", "", "`TIME` that one look-up may take with its retries (default 5s)")
}

func (s *settings) addAuthservID(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.authservID, "authserv-id", "", "`ID` in our Authentication-Results (default the host name)")
}

func (s *settings) addServe(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.listen, "listen", nil, "`ADDR` to listen on, such as inet:127.0.0.1:8890 or unix:/path; repeatable")
	cmd.Flags().StringVar(&s.mode, "mode", "", "`MODE` enforce or monitor (default enforce)")
}

// load reads the file, if there is one, and puts the flags over it.
func (s *settings) load() (*config.Config, error) {
	c := config.Default()
	if s.cmd.Flags().Lookup("config") != nil && s.cmd.Flags().Changed("config") {
		var err error
		if c, err = loadFile(s.file); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		flag, key string
		values    []string
	}{
		{"listen", "listen", s.listen},
		{"resolver", "dns.resolvers", s.resolvers},
		{"dns-timeout", "dns.timeout", []string{s.dnsTimeout}},
		{"authserv-id", "authserv_id", []string{s.authservID}},
		{"mode", "mode", []string{s.mode}},
	} {
		if !s.cmd.Flags().Changed(f.flag) {
			continue
		}
		if err := c.SetFlag("--"+f.flag, f.key, f.values...); err != nil {
			return nil, exit{exitUsage, err}
		}
	}
	if err := c.Check(); err != nil {
		return nil, exit{exitUsage, err}
	}
	return c, nil
}

// loadFile tells a file with faults (exit code 2) from one that cannot be read.
func loadFile(name string) (*config.Config, error) {
	c, err := config.Load(name)
	var faults config.Errors
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &faults):
		return nil, exit{exitUsage, err}
	}
	return nil, failed("%s; name a readable file, or write one with \"postvet config default\"", fileError(name, err))
}

// fileError says "NAME: what is wrong" without the system call.
func fileError(name string, err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Sprintf("%s: %v", cmp.Or(foreign.Terminal(name, foreign.Whole), `""`), err)
}
