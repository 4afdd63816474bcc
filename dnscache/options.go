package dnscache

import (
	"crypto/x509"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Options configure a Resolver. A zero field means its default.
type Options struct {
	// Upstreams are the resolvers to query; without any, those in ResolvConf. A resolver
	// is written host:port. The host is an IP address or localhost, and the default port
	// is 53. A resolver written tls://192.0.2.53:853#name is queried over TLS only (RFC
	// 7858), with 853 as the default port. The certificate of the resolver must be for
	// the name after "#" or, without one, for the address.
	Upstreams []string
	// ResolvConf is the file that names the resolvers if Upstreams is empty. It is
	// read again every five seconds at most. Default /etc/resolv.conf.
	ResolvConf string
	// RootCAs are the certificate authorities for TLS. Default: the system's.
	RootCAs *x509.CertPool
	// Timeout bounds one lookup with all its retries. Default 5s.
	Timeout time.Duration
	// AttemptTimeout bounds one query to one server. Default 1.5s, at most
	// Timeout.
	AttemptTimeout time.Duration
	// MaxBytes bounds the memory of the cache: answers, values derived from them,
	// the index, and the marks of evicted names, as the allocator rounds them.
	// Default 64 MB, at least 64 KB.
	MaxBytes int64
	// MinTTL and MaxTTL bound how long answers are kept. Defaults 5s and 24h.
	MinTTL, MaxTTL time.Duration
	// NegativeTTL bounds how long NoData and NXDomain are kept. Default 1h.
	NegativeTTL time.Duration
	// FailureTTL is how long a failure is kept, so that a domain whose servers are
	// down is not queried again and again (RFC 9520). Default 5s, at most 5m.
	FailureTTL time.Duration
	// MaxStale is how long after its TTL a Found answer may be served when the
	// servers fail (RFC 8767). Default 24h; if negative, not at all.
	MaxStale time.Duration
	// MaxInFlight bounds the questions in flight. Further ones wait within their
	// Timeout. Each takes one socket, rarely two. Default 1024.
	MaxInFlight int
	// TrustAD says which upstreams are believed that an answer passed DNSSEC
	// validation (the AD bit), or that it did not. Default TrustLocal.
	TrustAD Trust
	// Now is the clock of the cache. Default time.Now.
	Now func() time.Time
	// Logger gets the failures of upstreams, and panics. Default: nothing is logged.
	Logger *zap.Logger
}

// Trust says which upstreams are believed about DNSSEC validation.
type Trust uint8

const (
	// TrustLocal trusts the upstreams on a loopback address, since anybody on the path
	// to others can set the bit, and those of a ResolvConf with "options trust-ad".
	TrustLocal Trust = iota
	// TrustAll trusts every upstream.
	TrustAll
	// TrustNone trusts none, as if none on loopback validates itself.
	TrustNone
)

// trusts reports whether an upstream is trusted. local is true if it is on a loopback
// address, conf if resolv.conf says that its resolvers are.
func (t Trust) trusts(local, conf bool) bool {
	return t == TrustAll || t == TrustLocal && (local || conf)
}

// withDefaults returns the options with defaults in place of zero fields, or an error that
// names the invalid option.
func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
		most     time.Duration
	}{
		{"Timeout", &o.Timeout, 5 * time.Second, time.Minute},
		{"MinTTL", &o.MinTTL, 5 * time.Second, 24 * time.Hour},
		{"MaxTTL", &o.MaxTTL, 24 * time.Hour, 7 * 24 * time.Hour},
		{"NegativeTTL", &o.NegativeTTL, time.Hour, 24 * time.Hour},
		// RFC 9520 section 3.2: not longer than five minutes.
		{"FailureTTL", &o.FailureTTL, 5 * time.Second, 5 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < 0 || *d.value > d.most {
			return o, fmt.Errorf("dnscache: %s %v is not between 0 and %v", d.name, *d.value, d.most)
		}
	}
	switch {
	case o.AttemptTimeout == 0:
		o.AttemptTimeout = min(1500*time.Millisecond, o.Timeout)
	case o.AttemptTimeout < 0 || o.AttemptTimeout > o.Timeout:
		return o, fmt.Errorf("dnscache: AttemptTimeout %v is not between 0 and Timeout %v", o.AttemptTimeout, o.Timeout)
	}
	if o.MaxTTL < o.MinTTL {
		return o, fmt.Errorf("dnscache: MaxTTL %v is less than MinTTL %v", o.MaxTTL, o.MinTTL)
	}
	switch {
	case o.MaxStale == 0:
		o.MaxStale = 24 * time.Hour
	case o.MaxStale < 0:
		o.MaxStale = 0
	// RFC 8767 section 5: one to three days are recommended.
	case o.MaxStale > 7*24*time.Hour:
		return o, fmt.Errorf("dnscache: MaxStale %v is more than a week", o.MaxStale)
	}
	switch {
	case o.MaxBytes == 0:
		o.MaxBytes = 64 << 20
	case o.MaxBytes < 64<<10:
		return o, fmt.Errorf("dnscache: MaxBytes %d is less than 65536", o.MaxBytes)
	}
	if o.TrustAD > TrustNone {
		return o, fmt.Errorf("dnscache: TrustAD %d is unknown", o.TrustAD)
	}
	switch {
	case o.MaxInFlight == 0:
		o.MaxInFlight = 1024
	case o.MaxInFlight < 0:
		return o, fmt.Errorf("dnscache: MaxInFlight %d is negative", o.MaxInFlight)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	addrs := make([]string, 0, len(o.Upstreams))
	for _, u := range o.Upstreams {
		e, err := parseEndpoint(u)
		if err != nil {
			return o, err
		}
		addrs = append(addrs, e.String())
	}
	o.Upstreams = addrs
	if len(addrs) > 0 {
		o.ResolvConf = "" // not read
	} else if o.ResolvConf == "" {
		o.ResolvConf = resolvConf
	}
	return o, nil
}
