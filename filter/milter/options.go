package milter

import "time"

// Options bound a Server. The zero value works.
type Options struct {
	// MaxConnections is how many connections are served at once; further ones
	// wait in the kernel's queue. Default 1000.
	MaxConnections int

	// ReadTimeout is how long an MTA may be silent between two packets. It must
	// exceed what the MTA grants its SMTP clients. Default 2h.
	ReadTimeout time.Duration
	// PacketTimeout bounds a packet once its first byte arrived. Default 60s.
	PacketTimeout time.Duration
	// WriteTimeout bounds one write. Default 30s.
	WriteTimeout time.Duration
	// NegotiationTimeout bounds the wait for the first packet. Default 30s.
	NegotiationTimeout time.Duration
	// VerdictTimeout bounds the time from a message's end to its verdict. Keep it
	// below the MTA's own limit (Postfix milter_content_timeout, 300 s).
	// Default 60s.
	VerdictTimeout time.Duration
	// ProgressInterval is how often an MTA that waits for a verdict is told to
	// be patient; Sendmail's default patience is 10 s. Default 3s.
	ProgressInterval time.Duration
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
	set(&o.PacketTimeout, time.Minute)
	set(&o.WriteTimeout, 30*time.Second)
	set(&o.NegotiationTimeout, 30*time.Second)
	set(&o.VerdictTimeout, time.Minute)
	set(&o.ProgressInterval, 3*time.Second)
	set(&o.DrainTimeout, 90*time.Second)
	return o
}
