package reportsending

import (
	"hash/fnv"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// place returns when the report of a subject is sent first: at a place in the window that
// is the same every day, so that reports come evenly and expectedly.
func (s *Settings) place(subject *reports.Subject, node string) time.Time {
	h := fnv.New64a()
	_, _ = h.Write([]byte(subject.Policy.Domain + "\x00" + node))
	begin := (subject.Day + 1).Begin().Add(closeAfter)
	return begin.Add(time.Duration(h.Sum64()%uint64(s.Window/time.Second)) * time.Second)
}

// The pauses of a destination, and of everything while the MTA takes nothing.
const (
	firstPause    = time.Hour
	longestPause  = 24 * time.Hour
	firstOutage   = time.Minute
	longestOutage = 15 * time.Minute
	// maxDestinations bounds what is remembered.
	maxDestinations = 10000
)

// pace says when a delivery may go. It forgets all at a restart, which costs some
// attempts.
type pace struct {
	spacing     time.Duration // of all
	destination time.Duration // of those to one domain
	next        time.Time     // of all
	domains     map[string]*destination
	reserved    map[[2]string]time.Time // by report and address
	outage      time.Duration           // of the MTA
	resumes     time.Time
}

// destination is the state of one domain.
type destination struct {
	next   time.Time // when the next place is free
	sent   time.Time // when something went there last
	paused time.Time // until when nothing goes there
	pause  time.Duration
}

func newPace(s *Settings) *pace {
	return &pace{
		spacing: time.Minute / time.Duration(s.Rate), destination: time.Minute / time.Duration(s.PerDestination),
		domains: map[string]*destination{}, reserved: map[[2]string]time.Time{},
	}
}

func (p *pace) domain(name string) *destination {
	d := p.domains[name]
	if d == nil {
		if len(p.domains) >= maxDestinations {
			clear(p.domains)
		}
		d = &destination{}
		p.domains[name] = d
	}
	return d
}

// wait returns until when nothing may be sent at all.
func (p *pace) wait() time.Time {
	if p.resumes.After(p.next) {
		return p.resumes
	}
	return p.next
}

// admit reports whether a delivery may go now, and when else. One that must wait for its
// destination gets a place of its own, which it has when it comes again.
func (p *pace) admit(d *reports.Delivery, now time.Time) (ok bool, when time.Time) {
	key := [2]string{d.Report, d.Address}
	to := p.domain(domainOf(d.Address))
	if to.paused.After(now) {
		delete(p.reserved, key)
		return false, to.paused
	}
	at, has := p.reserved[key]
	if has && at.After(now) {
		return false, at
	}
	delete(p.reserved, key)
	free := to.sent.Add(p.destination)
	if !has && to.next.After(free) {
		free = to.next
	}
	if !free.After(now) {
		to.sent, p.next = now, now.Add(p.spacing)
		if to.next.Before(now) {
			to.next = now.Add(p.destination)
		}
		return true, now
	}
	// After an outage many of one domain may have missed their places.
	if to.next.After(free) {
		free = to.next
	}
	to.next = free.Add(p.destination)
	if len(p.reserved) >= maxDestinations {
		clear(p.reserved)
	}
	p.reserved[key] = free
	return false, free
}

// unused gives back the place of a delivery that was admitted and did not go.
func (p *pace) unused(address string, now time.Time) {
	d := p.domain(domainOf(address))
	d.sent = time.Time{}
	d.next = d.next.Add(-p.destination)
	p.next = now
}

// refused notes that a destination wants less for now, and returns until when it is paused.
func (p *pace) refused(address string, now time.Time) time.Time {
	d := p.domain(domainOf(address))
	d.pause = min(max(2*d.pause, firstPause), longestPause)
	d.paused = now.Add(d.pause)
	return d.paused
}

// down notes that the MTA takes nothing, and returns until when everything waits.
func (p *pace) down(now time.Time) time.Time {
	p.outage = min(max(2*p.outage, firstOutage), longestOutage)
	p.resumes = now.Add(p.outage)
	return p.resumes
}

// taken notes that the MTA took a message for an address.
func (p *pace) taken(address string) {
	p.outage, p.resumes = 0, time.Time{}
	d := p.domain(domainOf(address))
	d.pause, d.paused = 0, time.Time{}
}

// turnedBack puts everything right after the clock was set back: what waited for a time
// waits no longer than it would have.
func (p *pace) turnedBack(now time.Time) {
	if p.wait().After(now.Add(longestOutage)) {
		p.next, p.resumes = time.Time{}, time.Time{}
	}
	for _, d := range p.domains {
		if d.paused.After(now.Add(longestPause)) || d.next.After(now.Add(longestPause)) || d.sent.After(now) {
			*d = destination{}
			clear(p.reserved)
		}
	}
}
