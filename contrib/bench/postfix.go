//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// postfixSessions is the number of SMTP sessions at a time.
const postfixSessions = 8

// throughPostfix measures a real Postfix without and with the contestants. Each
// client connects from its own address, whose name Postfix looks up. Accepted
// mail is discarded.
func (b *bench) throughPostfix(ctx context.Context) error {
	if m := realmta.MissingPostfix(); len(m) > 0 {
		b.report.Missing["Postfix"] = fmt.Sprintf("it needs %s; %s", strings.Join(m, ", "), realmta.HowToInstall)
		return nil
	}
	field := b.field
	if b.options.wants("none") || b.options.wants("postvet") {
		field = append([]contestant{{name: "none", floor: true}}, field...)
	}
	for round := 1; round <= b.options.rounds; round++ {
		k := (round - 1) % len(field)
		for _, c := range slices.Concat(field[k:], field[:k]) {
			progress("round %d of %d: Postfix with %s", round, b.options.rounds, c.name)
			if err := b.failed(ctx, c.name, b.postfixRound(ctx, &c, round)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) postfixRound(ctx context.Context, c *contestant, round int) (err error) {
	b.dns.SetDelay(0)
	r := &running{}
	if c.start != nil {
		if r, err = launch(c, b.bin, b.bin); err != nil {
			return err
		}
		defer r.stop()
		for _, socket := range r.chain {
			// Postfix's smtpd does not run as the user of the milter.
			if err := os.Chmod(socket, 0o666); err != nil {
				return err
			}
		}
		play(ctx, r.chain, connections(b.corpus.Cases, 1), Load{Sessions: 8, Messages: len(b.corpus.Cases), Limit: 2 * time.Minute})
	}
	parent, err := os.MkdirTemp("/var/lib", "postvet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(parent)
	if err := os.Chmod(parent, 0o755); err != nil {
		return err
	}
	var milters []string
	for _, s := range r.chain {
		milters = append(milters, "unix:bench/"+filepath.Base(s))
	}
	p, err := realmta.StartPostfix(ctx, realmta.Options{Parent: parent, NoAuth: true, Config: []string{
		"smtpd_milters = " + strings.Join(milters, ", "),
		"milter_default_action = tempfail",
		"virtual_transport = discard:",
		"smtpd_peername_lookup = yes",
		"smtpd_client_connection_rate_limit = 0",
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	b.report.Versions["Postfix"] = p.Version()
	if c.start != nil {
		// Into Postfix's chroot.
		spools, _ := filepath.Glob(parent + "/*/spool")
		if len(spools) != 1 {
			return fmt.Errorf("Postfix's queue directory is not below %s", parent)
		}
		inside := spools[0] + "/bench"
		if err := os.Mkdir(inside, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(r.dir, inside, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
		defer syscall.Unmount(inside, syscall.MNT_DETACH)
	}
	s := &smtpLoad{addr: p.Addr(), cases: b.corpus.Cases, messages: b.options.messages, check: !c.floor}
	s.run(ctx, min(100, b.options.messages), postfixSessions) // its processes start
	*s = smtpLoad{addr: s.addr, cases: s.cases, messages: s.messages, check: s.check}
	limit, cancel := context.WithTimeout(ctx, b.options.cellTime)
	defer cancel()
	start := time.Now()
	s.run(limit, b.options.messages, postfixSessions)
	rec := s.record
	rec.Contestant, rec.Round, rec.Sessions, rec.Seconds = c.name, round, postfixSessions, time.Since(start).Seconds()
	rec.Messages = len(s.latencies)
	rec.PerSecond = float64(rec.Messages) / rec.Seconds
	slices.Sort(s.latencies)
	rec.P50, rec.P99 = ms(percentile(s.latencies, .5)), ms(percentile(s.latencies, .99))
	b.report.Postfix = append(b.report.Postfix, rec)
	return ctx.Err()
}

// smtpLoad plays SMTP clients.
type smtpLoad struct {
	addr     string
	cases    []Case
	messages int
	check    bool
	next     atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration
	record    PostfixRecord
}

func (s *smtpLoad) run(ctx context.Context, n, sessions int) {
	var wg sync.WaitGroup
	for range sessions {
		wg.Go(func() {
			for errs := 0; ctx.Err() == nil && errs < maxErrors; {
				i := int(s.next.Add(1)) - 1
				if i >= n {
					return
				}
				c := &s.cases[i%len(s.cases)]
				start := time.Now()
				reply, err := s.send(ctx, c)
				if end, ok := ctx.Deadline(); ctx.Err() != nil || ok && !time.Now().Before(end) {
					return
				}
				if err != nil {
					errs++
				}
				s.note(c, reply, err, time.Since(start))
			}
		})
	}
	wg.Wait()
}

func (s *smtpLoad) note(c *Case, reply realmta.Reply, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.record
	if err == nil && reply.Class() != 2 && reply.Class() != 5 {
		err = errors.New(reply.String())
	}
	if err != nil {
		r.Errors++
		r.Example = err.Error()
		return
	}
	s.latencies = append(s.latencies, took)
	refused := reply.Class() == 5
	if refused {
		r.Refused++
	} else {
		r.Accepted++
	}
	if s.check && refused != (c.Want.Disposition == "reject") {
		r.Wrong++
		r.Example = c.Kind + ": " + reply.String()
	}
}

// send is one SMTP session with one message.
func (s *smtpLoad) send(ctx context.Context, c *Case) (realmta.Reply, error) {
	conn, err := realmta.Dial(ctx, c.Client.IP, s.addr)
	if err != nil {
		return realmta.Reply{}, err
	}
	defer conn.Close()
	if r, err := conn.Cmd("EHLO %s", c.Client.Helo); err != nil || r.Class() != 2 {
		return r, err
	}
	r, err := conn.Send(c.MailFrom, []string{c.Rcpt}, c.raw())
	if err == nil {
		conn.Cmd("QUIT")
	}
	return r, err
}
