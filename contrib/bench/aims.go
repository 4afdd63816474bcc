package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Aim is one of the project's aims and what was measured.
type Aim struct {
	Text     string  `json:"text"`
	Measured float64 `json:"measured"`
	Bound    float64 `json:"bound"`
	Least    bool    `json:"least"` // the bound is the least, not the most
}

func (a Aim) met() bool {
	if a.Least {
		return a.Measured >= a.Bound
	}
	return a.Measured <= a.Bound
}

// coldDelay is in milliseconds how long a DNS answer takes with cold caches.
const coldDelay = 20

// compare compares the records with the aims, as far as they were measured.
func (r *Report) compare() {
	get := func(name string, c Cell, f func(*Record) float64) (float64, bool) {
		rs := of(r.Records, name, c)
		return median(figures(rs, f)), len(rs) > 0
	}
	ratio := func(text, above, below string, c Cell, f func(*Record) float64, bound float64, least bool) {
		a, okA := get(above, c, f)
		b, okB := get(below, c, f)
		if okA && okB && b > 0 {
			r.Aims = append(r.Aims, Aim{text, a / b, bound, least})
		}
	}
	cpu := func(r *Record) float64 { return r.CPU }
	rate := func(r *Record) float64 { return r.PerSecond }
	p50 := func(r *Record) float64 { return r.P50 }
	busy, cold := Cell{false, 8, 1}, Cell{true, 1, 1}
	ratio("CPU per message, Rspamd / Postvet (warm, 8 sessions)", "rspamd", "postvet", busy, cpu, 6, true)
	ratio("CPU per message, opendkim+opendmarc / Postvet", "opendkim+opendmarc", "postvet", busy, cpu, 7, true)
	ratio("CPU per message, Postvet / go-milter with hash and signature checks", "postvet", "go-milter+work", busy, cpu, 1.7, false)
	ratio("CPU per message, Postvet with a journal / without", "postvet+journal", "postvet", busy, cpu, 1.06, false)
	ratio("messages/s, Postvet / Rspamd", "postvet", "rspamd", busy, rate, 4, true)
	ratio("cold p50, Postvet / Rspamd (1 session)", "postvet", "rspamd", cold, p50, 1, false)
	if x, ok := get("postvet", cold, func(r *Record) float64 { return r.ExcessP50 }); ok {
		r.Aims = append(r.Aims, Aim{Text: "cold: p50 of latency less the chain of lookups, ms", Measured: x, Bound: 3})
	}
	wrong, measured := 0, false
	for i := range r.Records {
		if strings.HasPrefix(r.Records[i].Contestant, "postvet") {
			wrong += r.Records[i].Wrong + r.Records[i].Errors
			measured = true
		}
	}
	if measured {
		r.Aims = append(r.Aims, Aim{Text: "wrong verdicts and errors of Postvet", Measured: float64(wrong)})
	}
	r.comparePostfix()
	r.compareMemory()
	r.compareSigning()
}

// comparePostfix compares Postfix with Postvet and Postfix alone.
func (r *Report) comparePostfix() {
	alone, with := r.postfixRate("none"), r.postfixRate("postvet")
	if alone > 0 && with > 0 {
		r.Aims = append(r.Aims, Aim{"share of its throughput that Postfix keeps with Postvet", with / alone, .97, true})
	}
}

func (r *Report) compareMemory() {
	for _, m := range r.Memory {
		if m.Check == checkBig {
			r.Aims = append(r.Aims, Aim{Text: "peak memory of " + m.Check + ", MB", Measured: m.PeakMB, Bound: 150})
		}
	}
}

// compareSigning compares a signed message with a bare RSA signature.
func (r *Report) compareSigning() {
	if r.Signing == nil || r.Signing.RSA[goBusy] == 0 {
		return
	}
	for _, c := range []Cell{{false, 8, 1}, {false, 8, 10}} {
		if rs := of(r.Signing.Records, "postvet", c); len(rs) > 0 {
			cpu := median(figures(rs, func(r *Record) float64 { return r.CPU }))
			r.Aims = append(r.Aims, Aim{Text: fmt.Sprintf("CPU per signed message / Go's bare RSA signature, %d per connection", c.PerConnection), Measured: cpu / r.Signing.RSA[goBusy], Bound: 1.15})
		}
	}
	wrong := 0
	for i := range r.Signing.Records {
		if rec := &r.Signing.Records[i]; rec.Contestant == "postvet" {
			wrong += rec.Wrong + rec.Errors
		}
	}
	r.Aims = append(r.Aims, Aim{Text: "messages that Postvet signed wrongly, and errors", Measured: float64(wrong)})
}

// postfixRate is the median of the rounds; 0 if it was not measured.
func (r *Report) postfixRate(name string) float64 {
	var all []float64
	for _, p := range r.Postfix {
		if p.Contestant == name {
			all = append(all, p.PerSecond)
		}
	}
	return median(all)
}

// aims prints the aims.
func (r *Report) aims(w io.Writer) {
	if len(r.Aims) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\naim\tmeasured\twanted\t")
	for _, a := range r.Aims {
		sign, verdict := "<=", "met"
		if a.Least {
			sign = ">="
		}
		if !a.met() {
			verdict = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s %g\t%s\n", a.Text, a.Measured, sign, a.Bound, verdict)
	}
	t.Flush()
}
