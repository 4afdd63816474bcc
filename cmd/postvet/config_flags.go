package main

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/dnscache"
)

// configFlags are the flags that stand for keys of the configuration.
type configFlags struct {
	file       string
	listen     []string
	resolvers  []string
	dnsTimeout string
	tlsCA      string
	authservID string
	mode       string
	leaveMode  bool // --mode is not for the configuration that load returns

	cmd *cobra.Command
}

func (f *configFlags) addFile(cmd *cobra.Command) {
	f.cmd = cmd
	cmd.Flags().StringVar(&f.file, "config", "", "configuration `FILE`")
}

func (f *configFlags) addDNS(cmd *cobra.Command) {
	f.cmd = cmd
	cmd.Flags().StringArrayVar(&f.resolvers, "resolver", nil, "resolver to ask, as `HOST:PORT` or address; repeatable (default the system's)")
	cmd.Flags().StringVar(&f.tlsCA, "tls-ca", "", "`FILE` with the authorities that may certify resolvers over TLS (default the system's)")
	cmd.Flags().StringVar(&f.dnsTimeout, "dns-timeout", "", "`TIME` that one lookup may take with its retries (default 5s)")
}

func (f *configFlags) addAuthservID(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.authservID, "authserv-id", "", "`ID` in our Authentication-Results (default the host name)")
}

func (f *configFlags) addServe(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.listen, "listen", nil, "`ADDR` to listen on, such as inet:127.0.0.1:8890 or unix:/path; repeatable")
	cmd.Flags().StringVar(&f.mode, "mode", "", "`MODE` enforce or monitor (default enforce)")
}

// load returns the configuration of the file, if one is named, of the environment, which
// wins over the file, and of the flags, which win over both.
func (f *configFlags) load() (*config.Config, error) {
	var c *config.Config
	var err error
	if f.cmd.Flags().Lookup("config") != nil && f.cmd.Flags().Changed("config") {
		c, err = loadFile(f.file)
	} else {
		c, err = loadEnvironment()
	}
	if err != nil {
		return nil, err
	}
	for _, one := range []struct {
		flag, key string
		values    []string
	}{
		{"listen", "listen", f.listen},
		{"resolver", "dns.resolvers", f.resolvers},
		{"dns-timeout", "dns.timeout", []string{f.dnsTimeout}},
		{"tls-ca", "dns.tls_ca", []string{f.tlsCA}},
		{"authserv-id", "authserv_id", []string{f.authservID}},
		{"mode", "mode", []string{f.mode}},
	} {
		if !f.cmd.Flags().Changed(one.flag) || one.flag == "mode" && f.leaveMode {
			continue
		}
		if err := c.SetFlag("--"+one.flag, one.key, one.values...); err != nil {
			return nil, exit{exitUsage, err}
		}
	}
	if err := c.Check(); err != nil {
		return nil, exit{exitUsage, err}
	}
	return c, nil
}

// longestTTL is the greatest dns.max_ttl.
const longestTTL = 168 * time.Hour

// resolver returns the resolver of the configuration, which the caller closes. It keeps
// TTLs as they are, as far as it can: they are shown.
func (f *configFlags) resolver() (*dnscache.Resolver, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	c.DNS.MinTTL, c.DNS.MaxTTL = 0, longestTTL
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	return resolver, nil
}

// loadEnvironment returns the configuration without a file.
func loadEnvironment() (*config.Config, error) {
	c, err := config.FromEnvironment(os.Environ())
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return c, nil
}

// loadFile reads a configuration, over which the variables of the environment win. A
// file with faults is wrong usage (exit code 2); one that cannot be read is not.
func loadFile(name string) (*config.Config, error) {
	c, err := config.LoadWith(name, os.Environ())
	var faults config.Errors
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &faults):
		return nil, exit{exitUsage, err}
	}
	return nil, failed("%s; name a readable file, or write one with \"postvet config default\"", fileError(name, err))
}
