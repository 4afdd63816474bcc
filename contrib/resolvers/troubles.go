//go:build linux

package main

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// The loads. In a burst, all sessions begin at once with empty caches. A stream is
// longer than an outage.
var (
	burst  = load{sessions: 64}
	stream = load{sessions: 400, every: 35 * time.Millisecond}
)

// troubles are all that are tried.
var troubles = []trouble{
	{name: "none, cold", load: burst, normal: true},
	{name: "none, warm", load: burst, normal: true, warm: true},
	{name: "none, the manual's settings, 20 ms", load: burst, lines: advised, setUp: slow, normal: true},
	{name: "killed, started again after 2 s", load: stream, during: restarted},
	{name: "stopped by a signal for 2 s", load: stream, during: stopped},
	{name: "killed", load: stream, programs: []string{"unbound"}, during: killed, whole: true},
	{name: "quota, answers after 20 ms", load: burst, lines: quotas, setUp: slow},
	{name: "rate limit", load: burst, lines: rates},
	{name: "rate limit that truncates", load: burst, lines: slips, normal: true},
	{name: "quota of the servers behind, 20 ms", load: burst, lines: serverQuotas, setUp: slow},
	{name: "loss of 30 % behind the resolver", load: burst, setUp: fault(dnstest.Loss(30)), whole: true},
	{name: "10 % SERVFAIL behind the resolver", load: burst, setUp: fault(dnstest.Failures(10)), whole: true},
	{name: "answers after 400 ms", load: burst, setUp: fault(dnstest.Delay(400 * time.Millisecond)), programs: []string{"unbound"}, normal: true, whole: true},
	{name: "loss of 30 % before the resolver", load: burst, setUp: lossy(30), programs: []string{"unbound"}},
	{name: "the first of two is dead", load: burst, setUp: besideDead, programs: []string{"unbound"}, normal: true},
	{name: "the first of two is silent", load: burst, setUp: besideSilent, programs: []string{"unbound"}, normal: true},
	{name: "NXDOMAIN to everything", load: stream, setUp: fault(dnstest.Deny), programs: []string{"unbound"}},
	{name: "an address for each name that is not there", load: burst, setUp: wildcard, programs: []string{"unbound"}, normal: true},
	{name: "TLS, private authority", load: burst, setUp: overTLS(certificate{}), lines: secured, normal: true},
	{name: "TLS, certificate of another name", load: burst, setUp: overTLS(certificate{name: "other.example"}), lines: secured},
	{name: "TLS, expired certificate", load: burst, setUp: overTLS(certificate{expired: true}), lines: secured, whole: true},
	{name: "TLS, unknown authority", load: burst, setUp: unknownAuthority, lines: secured, whole: true},
	{name: "TLS, few connections", load: burst, setUp: overTLS(certificate{}), lines: fewSecured, normal: true},
	{name: "only TCP, few connections", load: burst, lines: onlyTCP, normal: true},
	{name: "only TCP, few connections, 20 ms", load: burst, lines: onlyTCP, setUp: slow, normal: true, whole: true},
	{name: "only TCP, one answer on each connection", load: burst, setUp: behindRelay(oneAnswer), programs: []string{"unbound"}, normal: true},
	{name: "changes the case of names, without TCP", load: burst, setUp: folding, programs: []string{"unbound"}},
	{name: "drops queries with EDNS", load: burst, setUp: behindRelay(withoutEDNS), programs: []string{"unbound"}, normal: true},
	{name: "24 open files", load: burst, files: 24, programs: []string{"unbound"}},
	{name: "bogus, and the second does not validate", load: load{sessions: 4}, setUp: halfValidating, programs: []string{"unbound"}, also: bogusSamples},
	{name: "bogus without a reason, half validating", load: load{sessions: 4}, setUp: halfSigned, lines: validating, also: bogusSamples},
}

// quotas are those that a burst exceeds: the default of dnsmasq, and for the others
// what an admin may set.
var quotas = map[string]string{
	"unbound": "  num-queries-per-thread: 32\n  jostle-timeout: 200\n",
	"named":   "  recursive-clients 40;\n",
	"dnsdist": "addAction(MaxQPSIPRule(200), RCodeAction(DNSRCode.REFUSED))\n",
	"dnsmasq": "",
	"coredns": "max_concurrent 30\n",
}

// rates are limits of questions or answers in a second.
var rates = map[string]string{
	"unbound": "  module-config: \"iterator\"\n  ip-ratelimit: 200\n  ip-ratelimit-factor: 0\n",
	"named":   "  rate-limit { responses-per-second 5; nxdomains-per-second 20; nodata-per-second 20; all-per-second 200; slip 2; window 1; };\n",
	"dnsdist": "addAction(MaxQPSIPRule(200), DropAction())\n",
}

// slips have answers above a limit truncated, instead of dropped (RRL).
var slips = map[string]string{
	"named": "  rate-limit { responses-per-second 1; nxdomains-per-second 1; nodata-per-second 1; slip 1; window 1; };\n",
}

// serverQuotas are quotas of each server that the resolver asks. Here it asks one for all
// names, as for those of a provider of many domains. The quota of unbound does not concern
// servers that it forwards to.
var serverQuotas = map[string]string{
	"named":   "  fetches-per-server 30 fail;\n",
	"dnsdist": "setMaxUDPOutstanding(40)\n",
}

// advised are the settings that postvet-dns(7) names, as far as a resolver can have them
// here.
var advised = map[string]string{
	"unbound":       "  num-queries-per-thread: 4096\n  outgoing-range: 8192\n  incoming-num-tcp: 100\n  ip-ratelimit: 0\n  ede: yes\n  module-config: \"iterator\"\n",
	"named":         "recursive-clients 5000;\nfetches-per-server 0; fetches-per-zone 0;\nrate-limit { exempt-clients { localhost; }; };\ntcp-clients 500;\n",
	"kresd":         "cache.size = 200 * MB\n",
	"pdns_recursor": "max-mthreads=8192\nmax-tcp-clients=512\n",
	"dnsmasq":       "dns-forward-max=2000\ncache-size=10000\n",
	"coredns":       "max_concurrent 5000\n",
	"dnsdist":       "setMaxTCPConnectionsPerClient(0)\nsetMaxTCPQueriesPerConnection(0)\n",
}

// fault has the server behind the program answer badly.
func fault(f dnstest.Fault) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		if err := s.alone(ctx); err != nil {
			return err
		}
		s.server.SetFault("*", "*", f)
		return nil
	}
}

// slow has each answer take 20 ms, so that queries are in flight together.
func slow(ctx context.Context, s *site) error {
	return fault(dnstest.Delay(20*time.Millisecond))(ctx, s)
}

func restarted(ctx context.Context, s *site) error {
	x := s.processes[0]
	pause(ctx, 300*time.Millisecond)
	x.stop()
	pause(ctx, 2*time.Second)
	return x.start(ctx)
}

func stopped(ctx context.Context, s *site) error {
	x := s.processes[0]
	pause(ctx, 300*time.Millisecond)
	if err := x.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(ctx, 2*time.Second)
	return x.signal(syscall.SIGCONT)
}

func killed(ctx context.Context, s *site) error {
	pause(ctx, 300*time.Millisecond)
	s.processes[0].stop()
	return nil
}

// lossy has a part of the queries to the program lost.
func lossy(percent int) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		if err := s.alone(ctx); err != nil {
			return err
		}
		_, err := s.before(0, loss(percent))
		return err
	}
}

// besideDead puts an address on which nobody listens before the program.
func besideDead(ctx context.Context, s *site) error {
	if err := s.alone(ctx); err != nil {
		return err
	}
	dead, err := freeAddr()
	s.options.Upstreams = append([]string{dead.String()}, s.options.Upstreams...)
	return err
}

// besideSilent puts an address from which no answer comes before the program.
func besideSilent(ctx context.Context, s *site) error {
	if err := s.alone(ctx); err != nil {
		return err
	}
	s.options.Upstreams = append([]string{s.options.Upstreams[0]}, s.options.Upstreams...)
	_, err := s.before(0, loss(100))
	return err
}

// wildcard has the program give an address for every name, as some do that lead people
// to a page of theirs.
func wildcard(ctx context.Context, s *site) error {
	if err := s.server.SetZone(s.zone + "*. A 203.0.113.66\n"); err != nil {
		return err
	}
	return s.alone(ctx)
}

// address returns the address of an upstream or a server.
func address(upstream string) netip.AddrPort { return netip.MustParseAddrPort(upstream) }

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
