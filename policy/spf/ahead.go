package spf

import (
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// ahead holds the lookups that were started before the evaluation came to the
// terms that need them, so that a record with five includes costs the time of
// one. It changes no result: evaluation takes the terms in their order, counts
// them as it reaches them, and only finds the answers already there.
//
// Nor can a record make it ask for much: the terms evaluated and those started
// ahead are never more than ten together when one is started.
//
// While the evaluation waits for an answer, the records that arrive meanwhile
// are looked into in the same way. All of it but the lookups themselves runs in
// the goroutine of the evaluation.
type ahead struct {
	started map[question]*aheadLookup // and not taken yet
	// terms is how many of these are for terms, records how many for records that
	// were not looked into.
	terms, records int
	// arrived gets those for records whose answer is there.
	arrived chan *aheadLookup
	running sync.WaitGroup
}

type question struct {
	name string
	typ  dnscache.Type
	// client tells a lookup of one of the client's names, whose time is short,
	// from one of the same name for a term.
	client bool
}

// aheadLookup is a lookup that was started ahead.
type aheadLookup struct {
	name string
	term bool
	// record tells that the answer holds a record that was not looked into.
	record bool
	done   chan struct{}
	answer *dnscache.Answer // to be read after done is closed
}

// reserve is how many of the ten terms are left to the record that the
// evaluation comes to first, when another one is looked into.
const reserve = 2

// startAhead starts the lookups of the record's terms from the given one up to
// the first that is known to match without the DNS. The very first is left to
// the evaluation, which asks for it next.
//
// It is called once an answer had to be waited for: as long as all comes from
// the cache there is nothing to gain.
func (e *evaluation) startAhead(rec *Record, from int, domain string) {
	if !e.opt.sequential {
		e.startTerms(rec, from, domain, true, 0)
	}
}

// startTerms is startAhead; reserved is how many of the ten terms it leaves.
func (e *evaluation) startTerms(rec *Record, from int, domain string, first bool, reserved int) {
	for i := from; i < len(rec.Terms); i++ {
		t := &rec.Terms[i]
		switch {
		case t.Mechanism == "all", t.Network.IsValid() && t.Network.Contains(e.ip):
			return
		case t.Mechanism == "" || !t.Counts():
		case first:
			first = false
		default:
			e.startTerm(t, domain, reserved)
		}
	}
	// The redirect comes last, wherever it is written.
	if rec.redirect != nil && !first {
		e.startTerm(rec.redirect, domain, reserved)
	}
}

// await waits for an answer. Records that arrive meanwhile are looked into.
func (e *evaluation) await(l *aheadLookup) {
	for e.ahead.records > 0 {
		select {
		case <-l.done:
			return
		case r := <-e.ahead.arrived:
			e.startRecord(r)
		}
	}
	<-l.done
}

// startRecord starts what a record needs that was asked for ahead.
func (e *evaluation) startRecord(r *aheadLookup) {
	if !r.record {
		return // the evaluation has come to it
	}
	r.record = false
	e.ahead.records--
	if r.answer.Outcome != dnscache.Found {
		return
	}
	if p := published(r.answer); p.record != nil {
		e.startTerms(p.record, 0, r.name, false, reserve)
	}
}

// startTerm starts the lookup of the term's own target, if that can be told
// without lookups and the limits leave room for it.
func (e *evaluation) startTerm(t *Term, domain string, reserved int) {
	// The term that the evaluation is about to count is not in lookups yet.
	if e.lookups+1+e.ahead.terms >= maxLookups-reserved || t.spec.uses("p") || t.spec.uses(e.unusable) {
		return
	}
	target, _, _ := e.target(t, domain)
	q := question{name: target, typ: dnscache.TXT}
	switch t.Mechanism {
	case "a":
		q.typ = e.family()
	case "mx":
		q.typ = dnscache.MX
	case "exists":
		q.typ = dnscache.A
	case "ptr":
		if e.client.asked {
			return
		}
		q = question{name: dnscache.ReverseName(e.ip), typ: dnscache.PTR}
	}
	e.start(q, true)
}

// startHosts starts the address lookups of an mx term, but for the first,
// which the evaluation asks for next.
func (e *evaluation) startHosts(mx []dnscache.Exchange) {
	if e.opt.sequential || !e.waited {
		return
	}
	for i := 1; i < len(mx) && i < maxHosts; i++ {
		e.start(question{name: targetName(mx[i].Host), typ: e.family()}, false)
	}
}

func (e *evaluation) start(q question, term bool) {
	e.launch(q, term, budget(q.typ))
}

// launch starts a lookup, which takes no longer than limit, unless it was started
// before.
func (e *evaluation) launch(q question, term bool, limit time.Duration) {
	a := &e.ahead
	if a.started[q] != nil || impossible(q.name) != "" {
		return
	}
	if a.started == nil {
		a.started = map[question]*aheadLookup{}
		a.arrived = make(chan *aheadLookup, maxArrivals)
	}
	l := &aheadLookup{name: q.name, term: term, record: term && q.typ == dnscache.TXT, done: make(chan struct{})}
	a.started[q] = l
	if term {
		a.terms++
	}
	record := l.record
	if record {
		a.records++
	}
	a.running.Go(func() {
		l.answer = e.lookupWithin(limit, q.name, q.typ)
		close(l.done)
		if record {
			select {
			case a.arrived <- l:
			default: // it is looked into when the evaluation comes to it
			}
		}
	})
}

// maxArrivals bounds the records that wait to be looked into. There are at most
// nine at a time.
const maxArrivals = 16

// take returns the answer to a question that was started ahead, waiting for it
// if need be; nil if it was not started.
func (e *evaluation) take(q question) *dnscache.Answer {
	a := &e.ahead
	l := a.started[q]
	if l == nil {
		return nil
	}
	delete(a.started, q)
	if l.term {
		a.terms--
	}
	if l.record {
		l.record = false
		a.records--
	}
	e.await(l)
	return l.answer
}

// wait returns when nothing is under way any more.
func (a *ahead) wait() { a.running.Wait() }
