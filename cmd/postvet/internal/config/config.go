// Package config is Postvet's configuration: what can be set, what it is set
// to, and whether that can work.
//
// It exists because a mail filter with a misread configuration either loses
// mail or lets forgeries pass. So reading is strict (an unknown key, a wrong
// type or an impossible value is an error with file, line, key and what would
// be right), every fault of a file is reported at once, and one table of keys
// makes the defaults, the checks and the text of contrib/postvet.toml.
//
// The package turns settings into the option values of the other rooms; it
// opens no socket and asks no DNS.
package config

import (
	"io/fs"
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
)

// Config is what Postvet runs with. Make it with Default or Load.
type Config struct {
	Mode rules.Mode
	// AuthservID is the name that our Authentication-Results carry; "" is the
	// host's name.
	AuthservID string
	// Listen are the milter sockets, in the notations of socket.Parse.
	Listen []string
	// RuleFiles hold the admin's own rules, ShadowFiles those that decide nothing.
	RuleFiles, ShadowFiles []string
	// DrainTimeout is how long a stop waits for messages in flight.
	DrainTimeout time.Duration

	Socket Socket
	DNS    DNS
	Policy Policy
	Trust  Trust
	// AuthorOverrides say for an author domain and those below it what is done
	// instead of what it asks for.
	AuthorOverrides map[string]dmarc.Policy
	DKIM            DKIM
	Exempt          Exempt
	Limits          Limits
	Control         Control
	Log             Log
	Metrics         Metrics

	// origin says where each key was set; a key with its default is absent.
	origin map[string]origin
	// lists are those of the section lists, by name.
	lists map[string]List
	// empty are the files without an octet, of the main one and RuleFiles.
	empty []string
	// rules are those of the main file and of RuleFiles, shadow is the whole
	// with those of ShadowFiles; nil if there are none.
	rules  []rule
	shadow *Config
}

// origin is the place that set a key: a line of a file, or a flag.
type origin struct {
	file string
	line int
}

// Socket is who may talk to unix sockets.
type Socket struct {
	Mode  fs.FileMode
	Group string
}

// DNS is how answers are got and how long they are kept.
type DNS struct {
	// Resolvers are host:port, or tls://host:port#name; empty means the system's.
	Resolvers                   []string
	Timeout, AttemptTimeout     time.Duration
	CacheSize                   Size
	MinTTL, MaxTTL, NegativeTTL time.Duration
	FailureTTL                  time.Duration
	MaxStale                    time.Duration // 0 is never
	MaxInFlight                 int
	TrustAD                     bool
	Snapshot                    string // a file; "" is none
}

// Policy is which result leads to which action.
type Policy struct {
	DMARC                rules.DMARC
	Quarantine           rules.Quarantine
	OnTempError          rules.TempError
	OnAmbiguousAuthor    rules.AmbiguousAuthor
	OnFault              rules.Fault
	OnDegraded           rules.Degraded
	OrganizationalDomain dmarc.Discovery
	SenderDomain         rules.SenderDomain
	MonitorListeners     []string // as socket.Address.Canonical, or an MTA's daemon name
	MonitorDomains       List
	EnforceDomains       List
	MonitorRecipients    List
	HelpURL              string
	MailingLists         rules.MailingLists
	SPFFail              rules.Demand
	SPFSoftfail          rules.Demand
	SPFPermError         rules.Demand
	SPFEarly             bool
	OwnDomains           List
	OnOwnDomain          rules.Demand
	SigningDomains       List
	OnUnsigned           rules.Demand
}

// Trust is whose word counts: about the client, and against a failure of DMARC.
type Trust struct {
	Relays     List
	Forwarders List
	Sealers    List
}

// DKIM is which signatures and keys count.
type DKIM struct {
	MinRSABits, MaxRSABits int
	ClockSkew              time.Duration
	PartialBody            dkim.Status
}

// Exempt is which messages are not checked.
type Exempt struct {
	Addresses     List
	Names         List
	Authenticated bool
	Local         bool
}

// Limits bound what one client or one message can cost.
type Limits struct {
	Connections    int
	HeaderBytes    Size
	BodyBytes      Size
	Fields         int
	Recipients     int
	Signatures     int
	SPFTimeout     time.Duration
	MessageTimeout time.Duration
	VerdictTimeout time.Duration
	IdleTimeout    time.Duration
}

// Control is who may talk to the running service, and where.
type Control struct {
	Socket string // a path, "auto", or "" for none
	Group  string
}

// Log is what is logged and how.
type Log struct {
	Format string
	Level  string
	// Burst is how many warnings or errors of one kind are written in
	// BurstInterval before the rest is only counted; 0 is all.
	Burst         int
	BurstInterval time.Duration
}

// Default returns the configuration of an empty file.
func Default() *Config {
	return &Config{
		Mode:         rules.Enforce,
		Listen:       []string{"inet:127.0.0.1:8890"},
		DrainTimeout: time.Minute,
		Socket:       Socket{Mode: 0o660},
		DNS: DNS{
			Timeout:        5 * time.Second,
			AttemptTimeout: 1500 * time.Millisecond,
			CacheSize:      64 << 20,
			MinTTL:         5 * time.Second,
			MaxTTL:         24 * time.Hour,
			NegativeTTL:    time.Hour,
			FailureTTL:     5 * time.Second,
			MaxStale:       24 * time.Hour,
			MaxInFlight:    512,
		},
		Policy: Policy{
			DMARC:                rules.DMARCEnforce,
			Quarantine:           rules.QuarantineHold,
			OnTempError:          rules.TempErrorAccept,
			OnAmbiguousAuthor:    rules.AmbiguousReject,
			OnFault:              rules.FaultDefer,
			OnDegraded:           rules.DegradedJudge,
			OrganizationalDomain: dmarc.TreeWalk,
			SenderDomain:         rules.SenderDomainOff,
			MailingLists:         rules.MailingListsStrict,
			SPFFail:              rules.DemandMark,
			SPFSoftfail:          rules.DemandMark,
			SPFPermError:         rules.DemandMark,
			OnOwnDomain:          rules.DemandMark,
			OnUnsigned:           rules.DemandMark,
		},
		DKIM: DKIM{MinRSABits: 1024, MaxRSABits: 8192, ClockSkew: 5 * time.Minute, PartialBody: dkim.Policy},
		Exempt: Exempt{
			Addresses:     newList(addrlist.Addresses, "127.0.0.0/8", "::1/128"),
			Authenticated: true,
			Local:         true,
		},
		Limits: Limits{
			Connections:    1000,
			HeaderBytes:    1 << 20,
			BodyBytes:      1 << 30,
			Fields:         2000,
			Recipients:     1000,
			Signatures:     10,
			SPFTimeout:     20 * time.Second,
			MessageTimeout: 20 * time.Second,
			VerdictTimeout: 30 * time.Second,
			IdleTimeout:    2 * time.Hour,
		},
		Control: Control{Socket: ControlAuto},
		Log:     Log{Format: "auto", Level: "info", Burst: 10, BurstInterval: time.Minute},
		Metrics: Metrics{Mode: 0o660},
	}
}

// IsSet reports whether a file or a flag set the key.
func (c *Config) IsSet(key string) bool {
	_, ok := c.origin[key]
	return ok
}

func (c *Config) setOrigin(key string, o origin) {
	if c.origin == nil {
		c.origin = map[string]origin{}
	}
	c.origin[key] = o
}
