package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// nodes are those whose numbers a page shows.
type nodes struct {
	// Sentence says so in words.
	Sentence string `json:"sentence"`
	// Chosen is the node that was asked for, "" for all.
	Chosen string `json:"chosen"`
	// Away says why the database of all nodes cannot be asked; "" if it was. The numbers
	// are then those of this node alone.
	Away string `json:"away,omitempty"`
	// Late is true if it cannot because it did not answer in time. It may only be slow.
	Late bool `json:"late,omitempty"`
	// Choices are the links for all nodes together and for each of them.
	Choices []option `json:"choices"`

	names  []string
	silent []counts.Silent
	zone   *time.Location
	// answered is true if their database has answered. What it does not answer later is
	// missing on the page, which never has numbers of this node beside those of all nodes.
	answered bool
}

// maxChoices bounds the nodes that a page offers.
const maxChoices = 60

// nodesOf returns the nodes of a page; nil if this machine is alone.
func (h *Handler) nodesOf(q *request) *nodes {
	if !q.asksNodes {
		q.asksNodes = true
		if h.facts(q).Journal.Shipping != nil {
			q.nodes = &nodes{Chosen: q.get("node"), zone: q.zone}
		}
	}
	return q.nodes
}

// ofNodes asks for counts of the nodes that a page is about, which it sets in the query. If
// their database does not answer, it asks for those of this node.
func ofNodes[T any](h *Handler, q *request, of *counts.Nodes, ask func(*request) (T, error)) (T, error) {
	n := h.nodesOf(q)
	if n == nil || n.Away != "" {
		return ofThis(q, ask)
	}
	*of = counts.Nodes{Fleet: true, Node: n.Chosen}
	within := q.left()
	if !n.answered {
		within = q.within() // the rest is for the numbers of this node
	}
	answer, err := part(q, within, ask)
	var refusal *control.Refusal
	switch {
	case err == nil:
		n.answered = true
		return answer, nil
	case n.answered, q.ctx.Err() != nil, errors.As(err, &refusal) && refusal.Code == control.CodeRequest:
		return answer, err
	case errors.Is(err, context.DeadlineExceeded):
		err, n.Late, q.time.cut = errLate, true, true
	}
	n.Away = foreign.Terminal(err.Error(), 300)
	*of = counts.Nodes{}
	return ofThis(q, ask)
}

// errLate is why the numbers of all nodes are not those of a page whose time was over.
var errLate = errors.New("it does not answer in the time of a page")

// ofThis asks for counts of this node. A page that could not read them does not try again: another
// process may have locked them. Something of its time is left then.
func ofThis[T any](q *request, ask func(*request) (T, error)) (answer T, err error) {
	if q.uncounted != nil {
		return answer, q.uncounted
	}
	answer, err = part(q, q.left()*5/6, ask)
	q.uncounted = err
	return answer, err
}

// top asks for the names with most messages.
func (h *Handler) top(q *request, query counts.Query) (counts.Ranking, error) {
	return ofNodes(h, q, &query.Nodes, func(q *request) (counts.Ranking, error) {
		r, err := askedQuery[counts.Ranking](h, q, control.Request{Do: control.DoTop}, query)
		q.nodes.know(r.Nodes, r.Silent)
		q.time.cut = q.time.cut || err == nil && !r.Complete
		return r, err
	})
}

// series asks how a name fares over time.
func (h *Handler) series(q *request, query counts.SeriesQuery) (counts.Series, error) {
	return ofNodes(h, q, &query.Nodes, func(q *request) (counts.Series, error) {
		s, err := h.opt.Source.Series(q.ctx, q.user, query)
		q.nodes.know(s.Nodes, s.Silent)
		if err == nil && !s.Complete {
			err = context.DeadlineExceeded // points would lack what was not read
		}
		return s, err
	})
}

// know notes the names of the nodes, and those that say nothing.
func (n *nodes) know(names []string, silent []counts.Silent) {
	if n != nil && len(names) > 0 {
		n.names, n.silent = names, silent
	}
}

// maxSilent bounds the silent nodes that a sentence names.
const maxSilent = 3

// lacking says of which of the nodes shown the newest mail is missing, "" for none.
func (n *nodes) lacking() string {
	var said []string
	more := 0
	for _, s := range n.silent {
		switch {
		case n.Chosen != "" && n.Chosen != s.Node:
		case len(said) == maxSilent:
			more++
		default:
			said = append(said, fmt.Sprintf("%s has sent nothing since %s", foreign.Terminal(s.Node, 100), s.Since.In(n.zone).Format("2 Jan 15:04")))
		}
	}
	switch {
	case len(said) == 0:
		return ""
	case more > 0:
		said = append(said, layout.Count(more, "more node")+" neither")
	}
	return " What came since is missing: " + strings.Join(said, "; ") + "."
}

// told returns what a page says of its nodes; nil if this machine is alone.
func (n *nodes) told() *nodes {
	if n == nil {
		return nil
	}
	names := n.names
	if n.Chosen != "" && !slices.Contains(names, n.Chosen) {
		names = append([]string{n.Chosen}, names...)
	}
	n.Choices = []option{{Title: "all nodes", Current: n.Chosen == ""}}
	for _, name := range names[:min(len(names), maxChoices)] {
		n.Choices = append(n.Choices, option{Word: name, Title: name, Current: name == n.Chosen})
	}
	switch {
	case n.Late:
		n.Sentence = "The numbers are of this node alone, as the database of all nodes did not answer in time."
	case n.Away != "":
		n.Sentence = "The numbers are of this node alone, as the database of all nodes is away: " + n.Away + "."
	case n.Chosen != "":
		n.Sentence = "The numbers are of the node " + n.Chosen + "." + n.lacking()
	case len(n.names) == 0:
		n.Sentence = "No node has sent its counts yet."
	default:
		n.Sentence = "The numbers are of " + layout.Count(len(n.names), "node") + ", as far as they have sent them." + n.lacking()
	}
	return n
}

// link returns the parameters of a link, with those that keep the nodes of the page.
func (n *nodes) link(path string, pairs []any) []any {
	if n == nil {
		return pairs
	}
	first := []any{"node", n.Chosen}
	if path == "/messages" {
		if n.Away != "" || len(pairs) == 0 { // the form of the search asks for what is typed
			return pairs
		}
		first = append(first, "fleet", "1")
	}
	return append(first, pairs...)
}
