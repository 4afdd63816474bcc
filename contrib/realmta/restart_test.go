//go:build linux

package realmta_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
)

// restartTime is how long TestRestarts goes on for each way to listen.
// POSTVET_RESTART_TIME=1m makes it longer.
const restartTime = 5 * time.Second

// TestRestarts has several senders load Postfix while Postvet is restarted
// every second, once with a socket passed as by systemd and once with its own.
// No message may be lost or pass unchecked. A message that is answered with 4xx
// is sent again and arrives.
func TestRestarts(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	lasting := restartTime
	if v := os.Getenv("POSTVET_RESTART_TIME"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < time.Second || d > time.Hour {
			t.Fatalf("POSTVET_RESTART_TIME=%q: want a time such as 1m", v)
		}
		lasting = d
	}
	for _, name := range []string{"passed-socket", "own-socket"} {
		t.Run(name, func(t *testing.T) {
			s := ownSite(t, realmta.SiteOptions{MTA: "Postfix", Passed: name == "passed-socket"})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			load := &load{site: s, name: name, accepted: map[string]bool{}}
			for n := range 4 {
				load.senders.Go(func() { load.send(ctx, n) })
			}
			restarts := load.restartEverySecond(t, lasting)
			cancel()
			load.senders.Wait()
			load.check(t, restarts)
		})
	}
}

// restartEverySecond stops and starts Postvet for a time, and returns how
// often: at least three times, and until both messages and spoofs had their
// final replies. Postvet stays up until some messages got through, since a
// second may be too short on a busy machine.
func (l *load) restartEverySecond(t *testing.T, lasting time.Duration) int {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	for n := 1; ; n++ {
		<-tick.C
		before := l.ends()
		eventually(t, "messages get through between restarts", func() bool { return l.ends() >= before+2 || l.failed() })
		// Exit code 0: it drained and lost nothing.
		if err := l.site.Postvet.Stop(); err != nil {
			t.Errorf("stop %d: %v", n, err)
		}
		if err := l.site.Postvet.Start(t.Context()); err != nil {
			t.Errorf("start %d: %v", n, err)
			return n
		}
		if n >= 3 && time.Since(began) > lasting && (l.bothKinds() || l.failed()) {
			return n
		}
	}
}

// load is a set of senders that try again until a message is accepted.
type load struct {
	site    *realmta.Site
	name    string
	senders sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]bool
	spoofs   int           // rejected with 550
	delayed  map[int]int   // replies 4xx by code
	slowest  time.Duration // the longest time of one message with all its tries
	failures []error
}

// ends returns how many messages and spoofs had their final replies.
func (l *load) ends() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted) + l.spoofs
}

// bothKinds reports whether messages were accepted and spoofs rejected.
func (l *load) bothKinds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted) > 0 && l.spoofs > 0
}

func (l *load) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failures) > 0
}

// send sends until ctx ends. A sender with an odd number opens a session for
// each message, the others keep theirs. Every third message is a spoof.
func (l *load) send(ctx context.Context, sender int) {
	client := realmta.GoodClient
	var c *realmta.Client
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	pace := time.NewTicker(25 * time.Millisecond) // the machine has other work
	defer pace.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		rcpt := fmt.Sprintf("restart-%s-%d-%d@%s", l.name, sender, i, realmta.Domain)
		from, spoof := "alice@"+realmta.Good, i%3 == 2
		msg := mail(from, rcpt, forgery)
		var err error
		if spoof {
			from = "bounce@" + realmta.Bank
			msg = mail("ceo@"+realmta.Bank, rcpt, forgery)
		} else if msg, err = l.site.Zone.Sign(msg, realmta.Good, realmta.Selector, "relaxed/relaxed"); err != nil {
			l.fail(rcpt, err)
			return
		}
		began := time.Now()
		// A message is tried until it has its final reply: at the end Postvet
		// stays up.
		for {
			r, err := l.try(&c, client, from, rcpt, msg)
			if err != nil {
				l.fail(rcpt, err)
				return
			}
			if sender%2 == 1 || r.Class() == 4 {
				c.Close()
				c = nil
			}
			if l.count(rcpt, r, spoof, time.Since(began)) {
				break
			}
			if time.Since(began) > patience {
				l.fail(rcpt, fmt.Errorf("not taken in %v", patience))
				return
			}
			<-pace.C
		}
		<-pace.C
	}
}

// try sends one message, in a new session if there is none.
func (l *load) try(c **realmta.Client, client, from, rcpt string, msg []byte) (realmta.Reply, error) {
	if *c == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		if *c, err = realmta.Dial(ctx, client, l.site.Addr()); err != nil {
			return realmta.Reply{}, err
		}
		if r := (*c).Greeting; r.Class() != 2 {
			return r, nil
		}
		if r, err := (*c).Cmd("EHLO %s", realmta.HeloName(client)); err != nil || r.Class() != 2 {
			return r, err
		}
	}
	r, err := (*c).Send(from, []string{rcpt}, msg)
	if err == nil && r.Class() == 5 {
		_, err = (*c).Cmd("RSET")
	}
	return r, err
}

// count takes a reply and reports whether it is the last one.
func (l *load) count(rcpt string, r realmta.Reply, spoof bool, took time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, took)
	switch {
	case r.Class() == 4:
		if l.delayed == nil {
			l.delayed = map[int]int{}
		}
		l.delayed[r.Code]++
		return false
	case spoof && r.Code == 550:
		l.spoofs++
	case !spoof && r.Code == 250:
		l.accepted[rcpt] = true
	default:
		l.failures = append(l.failures, fmt.Errorf("%s: reply %q", rcpt, r))
	}
	return true
}

func (l *load) fail(rcpt string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Errorf("%s: %w", rcpt, err))
}

// check compares the replies with the mailbox.
func (l *load) check(t *testing.T, restarts int) {
	for _, err := range l.failures {
		t.Error(err)
	}
	if len(l.accepted) == 0 || l.spoofs == 0 {
		t.Fatalf("%d messages accepted, %d spoofs rejected: this shows nothing", len(l.accepted), l.spoofs)
	}
	// Deliveries come after the reply; wait for them as a whole.
	var all []realmta.Delivery
	eventually(t, "all accepted messages arrive", func() bool {
		var err error
		if all, err = l.site.Deliveries(); err != nil {
			t.Fatal(err)
		}
		return len(all) >= len(l.accepted)
	})
	arrived := map[string]int{}
	unfiltered, forged := 0, 0
	for _, d := range all {
		arrived[d.Recipient]++
		fields := header(d.Message)
		switch mine := ours(fields); {
		case bytes.Contains(d.Message, []byte("(forged)")):
			forged++
		case len(mine) != 1 || !strings.Contains(mine[0], "dkim=pass") || !strings.Contains(mine[0], "dmarc=pass"):
			unfiltered++
		}
	}
	lost, twice, unasked := 0, 0, 0
	for rcpt := range l.accepted {
		if arrived[rcpt] == 0 {
			lost++
		}
	}
	for rcpt, n := range arrived {
		if n > 1 {
			twice++
		}
		if !l.accepted[rcpt] {
			unasked++
		}
	}
	if lost+twice+unasked+unfiltered+forged > 0 {
		t.Errorf("%d lost, %d twice, %d delivered though refused, %d unfiltered, %d with the forged result", lost, twice, unasked, unfiltered, forged)
	}
	tries := 0
	for _, n := range l.delayed {
		tries += n
	}
	t.Logf("%s: %d restarts; %d messages accepted, %d delivered, 0 lost, 0 unfiltered; %d spoofs rejected; %d replies 4xx %v, each tried again; the slowest message took %v",
		l.name, restarts, len(l.accepted), len(all), l.spoofs, tries, l.delayed, l.slowest.Round(time.Millisecond))
}
