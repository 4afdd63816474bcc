package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// NodeHealth is what a node says of itself.
type NodeHealth struct {
	// LagSeconds is how far behind it is with what it sends.
	LagSeconds float64 `json:"lag_seconds"`
	// Dropped are messages since its start that its journal lacks, and Lost those that the
	// database will never have.
	Dropped int64 `json:"dropped"`
	Lost    int64 `json:"lost"`
	// DNSFails is true if lookups of all names fail. Otherwise Failing of Resolvers do.
	DNSFails  bool `json:"dns_fails"`
	Failing   int  `json:"failing"`
	Resolvers int  `json:"resolvers"`
}

// differs notes a difference of a node: the word for its row, and the words for the sentence.
func (l *fleetLine) differs(word, says string) {
	l.Differs = append(l.Differs, word)
	l.says = append(l.says, says)
}

// compare notes how the node differs from most nodes.
func (l *fleetLine) compare(version, config string, now time.Time) {
	l.Differs = []string{}
	if l.Silent = now.Sub(l.Seen) > silent; l.Silent {
		l.differs("says nothing", "has said nothing for "+span(now.Sub(l.Seen)))
	}
	if l.Version != version {
		l.differs("another version", "has version "+l.Version+" (the others "+version+")")
	}
	if l.Config != config && l.Config != "" {
		l.differs("another configuration", "has another configuration")
	}
	h := l.Health
	if h == nil || l.Silent { // what it said may be over
		return
	}
	if lag := time.Duration(h.LagSeconds * float64(time.Second)); lag > lagging {
		l.differs("behind", "is "+span(lag)+" behind with what it sends")
	}
	if h.Dropped > 0 {
		l.differs("lacks messages", "lacks "+layout.Count(h.Dropped, "message")+" in its journal")
	}
	if h.Lost > 0 {
		l.differs("lost messages", "removed "+layout.Count(h.Lost, "message")+" before they were sent")
	}
	switch {
	case h.DNSFails:
		l.differs("DNS fails", "gets no answer from the DNS")
	case h.Failing > 0:
		l.differs("resolvers fail", fmt.Sprintf("has %d of %d resolvers that fail", h.Failing, h.Resolvers))
	}
}

// maxSaid bounds the nodes whose differences the sentence names.
const maxSaid = 4

// differing returns the sentence on the nodes that differ from the others.
func differing(lines []fleetLine) string {
	var said []string
	odd := 0
	for i := range lines {
		l := &lines[i]
		if len(l.says) == 0 {
			continue
		}
		if odd++; odd <= maxSaid {
			said = append(said, l.Name+" "+layout.First(l.says, len(l.says)))
		}
	}
	if odd == 0 {
		return fmt.Sprintf("All is alike: %s with the same version and configuration.", layout.Count(len(lines), "node"))
	}
	verb := "differ"
	if odd == 1 {
		verb = "differs"
	}
	text := fmt.Sprintf("Of %s, %d %s: %s", layout.Count(len(lines), "node"), odd, verb, strings.Join(said, "; "))
	if more := odd - maxSaid; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return foreign.Terminal(text, 1500) + "."
}
