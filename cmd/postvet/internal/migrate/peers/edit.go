package peers

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
)

// Edit is what an admin is to change in an MTA's configuration so that Postvet
// takes the place of the peers. Nothing is changed by itself.
type Edit struct {
	File  string     `json:"file"`
	Lines []EditLine `json:"lines"`
	// Notes are what to look at besides.
	Notes []string `json:"notes"`
	// Then is what to run afterwards.
	Then string `json:"then"`
}

// EditLine replaces Old, which may be several lines and begins at Line, by
// New. Without Old, New is to be added; without New, Old is to be removed.
type EditLine struct {
	Line int    `json:"line"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// String is the edit as a person reads it, with - and + as diff has them.
func (e Edit) String() string {
	var b strings.Builder
	for _, l := range e.Lines {
		if l.Old == "" {
			fmt.Fprintf(&b, "%s, new line\n", e.File)
		} else {
			fmt.Fprintf(&b, "%s:%d\n", e.File, l.Line)
		}
		prefixed(&b, "- ", l.Old)
		prefixed(&b, "+ ", l.New)
	}
	if len(e.Lines) == 0 {
		fmt.Fprintf(&b, "%s needs no change\n", e.File)
	}
	for _, n := range e.Notes {
		b.WriteString("note: " + n + "\n")
	}
	if len(e.Lines) > 0 {
		b.WriteString("then: " + e.Then + "\n")
	}
	return b.String()
}

func prefixed(b *strings.Builder, prefix, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(prefix + strings.TrimSuffix(line, "\n") + "\n")
	}
}

// stays reports whether a milter of an MTA's list remains: it is none of the
// peers, or one that Postvet does not replace altogether.
func (p *Plan) stays(m mta.Milter) bool {
	peer, ok := p.listener(m)
	return !ok || peer == OpenDKIM && p.Signs || peer == OpenARC && p.seals()
}

// replace puts ours where the first of the peers stood and takes the others
// out.
func (p *Plan) replace(list []mta.Milter, ours mta.Milter) (now, gone []mta.Milter) {
	placed := false
	for _, m := range list {
		switch {
		case mta.SameSocket(m.Socket, ours.Socket):
			placed = true
			now = append(now, m)
		case p.stays(m):
			now = append(now, m)
		default:
			gone = append(gone, m)
			if !placed {
				placed = true
				now = append(now, ours)
			}
		}
	}
	if !placed {
		// First: what comes in is to be judged before others change it.
		now = append([]mta.Milter{ours}, now...)
	}
	return now, gone
}

// listener says which of the peers a milter of an MTA's list is.
func (p *Plan) listener(m mta.Milter) (Peer, bool) {
	for _, peer := range order {
		if p.has(peer) && mta.SameSocket(m.Socket, p.effective(peer, "Socket").Value) {
			return peer, true
		}
	}
	return "", false
}

// removed are the notes on the milters that leave, and on peers that are not
// on the list.
func (p *Plan) removed(list, gone []mta.Milter) []string {
	notes := []string{}
	if len(gone) > 0 {
		notes = append(notes, "taken out: "+joined(gone)+"; stop these services when Postvet has worked for a while")
	}
	for _, peer := range order {
		if !p.has(peer) || p.listed(peer, list) {
			continue
		}
		socket := p.effective(peer, "Socket").Value
		if socket == "" {
			socket = "its file names none"
		}
		notes = append(notes, fmt.Sprintf("%s is not on the list by its socket (%s): look for it by hand", peer, socket))
	}
	return notes
}

func (p *Plan) listed(peer Peer, list []mta.Milter) bool {
	for _, m := range list {
		if who, ok := p.listener(m); ok && who == peer {
			return true
		}
	}
	return false
}

func joined(list []mta.Milter) string {
	var names []string
	for _, m := range list {
		if m.Name != "" {
			names = append(names, m.Name)
			continue
		}
		names = append(names, m.Entry)
	}
	return strings.Join(names, ", ")
}
