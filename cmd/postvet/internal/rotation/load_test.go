package rotation

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/authority"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// signedMail is a message and when it was signed.
type signedMail struct {
	text string
	at   time.Time
}

// TestRotationUnderLoad signs without a break while keys are rotated several times. Each
// message is verified at once as three receivers do: two ask one name server each, without
// a cache, and the third has a cache that remembers the name of each new key as absent.
// Some messages are verified once more near the end of the time that their key's record
// stays. No verification fails, and no message is unsigned.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out what takes long")
	}
	const keep = 3 * time.Second
	s := newSite(t)
	s.lag = 1500 * time.Millisecond
	first := s.create("first", "rsa2048")
	s.put(first.Name(), first.Record())
	time.Sleep(2 * s.lag)
	plan := Plan{Every: 2 * time.Second, Keep: keep, Revoked: time.Second, Publishes: true}
	k := s.keeper(Options{Plan: plan, Publisher: s, Pace: Pace{
		Pending: 50 * time.Millisecond, Slow: 50 * time.Millisecond, Settled: 100 * time.Millisecond, Published: 20 * time.Millisecond, Failed: 100 * time.Millisecond,
	}})
	receivers := []dkim.Resolver{direct{t, s.servers[0].Addr()}, direct{t, s.servers[1].Addr()}, s.cache(1)}
	checker := policy.NewChecker(policy.Options{
		Resolver: s.cache(0), AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Signing: &policy.Signing{Keys: s.source, MaxParallel: 2},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // a busy machine takes long
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			k.Step(context.WithoutCancel(ctx))
			_ = s.source.Save()
			time.Sleep(20 * time.Millisecond)
		}
	})
	wg.Go(func() { // what plants absence in the cache of the third receiver
		for ctx.Err() == nil {
			s.source.States().Each(func(_ string, k states.Key) { go receivers[2].Lookup(context.WithoutCancel(ctx), k.Name, dnscache.TXT) })
			time.Sleep(30 * time.Millisecond)
		}
	})
	underWay := make(chan signedMail, 10000)
	var signed, verified [4]int
	selectors := map[string]bool{}
	var mu sync.Mutex
	gone := func() (n int) {
		for _, state := range s.lives(s.source.States()) {
			if state == string(states.Gone) {
				n++
			}
		}
		return n
	}
	wg.Go(func() { // ends the test when enough has happened
		for ctx.Err() == nil && !t.Failed() {
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			enough := len(selectors) >= 3 && verified[3] > 0
			mu.Unlock()
			if enough && gone() > 0 {
				break
			}
		}
		cancel()
	})
	for i := range 3 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil && !t.Failed(); n++ {
				at := time.Now()
				text, selector, err := signOne(context.WithoutCancel(ctx), checker, n)
				if err != nil {
					t.Errorf("message %d: %v; %v", n, err, s.lives(s.source.States()))
					return
				}
				mu.Lock()
				selectors[selector] = true
				mu.Unlock()
				signed[i]++
				for j, r := range receivers {
					err := verify(context.WithoutCancel(ctx), r, text)
					if time.Since(at) > keep {
						break // the machine stood still, and the record may be revoked by now
					}
					if err != nil {
						t.Errorf("message %d by %s, receiver %d: %v; %v", n, selector, j, err, s.lives(s.source.States()))
						return
					}
					verified[i]++
				}
				if n%20 == 0 {
					underWay <- signedMail{text, at}
				}
			}
		})
	}
	wg.Go(func() {
		for {
			select {
			case m := <-underWay:
				time.Sleep(time.Until(m.at.Add(keep - 500*time.Millisecond)))
				for j, r := range receivers {
					err := verify(context.WithoutCancel(ctx), r, m.text)
					if time.Since(m.at) > keep {
						break // too late: the record may be revoked by now
					}
					if err != nil {
						t.Errorf("late, receiver %d: %v", j, err)
					}
					mu.Lock()
					verified[3]++
					mu.Unlock()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	wg.Wait()
	lives := s.lives(s.source.States())
	t.Logf("signed %d, verified %d at once and %d late; keys %v signed; %v; changes %q", signed[0]+signed[1]+signed[2], verified[0]+verified[1]+verified[2], verified[3], len(selectors), lives, s.changes)
	if len(selectors) < 3 || gone() == 0 || verified[3] == 0 {
		t.Errorf("too little happened: keys %v signed, states %v", selectors, lives)
	}
}

// cache returns a resolver with a cache before one of the servers, which no change of the
// zone flushes.
func (s *site) cache(i int) *dnscache.Resolver {
	s.t.Helper()
	r, err := dnscache.New(dnscache.Options{Upstreams: []string{s.servers[i].Addr()}, MinTTL: time.Second, NegativeTTL: time.Second, Timeout: 10 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	return r
}

// direct is a receiver without a cache that asks one server.
type direct struct {
	t    *testing.T
	addr string
}

func (d direct) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	r, err := authority.Ask(ctx, netip.MustParseAddrPort(d.addr), name)
	switch {
	case err != nil:
		d.t.Errorf("%s: %v", d.addr, err)
		return &dnscache.Answer{Outcome: dnscache.ServFail}
	case len(r.Records) == 0:
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	}
	return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{r.Records[0].Text}}
}

// signOne signs a message as the service does.
func signOne(ctx context.Context, checker *policy.Checker, n int) (text, selector string, err error) {
	text = fmt.Sprintf("From: ann@example.org\r\nSubject: %d\r\n\r\n%d\r\n", n, n)
	reader := message.NewReader(strings.NewReader(text))
	header, err := reader.Header()
	if err != nil {
		return "", "", err
	}
	e := message.Envelope{Client: message.Client{IP: netip.MustParseAddr("203.0.113.7")}, Sender: message.Sender{Path: "ann@example.org", User: "ann@example.org"}}
	_, r, err := checker.Play(ctx, e, header, reader, false)
	if err != nil {
		return "", "", err
	}
	if r.Signing == nil || r.Signing.Reason != "" {
		return "", "", fmt.Errorf("not signed: %+v", r.Signing)
	}
	for _, f := range r.Signing.Fields {
		text = f.Raw + text
	}
	return text, r.Signing.Selector, nil
}

// verify verifies the first signature as a receiver does.
func verify(ctx context.Context, r dkim.Resolver, text string) error {
	reader := message.NewReader(strings.NewReader(text))
	h, err := reader.Header()
	if err != nil {
		return err
	}
	var bodies dkim.Bodies
	v := dkim.NewVerifier(h, &bodies, dkim.Options{})
	if _, err := reader.WriteTo(&bodies); err != nil {
		return err
	}
	bodies.Close()
	got := v.Finish(v.LookupKeys(ctx, r))
	if len(got) == 0 || got[0].Status != dkim.Pass {
		return fmt.Errorf("%+v", got)
	}
	return nil
}
