package spf

import (
	"sync"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// ahead holds lookups that run before the evaluation reaches the terms that
// need them, so that the lookups of five includes take the time of one. It
// changes no result: the evaluation handles the terms in their order, counts
// them when it reaches them, and then finds their answers.
//
// A record cannot use this to cause many lookups: whenever one is started, the
// terms evaluated and those started ahead are at most ten together.
//
// While the evaluation waits for an answer, it starts the lookups that other
// arriving records need. Everything but the lookups runs in the goroutine of
// the evaluation.
type ahead struct {
	started map[question]*aheadLookup // without those taken
	// terms is the number of these that are for terms, and records the number
	// of those for records that startRecord has not handled.
	terms, records int
	// arrived receives the lookups of records when they end.
	arrived chan *aheadLookup
	running sync.WaitGroup
}

// question identifies a lookup.
type question struct {
	name string
	typ  dnscache.Type
	// client is true for a lookup of one of the client's names. It has less
	// time than one of the same name for a term.
	client bool
}

// aheadLookup is a lookup that was started ahead.
type aheadLookup struct {
	name string
	term bool
	// record is true until startRecord handles the record in the answer, or the
	// evaluation reaches it.
	record bool
	done   chan struct{}
	answer *dnscache.Answer // set when done is closed
}

// reserve is the number of the ten terms that startRecord leaves to the record
// that the evaluation reaches first.
const reserve = 2

// startAhead starts the lookups of the record's terms from the given one up to
// the first that is known to match without the DNS. It leaves the very first to
// the evaluation, which needs it next.
//
// It is called after the first answer that was not in the cache: while all
// answers come from the cache there is nothing to gain.
func (e *evaluation) startAhead(rec *Record, from int, domain string) {
	if !e.opt.Sequential {
		e.startTerms(rec, from, domain, true, 0)
	}
}

// startTerms starts lookups as startAhead does, and leaves reserved of the ten
// terms. It skips the first lookup if first is true.
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
	// The redirect is evaluated last, wherever it is written.
	if rec.redirect != nil && !first {
		e.startTerm(rec.redirect, domain, reserved)
	}
}

// await waits for an answer, and handles records that arrive meanwhile.
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

// startRecord starts the lookups that a record needs which itself was looked up
// ahead.
func (e *evaluation) startRecord(r *aheadLookup) {
	if !r.record {
		return // the evaluation has reached it
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

// startTerm starts the lookup of the term's own target, if the target is known
// without lookups and the limits allow it.
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

// startHosts starts the address lookups of an mx term, except the first, which
// the evaluation needs next.
func (e *evaluation) startHosts(mx []dnscache.Exchange) {
	if e.opt.Sequential || !e.waited {
		return
	}
	for i := 1; i < len(mx) && i < maxHosts; i++ {
		e.start(question{name: targetName(mx[i].Host), typ: e.family()}, false)
	}
}

// start starts a lookup for a term, or for a mail exchanger or record.
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
			default: // the evaluation handles it when it reaches it
			}
		}
	})
}

// maxArrivals bounds the records that wait for startRecord. There are at most
// nine at a time.
const maxArrivals = 16

// take waits for and returns the answer to a question that was started ahead,
// or returns nil if it was not started.
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

// wait returns when no lookup is running.
func (a *ahead) wait() { a.running.Wait() }
