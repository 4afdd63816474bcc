// Package peers reads the configurations of the daemons that Postvet takes the
// place of (opendkim, opendmarc, pyspf-milter, openarc) and says what becomes
// of each of their options.
//
// It exists because an admin who comes from them has settings that work, some
// of which mean something else than they say. [Translate] keeps what the peers
// did wherever Postvet can do it, and lists every option that was set: kept,
// changed (and how), or without counterpart (and what to do instead). Where a
// peer's default would make Postvet refuse less or more mail than its own
// default, the peer's behaviour is kept and named.
//
// The package reads texts and returns plain values. It knows no file but by
// name, and starts nothing.
package peers

import (
	"fmt"
	"sort"
	"strings"
)

// Peer is one of the daemons.
type Peer string

// The peers, by the names of their programs.
const (
	OpenDKIM  Peer = "opendkim"
	OpenDMARC Peer = "opendmarc"
	PySPF     Peer = "pyspf-milter"
	OpenARC   Peer = "openarc"
)

// Setting is an option as a peer's file sets it.
type Setting struct {
	Peer  Peer   `json:"peer"`
	Name  string `json:"option"` // as the peer spells it
	Value string `json:"value"`
	File  string `json:"file,omitempty"` // "" if it is the peer's default
	Line  int    `json:"line,omitempty"` // counts from 1
}

// place is where a setting stands, for a person.
func (s Setting) place() string {
	if s.File == "" {
		return string(s.Peer) + "'s default"
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Fate is what becomes of an option.
type Fate string

// The fates.
const (
	Kept    Fate = "kept"
	Changed Fate = "changed"
	Gone    Fate = "without counterpart"
)

// Item says what becomes of one option.
type Item struct {
	Setting
	Fate Fate `json:"fate"`
	// Keys are the keys of postvet.toml that take its place, if any.
	Keys []string `json:"keys,omitempty"`
	// Note says how it was changed, or what to do.
	Note string `json:"note,omitempty"`
}

// Trap is something in the peers' files that does not mean what it seems to,
// or that had no effect.
type Trap struct {
	Setting
	Text string `json:"text"`
}

// Unset is a file that sets nothing: its peer does what it does by default.
type Unset struct {
	Peer Peer   `json:"peer"`
	File string `json:"file"`
}

func (u Unset) String() string {
	return fmt.Sprintf("%s sets nothing: what %s does by default is kept", u.File, u.Peer)
}

// Plan is the outcome of a translation.
type Plan struct {
	Items []Item `json:"items"`
	// Unset are the files that set nothing.
	Unset []Unset `json:"unset,omitempty"`
	Traps []Trap  `json:"traps"`
	// Signs tells that opendkim signs mail, which Postvet does not: it stays.
	Signs bool `json:"signs"`

	draft draft
	set   map[Peer]settings
	lists map[string][]string // by key, what goes on them
	// longest is the greatest DNS timeout in seconds.
	longest int
	// refuses tells that a peer refused mail, unenforced is the setting that
	// kept opendmarc from it.
	refuses    bool
	unenforced Setting
}

// settings are the options of one peer by name in lower case.
type settings map[string]Setting

// Translate makes a plan of the settings of one or more peers, as [Read]
// returns them, and of files without any. Errors name unknown options and
// impossible values, one a line.
func Translate(all []Setting, unset ...Unset) (*Plan, error) {
	p := &Plan{Items: []Item{}, Traps: []Trap{}, Unset: unset, set: map[Peer]settings{}, lists: map[string][]string{}}
	var faults Faults
	for _, u := range unset {
		p.set[u.Peer] = settings{}
	}
	for _, s := range all {
		if p.set[s.Peer] == nil {
			p.set[s.Peer] = settings{}
		}
		o := find(s.Peer, s.Name)
		if o == nil {
			faults = append(faults, unknownOption(s))
			continue
		}
		if problem, remedy := o.check(s.Value); problem != "" {
			faults = append(faults, &Fault{File: s.File, Line: s.Line, Option: s.Name, Problem: problem, Remedy: remedy})
			continue
		}
		p.set[s.Peer][strings.ToLower(s.Name)] = s
	}
	if len(faults) > 0 {
		return nil, faults
	}
	for _, peer := range order {
		if p.has(peer) {
			translators[peer](p)
			p.rest(peer)
		}
	}
	p.decide()
	p.sort()
	return p, nil
}

// translators handle the options that Postvet has a counterpart for, or that
// depend on one another; [Plan.rest] lists the others.
var translators = map[Peer]func(*Plan){
	OpenDKIM:  (*Plan).opendkim,
	OpenDMARC: (*Plan).opendmarc,
	PySPF:     (*Plan).pyspf,
	OpenARC:   (*Plan).openarc,
}

func (p *Plan) has(peer Peer) bool { return p.set[peer] != nil }

// take returns a setting; ok tells that the file has it.
func (p *Plan) take(peer Peer, name string) (s Setting, ok bool) {
	s, ok = p.set[peer][strings.ToLower(name)]
	return s, ok
}

// effective returns a setting, or the peer's default.
func (p *Plan) effective(peer Peer, name string) Setting {
	if s, ok := p.take(peer, name); ok {
		return s
	}
	return Setting{Peer: peer, Name: name, Value: find(peer, name).byDefault}
}

// on reports whether a boolean option is on, set or by default.
func (p *Plan) on(peer Peer, name string) bool { return truth(p.effective(peer, name).Value) }

func (p *Plan) note(s Setting, fate Fate, note string, keys ...string) {
	if s.File == "" {
		return // the list is about what was set
	}
	p.Items = append(p.Items, Item{Setting: s, Fate: fate, Keys: keys, Note: note})
}

func (p *Plan) trap(s Setting, format string, args ...any) {
	p.Traps = append(p.Traps, Trap{Setting: s, Text: fmt.Sprintf(format, args...)})
}

// rest lists what no translator has spoken of, by the table of options.
func (p *Plan) rest(peer Peer) {
	told := map[string]bool{}
	for _, it := range p.Items {
		if it.Peer == peer {
			told[strings.ToLower(it.Name)] = true
		}
	}
	for name, s := range p.set[peer] {
		if o := find(peer, name); !told[name] {
			p.note(s, o.fate, o.note)
		}
	}
}

func (p *Plan) sort() {
	sort.SliceStable(p.Items, func(i, j int) bool {
		a, b := p.Items[i], p.Items[j]
		if a.Peer != b.Peer {
			return rank(a.Peer) < rank(b.Peer)
		}
		return a.Line < b.Line
	})
}

// order are the peers in the order in which they are translated: what DMARC
// decides counts most.
var order = []Peer{OpenDMARC, OpenDKIM, PySPF, OpenARC}

func rank(peer Peer) int {
	return strings.Index("opendkim opendmarc pyspf-milter openarc", string(peer))
}

// Undecided counts the options without counterpart: what an admin should read.
func (p *Plan) Undecided() int {
	n := 0
	for _, it := range p.Items {
		if it.Fate == Gone {
			n++
		}
	}
	return n
}
