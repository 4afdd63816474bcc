package control

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// MaxFaulty bounds the domains with errors that a status names.
const MaxFaulty = 10

// Domains are the domains whose records are watched.
type Domains struct {
	// ByVerdict counts them: "sound", "faulty", "undetermined", and "waiting" for those
	// that were not inspected yet.
	ByVerdict map[string]int `json:"by_verdict"`
	// Errors are those of all domains, Faulty the domains with most of them.
	Errors int      `json:"errors"`
	Faulty []Faulty `json:"faulty"`
	// LastCheck is when a domain was inspected last, zero if none was.
	LastCheck time.Time `json:"last_check,omitzero"`
	// Unsaved and Unsent say why the state is not saved and mail not sent.
	Unsaved string `json:"unsaved,omitempty"`
	Unsent  string `json:"unsent,omitempty"`
}

// Faulty is a watched domain with errors.
type Faulty struct {
	Domain string `json:"domain"`
	Errors int    `json:"errors"`
}

func (d *Domains) text(now time.Time) string {
	total := 0
	var parts []string
	for _, verdict := range []string{"faulty", "undetermined", "sound", "waiting"} {
		n := d.ByVerdict[verdict]
		if total += n; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	text := layout.Count(total, "domain")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if !d.LastCheck.IsZero() {
		text += "; last check " + short(now.Sub(d.LastCheck)) + " ago"
	}
	var faulty []string
	for _, f := range d.Faulty {
		faulty = append(faulty, fmt.Sprintf("%s (%d)", f.Domain, f.Errors))
	}
	if len(faulty) > 0 {
		text += "; " + layout.Count(d.Errors, "error") + ": " + strings.Join(faulty, ", ")
	}
	if n := d.ByVerdict["faulty"] - len(faulty); n > 0 && len(faulty) > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if d.Unsaved != "" {
		text += "; THE STATE IS NOT SAVED: " + foreign.Terminal(d.Unsaved, foreign.Whole)
	}
	if d.Unsent != "" {
		text += "; MAIL IS NOT SENT: " + foreign.Terminal(d.Unsent, foreign.Whole)
	}
	return text
}
