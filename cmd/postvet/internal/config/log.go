package config

import "time"

// Log is what is logged and how.
type Log struct {
	Format string
	Level  string
	// Burst is how many warnings or errors of one kind are written in each
	// BurstInterval. The others are only counted. 0: all are written.
	Burst         int
	BurstInterval time.Duration
}

func (l *Log) section() section {
	return section{name: "log", comment: `What is logged, to standard error. At level info there is one line per
message.`, keys: []key{
		{
			name: "format", value: oneOf(&l.Format, "auto", "console", "json"), restart: true, environment: true,
			comment: `console: a line for a person, of a message time, queue id, action, author and
why. json: one object a line, with all keys. auto: console on a terminal, json
otherwise.`,
		},
		{
			name: "level", value: oneOf(&l.Level, "debug", "info", "warn", "error").byDefault("info"), environment: true,
			comment: "The lowest level that is logged.",
		},
		{
			name: "burst", value: integer(&l.Burst, 10, 0, 10000),
			comment: `How many warnings and errors with the same text are written in each
burst_interval (0 to 10000). The others are counted and summed up in one line.
0: all are written. The line of a message is always written.`,
		},
		{
			name: "burst_interval", value: duration(&l.BurstInterval, time.Minute, time.Second, time.Hour),
			comment: "Length of the interval (1s to 1h).",
		},
	}}
}
