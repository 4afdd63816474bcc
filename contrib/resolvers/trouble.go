//go:build linux

package main

import (
	"context"
	"syscall"
	"time"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// trouble is what a program goes through while messages arrive.
type trouble struct {
	name string
	// programs are those that the trouble concerns; nil for all.
	programs []string
	// lines are added to the configuration, by program.
	lines map[string]string
	load  load
	// setUp starts the programs; nil for the program of the cell alone.
	setUp func(ctx context.Context, s *site) error
	// during runs beside the load.
	during func(ctx context.Context, s *site) error
	// warm is true if the messages come a second time, and the second time counts.
	warm bool
	// normal is true if each verdict must be the expected one.
	normal bool
}

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
	{name: "killed, started again after 2 s", load: stream, during: func(ctx context.Context, s *site) error {
		x := s.processes[0]
		pause(ctx, 300*time.Millisecond)
		x.stop()
		pause(ctx, 2*time.Second)
		return x.start(ctx)
	}},
	{name: "stopped by a signal for 2 s", load: stream, during: func(ctx context.Context, s *site) error {
		x := s.processes[0]
		pause(ctx, 300*time.Millisecond)
		if err := x.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		pause(ctx, 2*time.Second)
		return x.signal(syscall.SIGCONT)
	}},
	{name: "quota, answers after 20 ms", load: burst, lines: quotas, setUp: slow},
}

// quotas are those that a burst exceeds: the default of dnsmasq, and for the others
// what an admin may set.
var quotas = map[string]string{
	"unbound": "  num-queries-per-thread: 32\n  jostle-timeout: 200\n",
	"named":   "  recursive-clients 40;\n  fetches-per-server 30;\n",
	"dnsdist": "addAction(MaxQPSIPRule(200), RCodeAction(DNSRCode.REFUSED))\n",
	"dnsmasq": "",
}

// slow has each answer take 20 ms, so that queries are in flight together.
func slow(ctx context.Context, s *site) error {
	s.server.SetFault("*", "*", dnstest.Delay(20*time.Millisecond))
	return s.alone(ctx)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
