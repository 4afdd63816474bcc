package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// Levels of findings, the gravest first.
const (
	levelBad  = "bad"  // mail or data suffers
	levelWarn = "warn" // it will, or a person should look
)

// finding is something that needs attention.
type finding struct {
	// Name tells findings apart, for scripts.
	Name  string `json:"name"`
	Level string `json:"level"`
	// Text says what is the matter, Do what to do.
	Text string `json:"text"`
	Do   string `json:"do"`
	// Details are lines that fold out.
	Details []string `json:"details"`
	// Path is the page that shows more, with a query if it has one.
	Path string `json:"path"`
}

// maxDetails bounds the lines of a finding.
const maxDetails = 20

// findingsOf returns what needs attention, the gravest first. It is a function of the facts
// alone.
func findingsOf(f *Facts, now time.Time) []finding {
	l := &findings{all: []finding{}, now: now}
	l.service(&f.Status)
	l.dns(&f.Status.DNS)
	l.config(&f.Status.Config, f.Expired, f.Ending)
	l.keys(f.Status.Keys)
	l.domains(f.Status.Watch)
	l.journal(&f.Journal)
	l.disk(f.Disk)
	l.fleet(f.Journal.Shipping)
	l.reports(f.Sending, f.Counting)
	l.held(&f.Held)
	if f.PatternsUnwritten {
		l.add(levelWarn, "patterns-unwritten", "/status", "What Postvet learns from genuine mail cannot be written to the disk.",
			"Look at the disk and the rights of the journal's directory. Nothing is lost until the service stops.")
	}
	slices.SortStableFunc(l.all, func(a, b finding) int { return cmp.Compare(a.Level, b.Level) }) // "bad" before "warn"
	return l.all
}

// findings grow.
type findings struct {
	all []finding
	now time.Time
}

func (l *findings) add(level, name, path, text, do string, details ...string) {
	shown := []string{}
	for i, d := range details {
		if i == maxDetails {
			shown = append(shown, fmt.Sprintf("and %d more", len(details)-i))
			break
		}
		shown = append(shown, foreign.Terminal(d, 500))
	}
	l.all = append(l.all, finding{Name: name, Level: level, Text: text, Do: do, Details: shown, Path: path})
}

// service finds what is wrong with the service itself.
func (l *findings) service(s *control.Status) {
	if s.Drain != nil {
		l.add(levelWarn, "stopping", "/status", "The service is stopping, and waits for the messages in flight.", "Nothing, if you stopped it. Mail waits at its senders until it runs again.")
	}
	if len(s.NotReady) > 0 && s.Drain == nil && !s.DNS.Degraded { // which is told by itself
		l.add(levelWarn, "not-ready", "/status", "Other machines that ask are told to send no mail here at present (/readyz).", "Nothing, if you know why. It ends by itself with its cause.", s.NotReady...)
	}
	if n := s.Messages.Faults; n > 0 {
		l.add(levelBad, "faults", "/status", fmt.Sprintf("Postvet itself failed on %s since its start.", layout.Count(n, "message")),
			"That is a fault in Postvet. Mail is deferred or accepted as policy.on_fault says; report what the log has of it.")
	}
	if n := s.Messages.Undelivered; n > 0 && n*20 > s.Messages.Total.All() {
		l.add(levelWarn, "undelivered", "/status", fmt.Sprintf("The mail server did not wait for the verdict of %s.", layout.Count(n, "message")),
			"Compare the timeouts of the mail server with what lookups take; \"postvet config check --mta postfix\" does.")
	}
	if s.Sessions.Limit > 0 && s.Sessions.Open*10 >= int64(s.Sessions.Limit)*9 {
		l.add(levelWarn, "connections", "/status", fmt.Sprintf("%d of at most %d connections of mail servers are open.", s.Sessions.Open, s.Sessions.Limit),
			"Raise limits.connections, or find out which mail server opens so many.")
	}
}

// dns finds resolvers that fail.
func (l *findings) dns(d *control.DNS) {
	failing, refused := []string{}, false
	for _, u := range d.Upstreams {
		switch {
		case u.Certificate != "":
			refused = true
			failing = append(failing, u.Address+" is not asked: "+u.Certificate)
		case u.BackOff:
			failing = append(failing, fmt.Sprintf("%s fails: %d of %d queries, of which %d timed out", u.Address, u.Failures, u.Queries, u.Timeouts))
		}
	}
	switch {
	case d.Degraded:
		l.add(levelBad, "dns-down", "/status#dns", "The DNS fails: lookups of all names get no answer, so that nobody can be authenticated.",
			"Look at the resolvers of [dns] and at the network. Mail is deferred meanwhile, not refused.", failing...)
	case len(failing) > 0 && len(failing) == len(d.Upstreams) && refused:
		l.add(levelBad, "resolvers-failing", "/status#dns", "All DNS resolvers fail.", "Look at them and at the network.", failing...)
	case len(failing) > 0 && len(failing) == len(d.Upstreams): // three queries do that, also of one domain
		l.add(levelWarn, "resolvers-failing", "/status#dns", "No DNS resolver answered the last queries.",
			"Look at them and at the network, unless these were queries for one domain whose servers do not answer.", failing...)
	case len(failing) > 0:
		l.add(levelWarn, "resolver-failing", "/status#dns", fmt.Sprintf("%d of %d DNS resolvers fail; the others are asked.", len(failing), len(d.Upstreams)),
			"Look at it, or take it out of dns.resolvers.", failing...)
	}
}

// config finds changes of the configuration that are not in force, and entries that end.
func (l *findings) config(c *control.Config, expired, ending []string) {
	if r := c.LastReload; r != nil && len(r.Errors) > 0 {
		l.add(levelBad, "reload-refused", "/policy", "The last reload was refused "+ago(l.now.Sub(r.At))+"; the configuration before it is in force.",
			"Mend the lines below, then run \"postvet reload\".", r.Errors...)
	}
	if len(c.NeedsRestart) > 0 {
		l.add(levelWarn, "needs-restart", "/status", "Some changes of the configuration wait for a restart.", "Restart the service when it suits.", c.NeedsRestart...)
	}
	if n := c.Expired; n > 0 {
		l.add(levelWarn, "expired", "/policy", fmt.Sprintf("Rules or entries have ended and have no effect: %d.", n), "Remove them, or give them a later end.", expired...)
	}
	if len(ending) > 0 {
		l.add(levelWarn, "ending", "/policy", fmt.Sprintf("Rules or entries end soon: %d.", len(ending)), "Prolong those that are still needed.", ending...)
	}
}

// keys finds keys that sign no more.
func (l *findings) keys(k *control.Keys) {
	if k == nil {
		return
	}
	if k.Unpublished > 0 {
		l.add(levelBad, "key-unpublished", "/keys#records", "The DNS does not show "+layout.Count(k.Unpublished, "key")+" that signed your mail.",
			"Publish the record again; the page of keys has it ready to copy.", k.Lost...)
	}
	if pending := k.ByState["pending"]; pending > 0 && k.ByState["active"] == 0 && k.Unpublished == 0 {
		l.add(levelBad, "key-pending", "/keys#records", "No key signs your mail yet: the DNS does not show "+layout.Count(pending, "key")+" that could.",
			"Publish the record; the page of keys has it ready to copy.")
	}
	if k.NotBegun > 0 {
		l.add(levelWarn, "rotation-not-begun", "/keys", "A change of keys is due and could not be begun: "+layout.Count(k.NotBegun, "domain")+".",
			"The log says why. Often the service may not write into the directory of the keys.")
	}
}

// domains finds watched domains whose records have errors.
func (l *findings) domains(d *control.Domains) {
	if d == nil {
		return
	}
	if d.Errors > 0 {
		var lines []string
		for _, f := range d.Faulty {
			lines = append(lines, f.Domain+": "+layout.Count(f.Errors, "error"))
		}
		path := "/own"
		if len(d.Faulty) > 0 { // the domain with most errors first
			path = "/domains/" + d.Faulty[0].Domain + "?dns=yes#dns"
		}
		l.add(levelBad, "own-domain-errors", path, "The DNS records of your own domains have "+layout.Count(d.Errors, "error")+".", "The page of each domain says what to publish.", lines...)
	}
	if n := d.ByVerdict["undetermined"]; n > 0 {
		l.add(levelWarn, "own-domain-unknown", "/status#dns", "Not all DNS records of your own domains could be looked up: "+layout.Count(n, "domain")+".", "Look whether the resolvers answer. The lookups are repeated within half an hour.")
	}
	for _, x := range []struct{ name, problem, text, do string }{
		{"watch-unsaved", d.Unsaved, "What was seen of your watched domains cannot be saved.", "Look at the disk and the rights of watch.state."},
		{"watch-unsent", d.Unsent, "The mail about your watched domains cannot be sent.", "Look at the server of report.smtp."},
	} {
		if x.problem != "" {
			l.add(levelWarn, x.name, "/status", x.text, x.do, x.problem)
		}
	}
}

// held finds caps of held mail that are reached.
func (l *findings) held(h *Held) {
	if h.PerDay > 0 && h.Today >= h.PerDay {
		l.add(levelBad, "held-cap", "/held", fmt.Sprintf("As much mail is held today as policy.hold_per_day allows (%d); more is deferred or marked.", h.PerDay),
			"Look through the held mail. If most of it is genuine, trust who forwards it; else raise the cap.")
		return
	}
	if h.PerDay > 0 && h.Today*10 >= h.PerDay*9 {
		l.add(levelWarn, "held-cap-near", "/held", fmt.Sprintf("%d messages are held today, and policy.hold_per_day allows %d.", h.Today, h.PerDay), "Look through the held mail before the cap is reached.")
	}
	if h.OverDomain > 0 {
		l.add(levelWarn, "held-domain-cap", "/held", fmt.Sprintf("Since the start, %s of single domains were not held, as policy.hold_per_domain was reached.", layout.Count(int64(min(h.OverDomain, 1<<62)), "message")),
			"Look which domain it is: a forgery in numbers, or a forwarder to trust.")
	}
}

// countLines returns sorted counts that are not zero, "accepted: 3".
func countLines(m map[string]int64) (list []string) {
	for name, n := range m {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s: %d", name, n))
		}
	}
	slices.Sort(list)
	return list
}

// sum returns the sum of counts.
func sum(m map[string]int64) (n int64) {
	for _, some := range m {
		n += some
	}
	return n
}
