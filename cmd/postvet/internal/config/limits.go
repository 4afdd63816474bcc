package config

import "time"

// Limits bound what one client or one message can cost.
type Limits struct {
	Connections int
	HeaderBytes Size
	BodyBytes   Size
	Fields      int
	Recipients  int
	Signatures  int
	// LoginRecipients is the number of recipients of one login in an hour above which
	// there is an alert; 0 for none.
	LoginRecipients int
	SPFTimeout      time.Duration
	MessageTimeout  time.Duration
	VerdictTimeout  time.Duration
	IdleTimeout     time.Duration
}

func (l *Limits) section() section {
	return section{name: "limits", comment: "What one client or one message can cost at most.", keys: []key{
		{
			name: "connections", value: integer(&l.Connections, 1000, 1, 100000), restart: true,
			comment: `Connections of the MTA at one time (1 to 100000). If the process may not open
enough files for them and for dns.max_in_flight, both are lowered, and the log
says which limit would do.`,
		},
		{
			name: "header_bytes", value: size(&l.HeaderBytes, 1<<20, 16<<10, 64<<20),
			comment: "Size of a header (16KB to 64MB). A larger one is rejected (552 5.3.4).",
		},
		{
			name: "body_bytes", value: size(&l.BodyBytes, 1<<30, 1<<20, 64<<30),
			comment: `Size of a body (1MB to 64GB). A larger one is rejected too. The MTA's own
limit is usually far lower.`,
		},
		{
			name: "fields", value: integer(&l.Fields, 2000, 50, 100000),
			comment: "Fields of a header (50 to 100000). A header with more is rejected too.",
		},
		{
			name: "recipients", value: integer(&l.Recipients, 1000, 1, 1000), restart: true,
			comment: "Recipients of a message that are remembered (1 to 1000).",
		},
		{
			name: "signatures", value: integer(&l.Signatures, 10, 1, 100),
			comment: "DKIM signatures of a message that are verified, from the top (1 to 100).",
		},
		{
			name: "login_recipients", value: integer(&l.LoginRecipients, 0, 0, 1000000),
			comment: `Recipients of one login within an hour above which the log warns, as its
password may be stolen (0 for never, to 1000000). Nothing is refused; a rule
with outbound = true can do that. postvet_login_alerts_total counts them.`,
		},
		{
			name: "spf_timeout", value: duration(&l.SPFTimeout, 20*time.Second, time.Second, 2*time.Minute),
			comment: "Time for one SPF evaluation (1s to 120s; RFC 7208 says at least 20s).",
		},
		{
			name: "message_timeout", value: duration(&l.MessageTimeout, 20*time.Second, time.Second, 2*time.Minute),
			comment: `How long the end of a message waits for lookups that are still under way (1s
to 120s). They count as temperror then.`,
		},
		{
			name: "verdict_timeout", value: duration(&l.VerdictTimeout, 30*time.Second, time.Second, 290*time.Second), restart: true,
			comment: `When the MTA gets its answer at the latest (1s to 290s). It must be more than
message_timeout, and less than Postfix's milter_content_timeout of 300s.`,
		},
		{
			name: "idle_timeout", value: duration(&l.IdleTimeout, 2*time.Hour, time.Minute, 24*time.Hour), restart: true,
			comment: `How long the MTA may be silent on a connection (1m to 24h). It must be more
than the MTA grants its SMTP clients.`,
		},
	}}
}

func (l *Limits) conflicts(x *conflicts) {
	if l.MessageTimeout >= l.VerdictTimeout {
		x.tooLarge("limits.message_timeout", formatDuration(l.MessageTimeout), "limits.verdict_timeout", formatDuration(l.VerdictTimeout))
	}
}
