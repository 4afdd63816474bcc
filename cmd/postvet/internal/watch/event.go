package watch

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Kind says what an event is about.
type Kind string

// The kinds.
const (
	Changed  Kind = "changed"  // records
	Broken   Kind = "error"    // a new error
	Repaired Kind = "repaired" // an error that is gone
)

// Event is something that is told about a domain.
type Event struct {
	At     time.Time `json:"at"`
	Domain string    `json:"domain"`
	Kind   Kind      `json:"kind"`
	// Name, Type, Old and New are of records, and Times is how often they have changed
	// since they were told last.
	Name  string   `json:"name,omitempty"`
	Type  string   `json:"type,omitempty"`
	Old   []string `json:"old,omitempty"`
	New   []string `json:"new,omitempty"`
	Times int      `json:"times,omitempty"`
	// Text is an error, and Fix what to do about it.
	Text string `json:"text,omitempty"`
	Fix  string `json:"fix,omitempty"`
}

// log writes the event to a log.
func (e *Event) log(log *zap.Logger) {
	domain := zap.String("domain", e.Domain)
	switch e.Kind {
	case Changed:
		log.Warn("a watched record changed", domain, zap.String("name", e.Name), zap.String("type", e.Type),
			zap.Strings("old", e.Old), zap.Strings("new", e.New), zap.Int("times", e.Times))
	case Broken:
		log.Warn("a watched domain has an error", domain, zap.String("error", e.Text), zap.String("remedy", e.Fix))
	case Repaired:
		log.Info("an error of a watched domain is gone", domain, zap.String("error", e.Text))
	}
}

// text returns the event for a mail, in lines.
func (e *Event) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", e.At.UTC().Format("2006-01-02 15:04 MST"), e.Domain)
	switch e.Kind {
	case Changed:
		fmt.Fprintf(&b, "  %s %s changed", e.Name, e.Type)
		if e.Times > 1 {
			fmt.Fprintf(&b, " %d times", e.Times)
		}
		fmt.Fprintf(&b, "\n    before: %s\n    now:    %s\n", Texts(e.Old), Texts(e.New))
	case Broken:
		fmt.Fprintf(&b, "  error: %s\n", e.Text)
		if e.Fix != "" {
			fmt.Fprintf(&b, "  to do: %s\n", e.Fix)
		}
	case Repaired:
		fmt.Fprintf(&b, "  no longer: %s\n", e.Text)
	}
	return b.String()
}
