//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// AuthservID is the name of Postvet at a Site.
const AuthservID = "mx." + Domain

// SiteOptions describe a Site.
type SiteOptions struct {
	// MTA is "Postfix" or "Sendmail".
	MTA string
	// Binary is postvet, see Build.
	Binary string
	// Zone is what the site's DNS server serves.
	Zone *Zone
	// Milter is "unix" (default) or "inet".
	Milter string
	// Config are lines above the first section of Postvet's configuration.
	Config []string
	// Policy are lines for the section [policy] of Postvet's configuration.
	Policy []string
	// DNSTimeout is how long Postvet waits for an answer of the DNS. The default
	// is so long that an answer is late only where the zone is silent.
	DNSTimeout time.Duration
	// Shadow is the text of the file for the shadow policy, whose rules decide
	// nothing; "" for no shadow policy.
	Shadow string
	// Sign are lines for the section [sign]. Unless there are none, Postvet has the keys of
	// Good, Umlaut and Branch, and signs with them.
	Sign []string
	// Sections, if set, are the sections [exempt], [sign] and [seal] of Postvet's configuration
	// in the place of those above. KEYS stands for the directory with the keys.
	Sections string
	// More are further sections of Postvet's configuration.
	More string
	// MTAConfig is Options.Config of the MTA.
	MTAConfig []string
	// MTAServices is Options.Services of the MTA.
	MTAServices []string
	// Passed has the site hold the listening socket and pass it to each new
	// Postvet, as systemd does for a socket unit.
	Passed bool
}

// Site is an MTA with Postvet as its milter and a DNS server that Postvet queries.
type Site struct {
	MTA
	Postvet *Daemon
	DNS     *dnstest.Server
	Zone    *Zone
	dir     string
	options SiteOptions
}

// Missing returns what the MTA of that name lacks to run here.
func Missing(mta string) []string {
	if mta == "Postfix" {
		return MissingPostfix()
	}
	return MissingSendmail()
}

// StartSite starts all three. ctx bounds the start alone.
func StartSite(ctx context.Context, o SiteOptions) (*Site, error) {
	if o.DNSTimeout == 0 {
		o.DNSTimeout = 20 * time.Second
	}
	s := &Site{Zone: o.Zone, options: o}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Site) start(ctx context.Context, o SiteOptions) error {
	var err error
	if s.dir, err = makeFolder("", "site"); err != nil {
		return err
	}
	if s.DNS, err = dnstest.NewServer(o.Zone.Text()); err != nil {
		return err
	}
	mo := Options{Milter: o.Milter, Config: o.MTAConfig, Services: o.MTAServices}
	if mo.Milter == "" {
		mo.Milter = "unix"
	}
	// It is assigned only when it runs: a nil *Postfix in the interface is not
	// nil.
	switch o.MTA {
	case "Postfix":
		p, err := StartPostfix(ctx, mo)
		if err != nil {
			return err
		}
		s.MTA = p
	case "Sendmail":
		m, err := StartSendmail(ctx, mo)
		if err != nil {
			return err
		}
		s.MTA = m
	default:
		return fmt.Errorf("realmta: no MTA %q", o.MTA)
	}
	config := filepath.Join(s.dir, "postvet.toml")
	s.Postvet = newDaemon(o.Binary, config, s.MilterListen(), filepath.Join(s.dir, "postvet.log"))
	if o.Passed {
		if err := s.hold(); err != nil {
			return err
		}
	}
	if len(o.Sign) > 0 || o.Sections != "" {
		if err := o.Zone.storeKeys(s.keys()); err != nil {
			return err
		}
	}
	if err := s.Configure(o.Policy...); err != nil {
		return err
	}
	return s.Postvet.Start(ctx)
}

// hold opens the socket that each new Postvet gets.
func (s *Site) hold() error {
	group := -1
	if s.Name() == "Postfix" {
		g, err := user.LookupGroup("postfix")
		if err != nil {
			return fmt.Errorf("realmta: %w", err)
		}
		if group, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	var err error
	s.Postvet.passed, err = holdSocket(s.MilterListen(), group)
	return err
}

// keys returns the directory of the keys that sign.
func (s *Site) keys() string { return filepath.Join(s.dir, "keys") }

// KeyFile returns the file of Good's key that signs.
func (s *Site) KeyFile() string { return s.KeyFileOf(Good) }

// KeyFileOf returns the file of the RSA key of a domain.
func (s *Site) KeyFileOf(domain string) string {
	return filepath.Join(s.keys(), domain, Selector+".pem")
}

// Configure writes Postvet's configuration with these lines in its section
// [policy]. A running Postvet reads it at SIGHUP.
func (s *Site) Configure(policy ...string) error {
	// Most cases are about something else than what speaks for a forgery.
	if !slices.ContainsFunc(policy, func(l string) bool { return strings.HasPrefix(l, "on_reject") }) {
		policy = append([]string{`on_reject = "always"`}, policy...)
	}
	group := ""
	if s.Name() == "Postfix" {
		group = "postfix"
	}
	// Without "listen" the passed sockets are used.
	listen := fmt.Sprintf("listen = [%q]", s.MilterListen())
	if s.Postvet.passed != nil {
		listen = ""
	}
	top := strings.Join(append(slices.Clone(s.options.Config), listen), "\n")
	if s.options.Shadow != "" {
		if err := os.WriteFile(filepath.Join(s.dir, "shadow.toml"), []byte(s.options.Shadow), 0o644); err != nil {
			return err
		}
		top += "\nshadow_rules = [\"shadow.toml\"]"
	}
	sections := fmt.Sprintf("[exempt]\naddresses = [%q]\n", Exempted+"/32")
	if len(s.options.Sign) > 0 {
		sections += fmt.Sprintf("[sign]\nkeys = %q\n%s", s.keys(), strings.Join(s.options.Sign, "\n"))
	}
	if s.options.Sections != "" {
		sections = strings.ReplaceAll(s.options.Sections, "KEYS", s.keys())
	}
	text := fmt.Sprintf(`%s
authserv_id = %q
[socket]
mode = "0660"
group = %q
[dns]
resolvers = [%q]
timeout = %q
attempt_timeout = %q
%s
%s
[log]
format = "json"
level = "info"
[policy]
%s
`, top, AuthservID, group, s.DNS.Addr(), s.options.DNSTimeout, s.options.DNSTimeout*2/5, sections, s.options.More, strings.Join(policy, "\n"))
	return os.WriteFile(s.Postvet.config, []byte(text), 0o644)
}

// HeloName returns the name of the client at this address, which it gives in
// HELO.
func HeloName(client string) string {
	if client == GoodClient || client == "::1" {
		return "mail." + Good
	}
	return "client.example"
}

// SMTP connects to the MTA from a loopback address, "::1" included, and says
// EHLO.
func (s *Site) SMTP(ctx context.Context, from string) (*Client, error) {
	addr := s.Addr()
	if ip := net.ParseIP(from); ip != nil && ip.To4() == nil {
		addr = s.Addr6()
	}
	c, err := Dial(ctx, from, addr)
	if err != nil {
		return nil, err
	}
	r, err := c.Cmd("EHLO %s", HeloName(from))
	if err != nil || r.Class() != 2 {
		c.Close()
		return nil, fmt.Errorf("realmta: EHLO: %s %w", r, errors.Join(err, errors.New("refused")))
	}
	return c, nil
}

// Logs returns the logs of Postvet and of the MTA, for a person.
func (s *Site) Logs() string {
	var b strings.Builder
	if s.Postvet != nil {
		fmt.Fprintf(&b, "--- postvet ---\n%s", s.Postvet.Log())
	}
	if s.MTA != nil {
		fmt.Fprintf(&b, "--- %s ---\n%s", s.Name(), s.Log())
	}
	return b.String()
}

// Stop stops all three and removes their folders. The MTA goes first, since an
// MTA without its milter would turn clients away.
func (s *Site) Stop() error {
	var errs []error
	if s.MTA != nil {
		errs = append(errs, s.MTA.Stop())
	}
	if s.Postvet != nil {
		errs = append(errs, s.Postvet.Stop())
		s.Postvet.passed.close()
	}
	if s.DNS != nil {
		errs = append(errs, s.DNS.Close())
	}
	if s.dir != "" {
		errs = append(errs, removeFolder(s.dir))
	}
	return errors.Join(errs...)
}
