package milter

import "time"

const (
	// negotiationTimeout bounds the wait for the first packet.
	negotiationTimeout = 30 * time.Second
	// packetTimeout bounds a packet once its first octet arrived.
	packetTimeout = time.Minute
	// writeTimeout bounds one write.
	writeTimeout = 30 * time.Second
)

// Options configure a Server. The zero value works.
type Options struct {
	// MaxConnections bounds the connections that are served concurrently. Further
	// ones wait in the kernel's queue. Default 1000.
	MaxConnections int

	// AnswerEnvelope has the MTA wait for an answer at each RCPT and at DATA, although
	// none is needed. It costs a round trip each time. Some proxies between an MTA and
	// its milters wait for an answer there whatever was negotiated.
	AnswerEnvelope bool

	// ReadTimeout is how long an MTA may be silent between two packets. It must be
	// longer than the MTA's timeouts for its SMTP clients. Default 2h.
	ReadTimeout time.Duration
	// VerdictTimeout bounds the time from a message's end to its verdict. Keep it
	// below the MTA's own limit (Postfix milter_content_timeout, 300 s).
	// Default 60s.
	VerdictTimeout time.Duration
	// DrainTimeout bounds Shutdown if its context does not end earlier.
	// Default 90s.
	DrainTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxConnections <= 0 {
		o.MaxConnections = 1000
	}
	set := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.ReadTimeout, 2*time.Hour)
	set(&o.VerdictTimeout, time.Minute)
	set(&o.DrainTimeout, 90*time.Second)
	return o
}
