package web

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// forwarders ranks the networks that hand on mail: who breaks mail?
type forwarders struct {
	Sentence string   `json:"sentence"`
	Period   period   `json:"period"`
	Ranges   []option `json:"ranges"`
	Lines    []relay  `json:"networks"`
	extent
	// Looked are the messages that were looked at for lists and sealers.
	Looked looked   `json:"looked"`
	Notes  []string `json:"notes"`
	Nodes  *nodes   `json:"nodes,omitempty"`
}

// relay is a network whose mail fails as forwarding makes it fail.
type relay struct {
	Network string `json:"network"`
	// Broken is how many messages fail DMARC as they look forwarded, of Forwarded that look
	// so, and of All.
	Broken    int64  `json:"broken"`
	Forwarded int64  `json:"forwarded"`
	All       int64  `json:"messages"`
	Refused   int64  `json:"refused"`
	Change    string `json:"change"`
	// Lists are what the List-Id of its broken messages says, and Sealers who sealed them by
	// ARC, those of most messages first.
	Lists   []named `json:"lists"`
	Sealers []named `json:"sealers"`
	// Paste is the line that trusts it, and Add the entry for the page that tries it.
	Paste string `json:"paste"`
	Add   string `json:"add"`
}

func (h *Handler) forwarders(q *request) (any, error) {
	p := &forwarders{Lines: []relay{}, Notes: []string{}}
	p.Period, p.Ranges = q.period()
	r, how, notes, err := h.rank(q, counts.Query{Kind: counts.Client, By: counts.Broken, Limit: maxLines}, &p.Period)
	if p.extent = how; err != nil {
		return nil, err
	}
	var broken int64
	for i := range r.Lines {
		l := &r.Lines[i]
		s := &l.Sums
		x := relay{Lists: []named{}, Sealers: []named{}, Network: l.Name, Broken: s[counts.Broken], Forwarded: s[counts.Forwarded], All: s[counts.All], Refused: refusedOf(s), Change: changeOf(s[counts.Broken], l.Former[counts.Broken], &r)}
		if l.Name != counts.None && l.Name != counts.Other {
			x.Add = l.Name
			x.Paste = fmt.Sprintf("[trust]\nforwarders = [%q]", l.Name)
		}
		broken += x.Broken
		p.Lines = append(p.Lines, x)
	}
	if len(p.Lines) > 0 {
		h.nameForwarders(q, p, q.left())
	}
	p.Notes = append(p.Notes, notes...)
	switch n := len(p.Lines); {
	case p.nothing:
		p.Sentence = unranked
	case r.Oldest.IsZero():
		p.Sentence = nothingCounted
	case n == 0:
		p.Sentence = "Nobody: no mail looks as if a forwarder had broken it " + p.Period.Text + "."
	default:
		p.Sentence = fmt.Sprintf("%s from %s failed DMARC %s, and look as if a forwarder or a mailing list had changed them. Trust only those that you know.",
			layout.Count(broken, "message"), layout.Count(n, "network"), p.Period.Text)
	}
	p.Nodes = q.nodes.told()
	return p, nil
}
