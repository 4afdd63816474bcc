package service

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
	"github.com/postvet/postvet/policy/dmarc"
)

// domainWatch watches the domains of a configuration. It goes on from what the watch before
// it has seen.
type domainWatch struct {
	config  *config.Config
	watcher atomic.Pointer[watch.Watcher] // nil until the one before has ended
}

// watchDomains begins to watch the domains of a configuration. The watch before is ended.
func (d *daemon) watchDomains(c *config.Config, authservID string) {
	if !c.Watch.Watches() {
		d.domains.Store(nil)
		d.watching.replace(nil)
		return
	}
	next, o := &domainWatch{config: c}, d.watchOptions(c, authservID)
	before := d.domains.Swap(next)
	d.watching.replace(func(ctx context.Context) { next.run(ctx, before, o) })
}

// run watches until the context ends. The watch before, nil for none, has ended.
func (w *domainWatch) run(ctx context.Context, before *domainWatch, o watch.Options) {
	if before != nil {
		o.Before = before.watcher.Load()
	}
	watcher, err := watch.New(o)
	if err != nil {
		o.Log.Warn("the state of watched domains is not read; what was told may be told again", zap.Error(err))
	}
	w.watcher.Store(watcher)
	watcher.Run(ctx)
}

// stopWatch ends the watch, and waits for the end for a moment.
func (d *daemon) stopWatch() {
	d.domains.Store(nil)
	d.watching.stop(stopPause)
}

// watchOptions returns the options of a configuration.
func (d *daemon) watchOptions(c *config.Config, authservID string) watch.Options {
	o := watch.Options{
		Resolver: &d.dns, Domains: c.Watch.Domains, DMARC: dmarc.Options{Discovery: c.Policy.OrganizationalDomain},
		Every: c.Watch.Every, Repeat: c.Watch.Repeat, File: c.Watch.State, Daily: c.Watch.MailWhen == config.WatchMailDaily,
		Selectors: func(domain string) []string { return signingSelectors(c, domain) }, Log: d.log.Named("watch"),
	}
	if c.Watch.Own {
		o.More = func() []string { return ownDomains(c) }
	}
	if c.Watch.Mail != "" {
		o.Mail = watchMail(c, authservID)
	}
	return o
}

// ownDomains returns our own domains, and those with keys that sign.
func ownDomains(c *config.Config) []string {
	names := c.OwnNames(time.Now())
	if c.Sign.Keys != "" {
		entries, _ := keys.List(c.Sign.Keys, false) // what is wrong with them is told elsewhere
		for _, e := range entries {
			names = append(names, e.Domain)
		}
	}
	return names
}

// signingSelectors returns the selectors of a domain's keys that sign.
func signingSelectors(c *config.Config, domain string) (selectors []string) {
	for _, f := range c.Sign.Files {
		if part := strings.SplitN(f, ":", 3); part[0] == domain {
			selectors = append(selectors, part[1])
		}
	}
	if c.Sign.Keys != "" {
		entries, _ := keys.ListDomain(c.Sign.Keys, domain, false)
		for _, e := range entries {
			selectors = append(selectors, e.Selector)
		}
	}
	slices.Sort(selectors)
	return slices.Compact(selectors)
}

// watchMail returns what hands mail to the server that takes reports.
func watchMail(c *config.Config, authservID string) func(ctx context.Context, subject, text string) error {
	from := c.Watch.From
	if from == "" {
		from = "postvet@" + authservID
	}
	return func(ctx context.Context, subject, text string) error {
		return submitMail(ctx, c, authservID, from, c.Watch.Mail, subject, text)
	}
}

// describeWatch returns the watched domains for a status; nil if none are watched.
func (d *daemon) describeWatch() *control.Domains {
	w := d.domains.Load()
	if w == nil {
		return nil
	}
	out := &control.Domains{ByVerdict: map[string]int{}, Faulty: []control.Faulty{}}
	watcher := w.watcher.Load()
	if watcher == nil {
		return out
	}
	s := watcher.Stats()
	for v, n := range s.Domains {
		out.ByVerdict[cmp.Or(string(v), "waiting")] = n
	}
	for name, n := range s.Errors {
		if out.Errors += n; n > 0 {
			out.Faulty = append(out.Faulty, control.Faulty{Domain: name, Errors: n})
		}
	}
	slices.SortFunc(out.Faulty, func(a, b control.Faulty) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), strings.Compare(a.Domain, b.Domain))
	})
	out.Faulty = out.Faulty[:min(len(out.Faulty), control.MaxFaulty)]
	out.LastCheck, out.Unsaved, out.Unsent = s.Checked, s.Unsaved, s.Unsent
	return out
}

// watchStats returns the numbers of watched domains; zero if none are watched.
func (d *daemon) watchStats() metrics.WatchStats {
	w := d.domains.Load()
	if w == nil {
		return metrics.WatchStats{}
	}
	watcher := w.watcher.Load()
	if watcher == nil {
		return metrics.WatchStats{}
	}
	s := watcher.Stats()
	m := metrics.WatchStats{
		Domains: map[string]int{}, Checks: map[string]uint64{}, Events: map[string]uint64{},
		Mails: s.Mails, MailsFailed: s.MailsFailed, Oldest: s.Oldest,
	}
	for v, n := range s.Domains {
		m.Domains[string(v)] = n
	}
	for v, n := range s.Checks {
		m.Checks[string(v)] = n
	}
	for k, n := range s.Events {
		m.Events[string(k)] = n
	}
	seen := map[string]bool{}
	for _, name := range w.config.Watch.Domains {
		if n, ok := s.Errors[name]; ok && !seen[name] {
			seen[name] = true
			m.Errors = append(m.Errors, metrics.DomainErrors{Domain: name, Errors: n})
		}
	}
	return m
}
