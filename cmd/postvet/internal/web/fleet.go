package web

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// Fleets tell of the other nodes.
type Fleets interface {
	// Fleet returns what is known of all nodes.
	Fleet(ctx context.Context) Fleet
}

// Fleet is what the database of all nodes has about them.
type Fleet struct {
	// Configured is false if this machine is alone.
	Configured bool `json:"configured"`
	// Here is the name of this node.
	Here string `json:"here"`
	// Problem says why the database could not be asked, "" if it was.
	Problem string `json:"problem,omitempty"`
	// Late is true if it did not answer in time. It may only be slow.
	Late  bool        `json:"late,omitempty"`
	Nodes []FleetNode `json:"nodes"`
}

// FleetNode is a node.
type FleetNode struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Seen    time.Time `json:"seen"`
	// Newest is the time of its newest message, zero if it had none lately. Config tells its
	// configuration from others, "" if it is not known.
	Newest time.Time `json:"newest,omitzero"`
	Config string    `json:"config"`
	// Health is what it said of itself when it was seen, nil for nothing.
	Health *NodeHealth `json:"health,omitempty"`
	// Removal are the statements that remove it from the database.
	Removal string `json:"-"`
}

// silent is how long a node may say nothing before a person should look.
const silent = 5 * time.Minute

// gone is how long a node has said nothing of which the page tells what to do if it does not come
// back.
const gone = time.Hour

// maxGone bounds the nodes of which the page does.
const maxGone = 5

// fleetPage is the page of the nodes.
type fleetPage struct {
	Fleet
	Sentence string            `json:"sentence"`
	Lines    []fleetLine       `json:"lines"`
	Shipping *control.Shipping `json:"shipping,omitempty"`
	// Lost counts messages of this node that the database will never have.
	Lost int64 `json:"lost"`
}

// fleetLine is a node, and in what it differs from most.
type fleetLine struct {
	FleetNode
	Here    bool     `json:"here"`
	Silent  bool     `json:"silent"`
	Differs []string `json:"differs"`

	says []string // the same, as a sentence has it
	// Gone says what is known of a node that may not come back, and Remove are the statements
	// that remove it; "" for others.
	Gone   string `json:"gone,omitempty"`
	Remove string `json:"remove,omitempty"`
}

func (h *Handler) fleet(q *request) (any, error) {
	asking, cancel := q.bounded(q.left())
	p := &fleetPage{Fleet: h.opt.Source.Fleet(asking.ctx)}
	cancel()
	p.Shipping = h.facts(q).Journal.Shipping
	if p.Shipping != nil {
		p.Lost = sum(p.Shipping.Lost)
	}
	p.compare(q.now)
	return p, nil
}

// compare says in what the nodes differ.
func (p *fleetPage) compare(now time.Time) {
	version, config := mostOf(p.Nodes, func(n FleetNode) string { return n.Version }), mostOf(p.Nodes, func(n FleetNode) string { return n.Config })
	p.Lines = []fleetLine{}
	told := 0
	for _, n := range p.Nodes {
		l := fleetLine{FleetNode: n, Here: n.Name == p.Here}
		l.compare(version, config, now)
		if !l.Here && now.Sub(l.Seen) >= gone && told < maxGone {
			told++
			l.Gone, l.Remove = fmt.Sprintf("%s has said nothing for %s. What it had not sent by then is in no number and on no list of these pages; what it had sent stays counted. Nothing waits for it.", l.Name, span(now.Sub(l.Seen))), n.Removal
		}
		p.Lines = append(p.Lines, l)
	}
	switch {
	case !p.Configured:
		p.Sentence = "There is no fleet: this machine works alone, and needs nobody."
	case p.Late:
		p.Sentence = "The database of all nodes did not answer in time. Each node checks mail without it."
	case p.Problem != "":
		p.Sentence = "The database of all nodes cannot be asked at present. Each node checks mail without it."
	case len(p.Nodes) == 0:
		p.Sentence = "No node has sent anything to the database yet."
	default:
		p.Sentence = differing(p.Lines)
	}
}

// mostOf returns what most nodes have that have something.
func mostOf(nodes []FleetNode, of func(FleetNode) string) (most string) {
	count := map[string]int{}
	for _, n := range nodes {
		if s := of(n); s != "" {
			count[s]++
		}
	}
	var names []string
	for name := range count {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if count[name] > count[most] {
			most = name
		}
	}
	return most
}
