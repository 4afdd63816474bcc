package peers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
)

// Edit is what an admin has to change in the MTA's configuration so that Postvet
// takes the place of the peers. Postvet changes nothing itself.
type Edit struct {
	File  string     `json:"file"`
	Lines []EditLine `json:"lines"`
	// Notes are further things to look at.
	Notes []string `json:"notes"`
	// Then is what to run afterwards.
	Then string `json:"then"`
}

// EditLine replaces Old, which begins at Line and may be several lines, by New. If
// Old is "", New is added; if New is "", Old is removed.
type EditLine struct {
	Line int    `json:"line"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Text returns the edit for a person, with "-" and "+" as in a diff. What is to be
// copied keeps its lines; the notes stay within a screen.
func (e Edit) Text(screen layout.Screen) string {
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
	const note = "note: "
	for _, n := range e.Notes {
		b.WriteString(note + screen.Wrap(n, len(note), len(note)) + "\n")
	}
	if len(e.Lines) > 0 {
		b.WriteString("then: " + e.Then + "\n")
	}
	return b.String()
}

// prefixed writes the lines of a text, each with a prefix.
func prefixed(b *strings.Builder, prefix, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(prefix + strings.TrimSuffix(line, "\n") + "\n")
	}
}

// isKept reports whether a milter stays on the MTA's list: it is not a peer, or it is
// a peer that Postvet does not fully replace.
func (p *Plan) isKept(m mta.Milter) bool {
	peer, ok := p.peerOf(m)
	return !ok || peer == p.signer && p.KeepsSigner || peer == OpenARC && p.keepsSealer
}

// replace puts our milter in the place of the first peer, and takes all peers out.
func (p *Plan) replace(list []mta.Milter, ours mta.Milter) (now, gone []mta.Milter) {
	placed := false
	for _, m := range list {
		switch {
		case mta.SameSocket(m.Socket, ours.Socket):
			placed = true
			now = append(now, m)
		case p.isKept(m):
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
		// First: other milters may change the message.
		now = append([]mta.Milter{ours}, now...)
	}
	return now, gone
}

// peerOf returns which of the peers a milter of the MTA's list is.
func (p *Plan) peerOf(m mta.Milter) (Peer, bool) {
	for _, peer := range order {
		if p.has(peer) && mta.SameSocket(m.Socket, p.effective(peer, "Socket").Value) {
			return peer, true
		}
	}
	return "", false
}

// notes returns the notes on the milters that were taken out, and on peers that are
// not on the list.
func (p *Plan) notes(list, gone []mta.Milter) []string {
	notes := []string{}
	if len(gone) > 0 {
		notes = append(notes, "taken out: "+names(gone)+"; stop these services when Postvet has worked for a while")
	}
	for _, peer := range order {
		if !p.has(peer) || p.listed(peer, list) || slices.Contains(notMilters, peer) {
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

// notMilters are the peers that are no milters, and Rspamd, which stays where it is.
var notMilters = []Peer{Rspamd, RspamdDMARC, OpenDMARCReports, MailDMARC}

// listed reports whether a peer is on the MTA's list.
func (p *Plan) listed(peer Peer, list []mta.Milter) bool {
	for _, m := range list {
		if who, ok := p.peerOf(m); ok && who == peer {
			return true
		}
	}
	return false
}

// names returns the milters as the MTA's list names them.
func names(list []mta.Milter) string {
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
