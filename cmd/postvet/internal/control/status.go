package control

import (
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// States of the service.
const (
	StateServing  = "serving"
	StateDraining = "draining" // stops when the messages in flight have their verdicts
)

// Status is what "postvet status --json" prints. Fields may be added, never
// renamed.
type Status struct {
	Postvet       string    `json:"postvet"`
	PID           int       `json:"pid"`
	Started       time.Time `json:"started"`
	UptimeSeconds float64   `json:"uptime_seconds"`
	State         string    `json:"state"`
	Drain         *Drain    `json:"drain,omitempty"` // nil unless draining
	// NotReady are the reasons why no mail should be sent here, a sentence each, as
	// /readyz has them. A service that is ready has none.
	NotReady []string `json:"not_ready,omitempty"`

	Mode       string   `json:"mode"`
	AuthservID string   `json:"authserv_id"`
	Listeners  []string `json:"listeners"`
	// Sockets are the addresses of the listeners themselves: whole paths, and
	// "inet:*:PORT" for all addresses of the machine.
	Sockets []string `json:"sockets,omitempty"`

	Sessions Sessions  `json:"sessions"`
	Messages Messages  `json:"messages"`
	DNS      DNS       `json:"dns"`
	Cache    Cache     `json:"cache"`
	Keys     *Keys     `json:"keys,omitempty"`     // nil if nothing is signed
	Watch    *Domains  `json:"watch,omitempty"`    // nil if no domains are watched
	Patterns *Patterns `json:"patterns,omitempty"` // nil if nothing is learned
	// Journal is nil if no directory for one is configured.
	Journal *JournalState `json:"journal,omitempty"`
	Config  Config        `json:"config"`
	Log     LogLevel      `json:"log"`
}

// Patterns is what was learned from genuine mail.
type Patterns struct {
	Domains    int `json:"domains"`
	Forwarders int `json:"forwarders"`
	// Fleet is true if that comes from all nodes that share a database.
	Fleet bool `json:"fleet"`
}

func (p *Patterns) text() string {
	whose := "this node"
	if p.Fleet {
		whose = "all nodes"
	}
	return fmt.Sprintf("%s and %s known from genuine mail of %s", layout.Count(p.Domains, "domain"), layout.Count(p.Forwarders, "forwarder"), whose)
}

// Drain is when a stop began and ends.
type Drain struct {
	Since time.Time `json:"since"`
	// Until is when the messages that are left are cut short.
	Until time.Time `json:"until"`
}

// Sessions are connections of MTAs.
type Sessions struct {
	Open  int64 `json:"open"`
	Busy  int64 `json:"busy"` // inside a message
	Limit int   `json:"limit"`
	Total int64 `json:"total"` // since the start
}

// Messages are counts since the start and rates.
type Messages struct {
	Total     Totals    `json:"total"`
	PerMinute PerMinute `json:"per_minute"`
	// Aborted messages ended without a verdict. The MTA did not receive the verdicts
	// of Undelivered ones.
	Aborted     int64 `json:"aborted"`
	Undelivered int64 `json:"undelivered"`
	// Would are the messages that were accepted only because they are monitored, by
	// the action that the mode prevented.
	Would Totals `json:"would"`
	// Faults are panics that were caught.
	Faults int64 `json:"faults"`
	// Shadowed messages were also decided about by the shadow rules, which would have
	// done something else with ShadowDiffers of them.
	Shadowed      int64 `json:"shadowed"`
	ShadowDiffers int64 `json:"shadow_differs"`
}

// PerMinute are the rates over the last 1, 5 and 15 minutes.
type PerMinute struct {
	Last1  Rate `json:"1m"`
	Last5  Rate `json:"5m"`
	Last15 Rate `json:"15m"`
}

// DNS is the state of the resolvers.
type DNS struct {
	// Degraded means that lookups of all names fail.
	Degraded  bool       `json:"degraded"`
	InFlight  int        `json:"in_flight"`
	Upstreams []Upstream `json:"upstreams"`
}

// Failing returns how many resolvers fail or are not asked because of their certificate.
func (d *DNS) Failing() int {
	n := 0
	for i := range d.Upstreams {
		if d.Upstreams[i].BackOff || d.Upstreams[i].Certificate != "" {
			n++
		}
	}
	return n
}

// State returns how the DNS does: "down", "fails", "works" or "not asked yet", and what is wrong
// with it as a sentence without its full stop, "" for nothing.
func (d *DNS) State() (word, wrong string) {
	failing, asked := d.Failing(), false
	for i := range d.Upstreams {
		asked = asked || d.Upstreams[i].Queries > 0
	}
	switch {
	case d.Degraded:
		return "down", "lookups of all names fail"
	case failing > 0 && failing == len(d.Upstreams):
		return "fails", "no resolver answered the last queries"
	case failing > 0:
		return "works", fmt.Sprintf("%d of %d resolvers fail", failing, len(d.Upstreams))
	case !asked:
		return "not asked yet", ""
	}
	return "works", ""
}

// Upstream is one resolver.
type Upstream struct {
	Address   string  `json:"address"`
	Queries   uint64  `json:"queries"`
	Failures  uint64  `json:"failures"`
	Timeouts  uint64  `json:"timeouts"` // of the failures
	LatencyMS float64 `json:"latency_ms"`
	// Retransmitted are queries that were sent again as no response had come after
	// RetransmitAfterMS. Lost are those of them that were answered then.
	Retransmitted     uint64  `json:"retransmitted"`
	Lost              uint64  `json:"lost"`
	RetransmitAfterMS float64 `json:"retransmit_after_ms"`
	Refused           uint64  `json:"refused"`
	InFlight          int     `json:"in_flight"`
	// ConcurrencyLimit bounds InFlight, because the resolver seems to have a quota; 0
	// without one. Waited are the queries that waited for that.
	ConcurrencyLimit int    `json:"concurrency_limit"`
	Waited           uint64 `json:"waited"`
	// StreamQueries went over TCP or TLS. OpenConnections are open now, of at most
	// MostConnections. Resent are queries that a connection left unanswered, so that they
	// went to another one.
	StreamQueries   uint64 `json:"stream_queries"`
	OpenConnections int    `json:"open_connections"`
	MostConnections int    `json:"most_connections"`
	Resent          uint64 `json:"resent"`
	// Certificate is what is wrong with its certificate, for which it is not asked.
	Certificate string `json:"certificate,omitempty"`
	// WithoutEDNS and WithoutRandomCase mean that it does not take these.
	WithoutEDNS       bool `json:"without_edns"`
	WithoutRandomCase bool `json:"without_random_case"`
	// BackOff means that it failed several times in a row and is queried last.
	BackOff bool `json:"back_off"`
}

// Cache is the state of the DNS cache.
type Cache struct {
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Limit   int64  `json:"limit_bytes"`
	Lookups uint64 `json:"lookups"` // since the resolver was made
	Hits    uint64 `json:"hits"`
	// HitRatio is Hits of Lookups, 0 without any.
	HitRatio float64 `json:"hit_ratio"`
	Stale    uint64  `json:"stale"`
	Evicted  uint64  `json:"evicted"`
}

// Keys are the keys that sign, without those of tables and servers.
type Keys struct {
	// ByState counts them: "pending", "active" and so on.
	ByState map[string]int `json:"by_state"`
	// Unpublished are keys that signed, and whose record the DNS does not show any more.
	// Lost are the names of some of them.
	Unpublished int      `json:"unpublished"`
	Lost        []string `json:"lost,omitempty"`
	// NotBegun are rotations that are due and could not be begun.
	NotBegun int `json:"not_begun"`
	// Next is the key that is rotated next by itself, at NextAt; "" if none is.
	Next   string    `json:"next,omitempty"`
	NextAt time.Time `json:"next_at,omitzero"`
}

// Config is the configuration of the service.
type Config struct {
	File string `json:"file"` // "" for none
	// Loaded is when the active configuration was read.
	Loaded time.Time `json:"loaded"`
	// LastReload is nil if there was none.
	LastReload *Reloaded `json:"last_reload,omitempty"`
	// NeedsRestart names the keys whose new values need a restart.
	NeedsRestart []string `json:"needs_restart,omitempty"`
	// Expired is the number of rules and entries whose end has passed.
	Expired int `json:"expired"`
}

// Reloaded is how a reload ended. With Errors, the configuration before it stayed
// active.
type Reloaded struct {
	At     time.Time `json:"at"`
	Errors []string  `json:"errors,omitempty"`
}
