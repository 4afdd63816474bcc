package config

import "time"

// Log is what is logged and how.
type Log struct {
	Format string
	Level  string
	// Burst is how many warnings or errors of one kind are written in
	// BurstInterval before the rest is only counted; 0 is all.
	Burst         int
	BurstInterval time.Duration
}

func (l *Log) section() section {
	return section{name: "log", comment: "What is logged, to standard error. One line per message at level info.", keys: []key{
		{
			name: "format", value: oneOf(&l.Format, "auto", "console", "json"), restart: true,
			comment: "auto: console on a terminal, JSON otherwise.",
		},
		{
			name: "level", value: oneOf(&l.Level, "debug", "info", "warn", "error").byDefault("info"),
			comment: "The least level that is logged.",
		},
		{
			name: "burst", value: integer(&l.Burst, 10, 0, 10000),
			comment: `Of warnings and errors with the same text so many are written in each
burst_interval; the rest is counted and summed up in one line (0, which writes
all, to 10000). The line of a message is always written.`,
		},
		{
			name: "burst_interval", value: duration(&l.BurstInterval, time.Minute, time.Second, time.Hour),
			comment: "For how long they are counted (1s to 1h).",
		},
	}}
}
