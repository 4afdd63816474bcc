package main

import (
	"encoding/json"
	"os"
	"time"
)

// Cell is one kind of load: a block of the table.
type Cell struct {
	Cold          bool `json:"cold"`
	Sessions      int  `json:"sessions"`
	PerConnection int  `json:"per_connection"`
}

// Record is the result of one contestant in one cell and one round.
type Record struct {
	Contestant string `json:"contestant"`
	Round      int    `json:"round"`
	Cell
	Messages  int     `json:"messages"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"messages_per_second"`
	CPU       float64 `json:"cpu_ms_per_message"`
	P50       float64 `json:"p50_ms"`
	P90       float64 `json:"p90_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	ExcessP50 float64 `json:"excess_p50_ms"` // over the chain of lookups
	PeakMB    float64 `json:"peak_mb"`
	Queries   float64 `json:"dns_queries_per_message"`
	Wrong     int     `json:"wrong_verdicts"`
	Errors    int     `json:"errors"`
	// Actions counts the verdicts by their action.
	Actions  map[string]int `json:"actions"`
	Examples []string       `json:"examples,omitempty"` // of wrong verdicts and errors
}

// Report is the result of a run.
type Report struct {
	Started  time.Time         `json:"started"`
	Machine  string            `json:"machine"`
	Corpus   string            `json:"corpus"`
	Options  map[string]any    `json:"options"`
	Versions map[string]string `json:"versions"`
	Missing  map[string]string `json:"missing"`
	// Failed has the contestants that did not start or that ended while they
	// were measured. A failed round has fewer records or none.
	Failed  map[string][]string `json:"failed"`
	Records []Record            `json:"records,omitempty"`
	Postfix []PostfixRecord     `json:"postfix,omitempty"`
	Memory  []MemoryRecord      `json:"memory,omitempty"`
	Signing *SigningReport      `json:"signing,omitempty"`
	Aims    []Aim               `json:"aims,omitempty"`
}

// PostfixRecord is the result of a real Postfix with one contestant in one
// round.
type PostfixRecord struct {
	Contestant string  `json:"contestant"`
	Round      int     `json:"round"`
	Sessions   int     `json:"sessions"`
	Messages   int     `json:"messages"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"messages_per_second"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
	Accepted   int     `json:"accepted"` // held ones included
	Refused    int     `json:"refused"`
	Wrong      int     `json:"wrong_verdicts"` // refused or not, against what the domain asks for
	Errors     int     `json:"errors"`
	Example    string  `json:"example,omitempty"` // of what was wrong
}

// MemoryRecord is Postvet's memory in one of the checks.
type MemoryRecord struct {
	Check    string  `json:"check"`
	BeforeMB float64 `json:"before_mb"` // resident, idle
	PeakMB   float64 `json:"peak_mb"`
	AfterMB  float64 `json:"after_mb"` // resident, when all is over
	Text     string  `json:"text,omitempty"`
}

// usage is what the processes of a contestant have used so far.
type usage struct {
	cpu time.Duration // user and system, with children that ended
	// peak is the sum of the processes' peaks of resident memory. Shared pages
	// count in each process.
	peak int64
}

func newRecord(name string, round int, c Cell, o *Outcome, u usage, queries int) Record {
	n := max(1, float64(o.Messages))
	return Record{
		Contestant: name, Round: round, Cell: c, Messages: o.Messages, Seconds: o.Time.Seconds(),
		PerSecond: float64(o.Messages) / o.Time.Seconds(), CPU: ms(u.cpu) / n,
		P50: ms(percentile(o.Latencies, .5)), P90: ms(percentile(o.Latencies, .9)), P99: ms(percentile(o.Latencies, .99)), Max: ms(percentile(o.Latencies, 1)),
		ExcessP50: ms(percentile(o.Excess, .5)), PeakMB: megabytes(u.peak), Queries: float64(queries) / n,
		Wrong: o.Wrong, Errors: o.Errors, Actions: o.Actions, Examples: o.Examples,
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// write writes the report as JSON.
func (r *Report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
