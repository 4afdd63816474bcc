package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Load describes how mail is played.
type Load struct {
	Sessions int
	// Messages bounds the number of messages, Limit the time.
	Messages int
	Limit    time.Duration
	// Check has the verdicts compared with the expected ones.
	Check bool
	// Judge returns what is wrong with a verdict; nil compares it with Case.Want.
	Judge func(*Case, *Verdict) string
	// Delay is how long each DNS answer takes.
	Delay time.Duration
}

// Outcome is the result of a load.
type Outcome struct {
	Messages int
	Time     time.Duration
	// Latencies are those of all messages, sorted. They are measured from the
	// connection to the milters, or from MAIL FROM for later messages of a
	// connection, to the verdict.
	Latencies []time.Duration
	// Excess are the latencies less the least time of the message's chain of
	// lookups with nothing cached, sorted. Messages that share answers with
	// others are left out.
	Excess []time.Duration
	Wrong  int
	Errors int
	// Examples has a few of the wrong verdicts and errors.
	Examples []string
	Actions  map[string]int
}

const maxExamples = 5

// connections groups cases, n to a connection, each with one client. A client
// with fewer messages sends its own again. With n = 1 the order stays.
func connections(cases []Case, n int) [][]*Case {
	var all [][]*Case
	if n <= 1 {
		for i := range cases {
			all = append(all, []*Case{&cases[i]})
		}
		return all
	}
	at := map[Client]int{} // the client's connection that is not full
	for i := range cases {
		c := &cases[i]
		k, ok := at[c.Client]
		if !ok || len(all[k]) == n {
			k = len(all)
			all = append(all, nil)
			at[c.Client] = k
		}
		all[k] = append(all[k], c)
	}
	for k := range all {
		for i := 0; len(all[k]) < n; i++ {
			all[k] = append(all[k], all[k][i])
		}
	}
	return all
}

// play plays connections again and again until the load's end, against a chain
// of milters at unix sockets.
func play(ctx context.Context, chain []string, conns [][]*Case, l Load) *Outcome {
	ctx, cancel := context.WithTimeout(ctx, l.Limit)
	defer cancel()
	p := &player{chain: chain, conns: conns, load: l, out: &Outcome{Actions: map[string]int{}}}
	start := time.Now()
	var wg sync.WaitGroup
	for range l.Sessions {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Wait()
	p.out.Time = time.Since(start)
	slices.Sort(p.out.Latencies)
	slices.Sort(p.out.Excess)
	p.out.Messages = len(p.out.Latencies)
	return p.out
}

type player struct {
	chain  []string
	conns  [][]*Case
	load   Load
	next   atomic.Int64 // connection
	played atomic.Int64 // messages begun

	mu  sync.Mutex
	out *Outcome
}

// maxErrors ends a load in which nothing works.
const maxErrors = 100

func (p *player) run(ctx context.Context) {
	own := &Outcome{Actions: map[string]int{}}
	for ctx.Err() == nil && own.Errors < maxErrors {
		if int(p.played.Load()) >= p.load.Messages {
			break
		}
		cases := p.conns[int(p.next.Add(1)-1)%len(p.conns)]
		p.connection(ctx, cases, own)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Latencies = append(p.out.Latencies, own.Latencies...)
	p.out.Excess = append(p.out.Excess, own.Excess...)
	p.out.Wrong += own.Wrong
	p.out.Errors += own.Errors
	p.out.Examples = append(p.out.Examples, own.Examples...)
	p.out.Examples = p.out.Examples[:min(len(p.out.Examples), maxExamples)]
	for a, n := range own.Actions {
		p.out.Actions[a] += n
	}
}

func (p *player) connection(ctx context.Context, cases []*Case, out *Outcome) {
	note := func(text string) {
		if len(out.Examples) < maxExamples {
			out.Examples = append(out.Examples, text)
		}
	}
	start := time.Now()
	s, err := openSession(p.chain, cases[0].Client)
	if err != nil {
		out.Errors++
		note(err.Error())
		return
	}
	defer s.close()
	for _, c := range cases {
		n := p.played.Add(1)
		if int(n) > p.load.Messages || ctx.Err() != nil {
			return
		}
		v, err := s.message(c, fmt.Sprintf("4B%08X", n))
		if err != nil {
			out.Errors++
			note(c.Kind + ": " + err.Error())
			return
		}
		took := time.Since(start)
		out.Latencies = append(out.Latencies, took)
		if !c.Shared {
			out.Excess = append(out.Excess, took-time.Duration(c.Chain)*p.load.Delay)
		}
		out.Actions[v.Action]++
		if p.load.Check {
			judge := wrong
			if p.load.Judge != nil {
				judge = p.load.Judge
			}
			if why := judge(c, v); why != "" {
				out.Wrong++
				note(why)
			}
		}
		start = time.Now()
	}
}
