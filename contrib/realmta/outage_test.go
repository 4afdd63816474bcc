//go:build linux

package realmta_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// silence is Postvet's DNS timeout in the tests with a silent DNS.
const silence = time.Second

// TestUnknownPolicy has mail of domains whose name servers are silent or fail. Nobody knows
// what they ask for, so it is deferred.
func TestUnknownPolicy(t *testing.T) {
	onOwn(t, realmta.SiteOptions{DNSTimeout: silence}, func(t *testing.T, s *realmta.Site) {
		for _, domain := range []string{realmta.Dark, realmta.Broken} {
			rcpt := recipient(t, domain)
			if r := send(t, s, realmta.Stranger, "a@"+domain, rcpt, mail("a@"+domain, rcpt)); r.Class() != 4 {
				t.Errorf("%s: reply %q, want 4xx", domain, r)
			}
			notDelivered(t, s, rcpt)
		}
	})
}

// TestDNSFailures has the same mail where policies are only noted.
func TestDNSFailures(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{`dmarc = "mark"`}, DNSTimeout: silence}, func(t *testing.T, s *realmta.Site) {
		for _, domain := range []string{realmta.Dark, realmta.Broken} {
			rcpt := recipient(t, domain)
			msg, err := s.Zone.Sign(mail("a@"+domain, rcpt, forgery), domain, realmta.Selector, "relaxed/relaxed")
			if err != nil {
				t.Fatal(err)
			}
			wantReply(t, send(t, s, realmta.Stranger, "a@"+domain, rcpt, msg), 250)
			got := onTop(t, delivered(t, s, rcpt))
			wantResults(t, got, "spf=temperror", "dkim=temperror", "dmarc=temperror")
			if strings.Contains(got, "=fail") {
				t.Errorf("%s: a DNS failure became a result of fail: %q", domain, got)
			}
		}
	})
}

// TestDNSGone takes the whole DNS away from a Postvet that has nothing cached
// and defers such mail.
func TestDNSGone(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{`on_temperror = "tempfail"`}, DNSTimeout: silence}, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "patient")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt))
		for _, fault := range []dnstest.Fault{dnstest.Silent, dnstest.ServFail, dnstest.Refuse} {
			s.DNS.SetFault("*", "*", fault)
			r := send(t, s, realmta.GoodClient, "alice@"+realmta.Good, rcpt, msg)
			if r.Class() != 4 {
				t.Fatalf("%s: reply %q, want 4xx", fault, r)
			}
			r = send(t, s, realmta.Stranger, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt))
			if r.Class() != 4 {
				t.Fatalf("%s: a spoof: reply %q, want 4xx", fault, r)
			}
		}
		notDelivered(t, s, rcpt)

		// SIGHUP tells the running Postvet to accept.
		if err := s.Configure(`on_temperror = "accept"`, `on_degraded = "accept"`); err != nil {
			t.Fatal(err)
		}
		if err := s.Postvet.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		accepted := recipient(t, "accepted")
		eventually(t, "SIGHUP takes effect", func() bool {
			return send(t, s, realmta.Stranger, "a@"+realmta.Hold, accepted, mail("a@"+realmta.Hold, accepted)).Code == 250
		})
		wantResults(t, onTop(t, delivered(t, s, accepted)), "dmarc=temperror")

		// The DNS is back, and the sender tries again. The cache forgets
		// failures in time.
		s.DNS.SetFault("*", "*", "")
		eventually(t, "the retry passes DMARC", func() bool {
			rcpt := recipient(t, fmt.Sprintf("retry-%d", time.Now().UnixNano()))
			if send(t, s, realmta.GoodClient, "alice@"+realmta.Good, rcpt, msg).Code != 250 {
				return false
			}
			return hasResult(onTop(t, delivered(t, s, rcpt)), "dmarc=pass")
		})
	})
}

// patience bounds what a test waits for. It only guards against waiting for
// ever.
const patience = 3 * time.Minute

// eventually repeats a check until it succeeds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(what, t.Context().Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// attempt sends a message from [realmta.GoodClient] as a mail server does, which accepts every
// reply, the greeting included.
func attempt(ctx context.Context, s *realmta.Site, from, rcpt string, msg []byte) (realmta.Reply, error) {
	return realmta.Deliver(ctx, s, realmta.GoodClient, from, rcpt, msg)
}

func TestKilledBetweenMessages(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Milter: "inet"}, func(t *testing.T, s *realmta.Site) {
		rcpt := recipient(t, "retried")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt, forgery))
		open := connect(t, s, realmta.GoodClient)
		s.Postvet.Kill()

		// A new connection, and one that was open before.
		r, err := attempt(t.Context(), s, "alice@"+realmta.Good, rcpt, msg)
		if err != nil || r.Class() != 4 {
			t.Fatalf("without postvet: reply %q %v, want 4xx", r, err)
		}
		r, err = open.Send("alice@"+realmta.Good, []string{rcpt}, msg)
		if err != nil || r.Class() != 4 {
			t.Fatalf("on the open connection: reply %q %v, want 4xx", r, err)
		}
		notDelivered(t, s, rcpt)

		if err := s.Postvet.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err = attempt(t.Context(), s, "alice@"+realmta.Good, rcpt, msg)
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, r, 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dmarc=pass")
	})
}

func TestKilledInsideMessage(t *testing.T) {
	onOwn(t, realmta.SiteOptions{}, func(t *testing.T, s *realmta.Site) {
		// The message is so long that the milter may die at three points:
		// before the MTA has sent all of it, before it has sent anything
		// (Postfix), and while the MTA waits for the verdict.
		rcpt := recipient(t, "retried")
		msg := signed(t, s, append(mail("alice@"+realmta.Good, rcpt, forgery), strings.Repeat("a line of text\r\n", 20000)...))
		for _, stage := range []string{"MAIL", "RCPT", "DATA", "half"} {
			c := connect(t, s, realmta.GoodClient)
			steps := []struct {
				stage string
				do    func() (realmta.Reply, error)
			}{
				{"MAIL", func() (realmta.Reply, error) { return c.Cmd("MAIL FROM:<alice@%s>", realmta.Good) }},
				{"RCPT", func() (realmta.Reply, error) { return c.Cmd("RCPT TO:<%s>", rcpt) }},
				{"DATA", func() (realmta.Reply, error) { return c.Cmd("DATA") }},
				{"half", func() (realmta.Reply, error) {
					return realmta.Reply{Code: 300}, c.Write(msg[:len(msg)/2])
				}},
				{"end", func() (realmta.Reply, error) {
					if err := c.Write(realmta.DotStuff(msg[len(msg)/2:])); err != nil {
						return realmta.Reply{}, err
					}
					return c.Read()
				}},
			}
			var last realmta.Reply
			for _, step := range steps {
				var err error
				if last, err = step.do(); err != nil {
					t.Fatalf("killed after %s: %s: %v", stage, step.stage, err)
				}
				if step.stage == stage {
					s.Postvet.Kill()
				}
				if last.Class() > 3 {
					break
				}
			}
			if last.Class() != 4 {
				t.Fatalf("killed after %s: reply %q, want 4xx", stage, last)
			}
			c.Close()
			notDelivered(t, s, rcpt)
			// The file of a unix socket is still there and must not hinder the
			// restart.
			if err := s.Postvet.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r, err := attempt(t.Context(), s, "alice@"+realmta.Good, rcpt, msg)
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, r, 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dkim=pass", "dmarc=pass")
	})
}

func TestDrain(t *testing.T) {
	onOwn(t, realmta.SiteOptions{}, func(t *testing.T, s *realmta.Site) {
		idle := connect(t, s, realmta.GoodClient)
		rcpt := recipient(t, "in-flight")
		msg := signed(t, s, mail("alice@"+realmta.Good, rcpt, forgery))
		c := connect(t, s, realmta.GoodClient)
		cmd(t, c, 2, "MAIL FROM:<alice@"+realmta.Good+">")
		cmd(t, c, 2, "RCPT TO:<"+rcpt+">")
		cmd(t, c, 3, "DATA")
		if err := c.Write(msg[:len(msg)/2]); err != nil {
			t.Fatal(err)
		}
		if err := s.Postvet.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		// Draining begins when new connections are refused.
		later := recipient(t, "later")
		eventually(t, "draining", func() bool {
			r, err := attempt(t.Context(), s, "alice@"+realmta.Good, later, mail("alice@"+realmta.Good, later))
			return err == nil && r.Class() == 4
		})
		if !s.Postvet.Running() {
			t.Fatal("postvet ended with a message in flight")
		}
		if err := c.Write(realmta.DotStuff(msg[len(msg)/2:])); err != nil {
			t.Fatal(err)
		}
		r, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		wantReply(t, r, 250)
		wantResults(t, onTop(t, delivered(t, s, rcpt)), "dkim=pass", "dmarc=pass")
		code, err := s.Postvet.Ended()
		if err != nil || code != 0 {
			t.Fatalf("exit code %d %v, want 0", code, err)
		}
		if r, err := idle.Send("alice@"+realmta.Good, []string{later}, mail("alice@"+realmta.Good, later)); err == nil && r.Class() != 4 {
			t.Errorf("on a connection from before: reply %q, want 4xx", r)
		}
		if err := s.Postvet.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStorm has clients send without pause while Postvet is killed and
// restarted. Each message that was accepted with 250 arrives once, with our
// results and without the forgery. All others were answered with 4xx.
func TestStorm(t *testing.T) {
	onOwn(t, realmta.SiteOptions{}, func(t *testing.T, s *realmta.Site) {
		const clients, each, kills = 3, 25, 6
		var mu sync.Mutex
		yes := map[string]bool{}
		var refused, spoofs int
		var failures []error
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		replies := make(chan struct{}, 2*clients*each)
		for n := range clients {
			wg.Go(func() {
				for i := range each {
					rcpt := recipient(t, fmt.Sprintf("%d-%d", n, i))
					good, err := s.Zone.Sign(mail("alice@"+realmta.Good, rcpt, forgery), realmta.Good, realmta.Selector, "relaxed/relaxed")
					if err != nil {
						mu.Lock()
						failures = append(failures, err)
						mu.Unlock()
						return
					}
					// A sender tries again until it is taken.
					for try := 0; ctx.Err() == nil; try++ {
						spoof, err := attempt(ctx, s, "bounce@"+realmta.Bank, "spoof-"+rcpt, mail("ceo@"+realmta.Bank, rcpt, forgery))
						if err == nil && spoof.Class() == 2 {
							err = fmt.Errorf("a spoof was accepted: %s", spoof)
						}
						r, err2 := attempt(ctx, s, "alice@"+realmta.Good, rcpt, good)
						mu.Lock()
						if spoof.Class() == 5 {
							spoofs++
						}
						if r.Class() == 4 {
							refused++
						}
						if r.Class() == 2 {
							yes[rcpt] = true
						}
						if err = errors.Join(err, err2); err != nil || r.Class() == 5 {
							failures = append(failures, fmt.Errorf("%s: %s %w", rcpt, r, errors.Join(err, errors.New("neither 250 nor 4xx"))))
						}
						mu.Unlock()
						select {
						case replies <- struct{}{}:
						default: // more than anybody waits for
						}
						if r.Class() == 2 || err != nil {
							break
						}
						time.Sleep(20 * time.Millisecond) // the machine has other work
					}
				}
			})
		}
		hear := func(n int) {
			for range n {
				select {
				case <-replies:
				case <-ctx.Done():
				}
			}
		}
		for range kills {
			hear(clients) // each has a message under way, or the next
			s.Postvet.Kill()
			hear(1)
			if err := s.Postvet.Start(ctx); err != nil {
				t.Error(err)
				break
			}
		}
		wg.Wait()
		for _, err := range failures {
			t.Error(err)
		}
		if len(yes) != clients*each {
			t.Errorf("%d messages accepted, want %d", len(yes), clients*each)
		}
		for rcpt := range yes {
			wantResults(t, onTop(t, delivered(t, s, rcpt)), "dkim=pass", "dmarc=pass")
		}
		all, err := s.Deliveries()
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != len(yes) {
			t.Errorf("%d messages delivered, %d accepted", len(all), len(yes))
		}
		t.Logf("%d accepted after %d temporary refusals, %d spoofs rejected", len(yes), refused, spoofs)
	})
}
