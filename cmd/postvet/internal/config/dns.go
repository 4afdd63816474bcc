package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/dnscache"
)

// DNS names the resolvers, and says how long answers are kept.
type DNS struct {
	// Resolvers are host:port, or tls://host:port#name. Empty: those of the system.
	Resolvers                   []string
	Timeout, AttemptTimeout     time.Duration
	CacheSize                   Size
	MinTTL, MaxTTL, NegativeTTL time.Duration
	FailureTTL                  time.Duration
	MaxStale                    time.Duration // 0 is never
	MaxInFlight                 int
	TrustAD                     dnscache.Trust
	TLSCA                       string // a file; "" is none
	Snapshot                    string // a file; "" is none
	WarmFrom                    []string
	WarmTrustAD                 bool

	// Authorities are the certificates in TLSCA; nil for those of the system.
	Authorities *x509.CertPool
}

func (d *DNS) section() section {
	return section{name: "dns", comment: "Where DNS answers come from, and how long they are kept.", keys: []key{
		{
			name: "resolvers", value: list(&d.Resolvers, checkResolver, `write a list, such as ["127.0.0.1:53"]`), environment: true,
			comment: `Resolvers to ask, such as "127.0.0.1:53". The port may be left out. Over TLS:
"tls://9.9.9.9:853#dns.quad9.net", with the name in the certificate. Empty:
the resolvers of /etc/resolv.conf, which is read again when it changes. A
validating resolver on this machine is best.`,
		},
		{
			name: "timeout", value: duration(&d.Timeout, 5*time.Second, 10*time.Millisecond, time.Minute),
			comment: "How long one lookup may take with all its retries (10ms to 60s).",
		},
		{
			name: "attempt_timeout", value: duration(&d.AttemptTimeout, 1500*time.Millisecond, 10*time.Millisecond, time.Minute),
			comment: `How long one query to one resolver may take (10ms to 60s, at most timeout). If
timeout is set lower and this key is not set, timeout counts for both.`,
		},
		{
			name: "cache_size", value: size(&d.CacheSize, 64<<20, 1<<20, 64<<30),
			comment: "Memory for answers (1MB to 64GB).",
		},
		{
			name: "min_ttl", value: duration(&d.MinTTL, 5*time.Second, 0, time.Hour),
			comment: "Answers are kept at least this long, whatever their TTL (0s to 1h).",
		},
		{
			name: "max_ttl", value: duration(&d.MaxTTL, 24*time.Hour, time.Second, 168*time.Hour),
			comment: "Answers are kept at most this long, whatever their TTL (1s to 168h).",
		},
		{
			name: "negative_ttl", value: duration(&d.NegativeTTL, time.Hour, time.Second, 24*time.Hour),
			comment: `A name that does not exist, or has no records of a type, is remembered at most
this long (1s to 24h).`,
		},
		{
			name: "failure_ttl", value: duration(&d.FailureTTL, 5*time.Second, time.Second, 5*time.Minute),
			comment: `A failed lookup is remembered this long (1s to 5m), so that a domain whose
servers are down is not looked up again and again.`,
		},
		{
			name: "max_stale", value: duration(&d.MaxStale, 24*time.Hour, 0, 168*time.Hour),
			comment: `How long after its TTL an answer is still used if the servers fail (0s to
168h). 0s: never.`,
		},
		{
			name: "max_in_flight", value: integer(&d.MaxInFlight, 512, 1, 10000),
			comment: "Queries under way at one time (1 to 10000). Further ones wait.",
		},
		{
			name: "trust_ad", value: &trustValue{&d.TrustAD},
			comment: `Which resolvers are believed about DNSSEC: that an answer is authentic, or
that it does not pass validation. "auto": those on this machine, and those of
a resolv.conf with "options trust-ad". true: all. false: none, as where the
one on this machine only passes on what others say. See postvet-dns(7).`,
		},
		{
			name: "tls_ca", value: text(&d.TLSCA, "", checkTLSCA),
			comment: `File with the certificates (PEM) of the authorities that may certify resolvers
over TLS, such as one of your own. Relative to this file. A reload reads it
again. Empty: the authorities that the system trusts.`,
		},
		{
			name: "snapshot", value: text(&d.Snapshot, "", checkFile), environment: true,
			comment: `File that keeps the answers over a restart, such as
"/var/lib/postvet/dns.snapshot". It is written at a stop and read at a start.
Empty: none.`,
		},
		{
			name: "warm_from", value: list(&d.WarmFrom, CheckSource, `write a list, such as ["https://mx1.example.org:8894"]`),
			comment: `Machines whose cached answers a start loads: those that serve them ([peers]),
such as "https://mx1.example.org:8894", or a control socket, such as
"unix:/run/postvet/mx1.sock". They are asked in order until one gives answers,
each for at most 5 seconds, and nothing waits for that. A machine in this list
is believed about every name, for up to an hour. See postvet-dns(7).`,
		},
		{
			name: "warm_trust_ad", value: truth(&d.WarmTrustAD, false),
			comment: `Whether these machines, and those of "postvet cache fetch", are believed about
DNSSEC too, as far as trust_ad believes the resolvers here.`,
		},
	}}
}

// trustValue is whose word about DNSSEC is believed: true, false or "auto".
type trustValue struct{ field *dnscache.Trust }

// autoWord is the default.
const autoWord = "auto"

func (t *trustValue) set(v any) (problem, remedy string) {
	const example = `write true or false without quotes, or "auto"`
	switch v := v.(type) {
	case bool:
		*t.field = dnscache.TrustNone
		if v {
			*t.field = dnscache.TrustAll
		}
	case string:
		if v != autoWord {
			return cite(v) + " is not known", example
		}
		*t.field = dnscache.TrustLocal
	default:
		return "is " + describe(v), example
	}
	return "", ""
}

func (t *trustValue) setDefault() { *t.field = dnscache.TrustLocal }

func (t *trustValue) format() string {
	switch *t.field {
	case dnscache.TrustAll:
		return "true"
	case dnscache.TrustNone:
		return "false"
	}
	return strconv.Quote(autoWord)
}

// ResolverOptions returns the section dns as options of a resolver.
func (c *Config) ResolverOptions(log *zap.Logger) dnscache.Options {
	stale := c.DNS.MaxStale
	if stale == 0 {
		stale = -1 // never
	}
	return dnscache.Options{
		Upstreams:      slices.Clone(c.DNS.Resolvers),
		Timeout:        c.DNS.Timeout,
		AttemptTimeout: c.DNS.AttemptTimeout,
		MaxBytes:       int64(c.DNS.CacheSize),
		MinTTL:         least(c.DNS.MinTTL),
		MaxTTL:         c.DNS.MaxTTL,
		NegativeTTL:    c.DNS.NegativeTTL,
		FailureTTL:     c.DNS.FailureTTL,
		MaxStale:       stale,
		MaxInFlight:    c.DNS.MaxInFlight,
		TrustAD:        c.DNS.TrustAD,
		RootCAs:        c.DNS.Authorities,
		Logger:         log,
	}
}

// NewResolver returns the resolver of the section dns. log may be nil.
func (c *Config) NewResolver(log *zap.Logger) (*dnscache.Resolver, error) {
	r, err := dnscache.New(c.ResolverOptions(log))
	if err != nil {
		return nil, fmt.Errorf("%w; name a resolver in dns.resolvers or with --resolver", err)
	}
	return r, nil
}

// SameDNS reports whether the resolver of one configuration serves the other, so
// that a reload may keep its cache. dns.snapshot and what begins with dns.warm do not
// concern the resolver.
func (c *Config) SameDNS(d *Config) bool {
	return c.DNS.Authorities.Equal(d.DNS.Authorities) && !slices.ContainsFunc(c.changed(d), func(k key) bool {
		return strings.HasPrefix(k.name, "dns.") && k.name != "dns.snapshot" && !strings.HasPrefix(k.name, "dns.warm_")
	})
}

// checkResolver accepts the address of a resolver and adds the port if it is left
// out. A name is no address: nobody could look it up.
func checkResolver(s string) (normal, problem, remedy string) {
	remedy = `write an address such as "127.0.0.1:53" or "[2001:db8::53]:53"`
	addr, secure := strings.CutPrefix(s, "tls://")
	scheme, name, standard := "", "", "53"
	if secure {
		remedy = `write an address and the name in its certificate, such as "tls://9.9.9.9:853#dns.quad9.net"`
		scheme, standard = "tls://", "853"
		var named bool
		if addr, name, named = strings.Cut(addr, "#"); named {
			if _, err := netip.ParseAddr(name); err != nil && !validHost(name) || strings.HasSuffix(name, ".") {
				return "", cite(s) + " has no valid name after #", remedy
			}
			name = "#" + name
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"), standard
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return "", cite(s) + " is no address of a resolver", remedy
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", cite(s) + " has no valid port", remedy
	}
	return scheme + net.JoinHostPort(host, port) + name, "", ""
}

func (d *DNS) conflicts(x *conflicts) {
	if x.config.IsSet("dns.attempt_timeout") && d.AttemptTimeout > d.Timeout {
		x.tooLarge("dns.attempt_timeout", formatDuration(d.AttemptTimeout), "dns.timeout", formatDuration(d.Timeout))
	}
	if d.MinTTL > d.MaxTTL {
		x.tooLarge("dns.min_ttl", formatDuration(d.MinTTL), "dns.max_ttl", formatDuration(d.MaxTTL))
	}
}

// limitAttempt lowers attempt_timeout to timeout.
func (d *DNS) limitAttempt() { d.AttemptTimeout = min(d.AttemptTimeout, d.Timeout) }
