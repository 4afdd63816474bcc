//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// load is how the messages arrive.
type load struct {
	sessions int
	// every is the time from one arrival to the next; 0 if each session begins its
	// next message when the last one has ended.
	every time.Duration
}

// counts are the results of the messages of one cell.
type counts struct {
	Messages int
	Accepted int // forgeries that were not refused or deferred
	Refused  int // honest messages that were refused for good
	Deferred int // of both
	Wrong    int // verdicts other than the expected one, or without its reason
	Took     []time.Duration
	First    string // the first wrong verdict, for a person
}

// percentile returns the time within which that part of the messages was decided.
func (c *counts) percentile(part float64) time.Duration {
	if len(c.Took) == 0 {
		return 0
	}
	return c.Took[min(len(c.Took)-1, int(part*float64(len(c.Took))))]
}

// play evaluates all messages.
func play(ctx context.Context, samples []sample, r *dnscache.Resolver, l load) (*counts, error) {
	checker := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.here.example"})
	var mu sync.Mutex
	c := &counts{}
	var failed error
	next := make(chan *sample)
	var sessions sync.WaitGroup
	for range l.sessions {
		sessions.Go(func() {
			for x := range next {
				start := time.Now()
				res, v, err := decide(ctx, checker, x)
				took := time.Since(start)
				mu.Lock()
				if err != nil {
					failed = err
				} else {
					c.add(x, res, v, took)
				}
				mu.Unlock()
			}
		})
	}
	begun := time.Now()
	for i := range samples {
		if wait := time.Until(begun.Add(time.Duration(i) * l.every)); l.every > 0 && wait > 0 {
			time.Sleep(wait)
		}
		next <- &samples[i]
	}
	close(next)
	sessions.Wait()
	slices.Sort(c.Took)
	return c, failed
}

// decide evaluates one message.
func decide(ctx context.Context, checker *policy.Checker, x *sample) (*result.Results, result.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, res, err := checker.Play(ctx, x.envelope, x.header, bytes.NewReader(x.body), false)
	if err != nil {
		return nil, result.Verdict{}, err
	}
	return res, rules.Rules{AuthservID: "mx.here.example"}.Decide(res), nil
}

// add counts one verdict.
func (c *counts) add(x *sample, res *result.Results, v result.Verdict, took time.Duration) {
	c.Messages++
	c.Took = append(c.Took, took)
	switch {
	case v.Action == result.TempFail:
		c.Deferred++
	case x.forged && v.Action != result.Reject:
		c.Accepted++
	case !x.forged && v.Action == result.Reject:
		c.Refused++
	}
	want := dmarc.Pass
	if x.forged {
		want = dmarc.Fail
	}
	if v.Action == x.want && res.DMARC.Status == want {
		return
	}
	c.Wrong++
	if c.First == "" {
		c.First = fmt.Sprintf("%s, %s: %s %s %q, dmarc=%s (%s)", x.name, x.envelope.Sender.Path, v.Action, v.Code, v.Text, res.DMARC.Status, res.DMARC.Reason)
	}
}
