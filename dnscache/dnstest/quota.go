package dnstest

import "time"

// Quota is the quota of a server, such as max_concurrent of CoreDNS, dns-forward-max of
// dnsmasq and recursive-clients of named. The zero value is none.
type Quota struct {
	// Most is how many questions are answered at a time.
	Most int
	// Fault is how the further ones fail.
	Fault Fault
	// Keep is how long the same question then fails in the same way, as with
	// servfail-ttl of named, unless it asks for no validation (CD).
	Keep time.Duration
}

// quota is the state of a Quota. The lock of the server protects it.
type quota struct {
	Quota
	set       int // how often a quota was set
	faults    faults
	answering int
	most      int // of answering, since the quota was set
	over      uint64
	kept      map[string]time.Time // until when a question fails
}

// maxKept bounds the questions whose failure is kept.
const maxKept = 1 << 16

// SetQuota sets the quota of the server. Questions for the name servers of the root do not
// count. SetQuota panics if the fault is none.
func (s *Server) SetQuota(q Quota) {
	fs, err := q.Fault.parse()
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota = quota{Quota: q, set: s.quota.set + 1, faults: fs, kept: map[string]time.Time{}}
}

// OverQuota returns how many questions failed because of the quota.
func (s *Server) OverQuota() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quota.over
}

// MostAtATime returns how many questions were answered at a time since SetQuota, at most.
func (s *Server) MostAtATime() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quota.most
}

// admitLocked returns the faults of a question that the quota does not admit. For one that
// it admits, the caller calls leave after the answer. unchecked questions ask for no
// validation.
func (s *Server) admitLocked(name, typ string, unchecked bool) (over faults, leave func()) {
	q := &s.quota
	if q.Most == 0 || name == "." {
		return nil, func() {}
	}
	key := name + " " + typ
	kept := !unchecked && time.Now().Before(q.kept[key])
	if kept || q.answering >= q.Most {
		q.over++
		if !kept && q.Keep > 0 && len(q.kept) < maxKept {
			q.kept[key] = time.Now().Add(q.Keep)
		}
		return q.faults, func() {}
	}
	q.answering++
	q.most = max(q.most, q.answering)
	set := q.set
	return nil, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.quota.set == set {
			s.quota.answering--
		}
	}
}
