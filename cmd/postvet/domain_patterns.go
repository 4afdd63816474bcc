package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/patterns"
)

// runObserved prints what was learned from the mail of a domain.
func (f *domainFlags) runObserved(cmd *cobra.Command, name string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	domain, ok := message.NormalizeDomain(strings.TrimSpace(name))
	if !ok {
		return usage("%q is no domain name; write one such as example.org", name)
	}
	source, c, err := f.patternSource()
	if err != nil {
		return err
	}
	dir := source.Dir
	if _, err := os.ReadDir(dir); err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(dir, err))
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), searchTime)
	defer cancel()
	now := time.Now()
	var p *domainhistory.Patterns
	known, _, err := source.Known(ctx, now)
	if err == nil {
		p, err = domainhistory.ReadPatterns(ctx, source, domain, now, known)
	}
	if err != nil {
		return failed("%s; name the directory of the journal with --journal", fileError(dir, err))
	}
	if p == nil {
		return failed("nothing was learned of %s: in the last %d days no mail of it passed DMARC here", domain, patterns.Days)
	}
	p.Used = c == nil || c.Policy.Observed && !c.Policy.ObservedExcept.Set.At(now).Name(domain)
	return output(f.print(cmd.OutOrStdout(), screen, p))
}

// patternSource returns the journal, and the configuration unless --journal names the directory
// alone.
func (f *domainFlags) patternSource() (s service.PatternSource, c *config.Config, err error) {
	if f.cmd.Flags().Changed("journal") {
		return service.PatternSource{Dir: f.journal}, nil, nil
	}
	switch c, err = f.serviceConfig(); {
	case err != nil:
		return s, nil, err
	case c == nil || c.Journal.Directory == "":
		return s, nil, usage("there is no journal; name its directory with --journal, or the service's file with --config")
	}
	return service.NewPatternSource(c), c, nil
}

// serviceConfig returns the configuration of --config, or that of the package's file; nil if
// there is neither.
func (f *domainFlags) serviceConfig() (*config.Config, error) {
	if f.cmd.Flags().Changed("config") {
		return f.load()
	}
	if _, err := os.Stat(packagedConfig); err != nil {
		return nil, nil
	}
	return loadFile(packagedConfig)
}
