package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// signerNames are the contestants that sign, in the order of the table.
var signerNames = []string{"postvet", "rspamd", "opendkim", "dkimpy-milter"}

// SigningReport is how the signers sign.
type SigningReport struct {
	// RSA is what one bare RSA-2048 signature takes in ms of CPU: of Go, which Postvet is
	// made of, by goAlone and goBusy, and of the machine's OpenSSL, by its name and version.
	RSA     map[string]float64 `json:"rsa_ms"`
	Records []Record           `json:"records"`
	Beside  []BesideRecord     `json:"beside"`
}

// Go's signature while one processor is busy, and while all are.
const (
	goAlone = "Go"
	goBusy  = "Go, all processors busy"
)

// BesideRecord is how long one verification takes, in ms, while nothing else happens and
// while the same process signs as fast as it can.
type BesideRecord struct {
	Contestant string  `json:"contestant"`
	Round      int     `json:"round"`
	AloneP50   float64 `json:"alone_p50_ms"`
	AloneP99   float64 `json:"alone_p99_ms"`
	SigningP50 float64 `json:"signing_p50_ms"`
	SigningP99 float64 `json:"signing_p99_ms"`
}

// print prints the table of the signers.
func (s *SigningReport) print(w io.Writer) {
	if s == nil {
		return
	}
	fmt.Fprintln(w, "\nsigning, RSA-2048")
	for _, name := range slices.Sorted(maps.Keys(s.RSA)) {
		fmt.Fprintf(w, "one bare signature, %s: %.3f ms\n", name, s.RSA[name])
	}
	fmt.Fprintf(w, "%-26s%8s%5s%12s%5s%12s%10s%10s%9s%7s%7s\n", "", "msg/s", "±%", "CPU ms/msg", "±%", "x Go's RSA", "p50 ms", "p99 ms", "peak MB", "wrong", "errors")
	for _, c := range cells(s.Records) {
		fmt.Fprintf(w, "%d sessions, %d per connection\n", c.Sessions, c.PerConnection)
		for _, name := range signerNames {
			rs := of(s.Records, name, c)
			if len(rs) == 0 {
				continue
			}
			m := func(f func(*Record) float64) float64 { return median(figures(rs, f)) }
			rate := figures(rs, func(r *Record) float64 { return r.PerSecond })
			cpu := figures(rs, func(r *Record) float64 { return r.CPU })
			wrong, errors := 0, 0
			for i := range rs {
				wrong += rs[i].Wrong
				errors += rs[i].Errors
			}
			fmt.Fprintf(w, "  %-24s%8.0f%5.0f%12.3f%5.0f%12.2f%10.2f%10.2f%9.1f%7d%7d\n", name, median(rate), spread(rate), median(cpu), spread(cpu), median(cpu)/max(s.RSA[goBusy], 1e-9),
				m(func(r *Record) float64 { return r.P50 }), m(func(r *Record) float64 { return r.P99 }), m(func(r *Record) float64 { return r.PeakMB }), wrong, errors)
		}
	}
	for _, b := range s.Beside {
		fmt.Fprintf(w, "%s, one session that verifies: p50 %.2f ms, p99 %.2f ms; beside 8 that sign: p50 %.2f ms, p99 %.2f ms\n", b.Contestant, b.AloneP50, b.AloneP99, b.SigningP50, b.SigningP99)
	}
	seen := []string{}
	for i := range s.Records {
		for _, e := range s.Records[i].Examples {
			if e = s.Records[i].Contestant + ", for example: " + e; len(seen) < maxExamples && !slices.Contains(seen, e) {
				seen = append(seen, e)
				fmt.Fprintln(w, e)
			}
		}
	}
}
