package peers

import (
	"fmt"
	"strings"
)

// Outcome says what happens to an option.
type Outcome string

// The outcomes.
const (
	Kept          Outcome = "kept"
	Changed       Outcome = "changed"
	NoCounterpart Outcome = "without counterpart"
)

// Item is one option of the list.
type Item struct {
	Setting
	Outcome Outcome `json:"fate"`
	// Keys are the keys of postvet.toml that take its place, if any.
	Keys []string `json:"keys,omitempty"`
	// Note says how it was changed, or what to do.
	Note string `json:"note,omitempty"`
}

// Trap is a setting that does not mean what it seems to mean, or that had no
// effect.
type Trap struct {
	Setting
	Text string `json:"text"`
}

// Difference is something that Postvet will do otherwise than the peers did.
type Difference struct {
	Setting
	Text string `json:"text"`
}

// Plan is the outcome of a translation.
type Plan struct {
	Items       []Item       `json:"items"`
	Differences []Difference `json:"differences"`
	// Unset are the files that set nothing.
	Unset []Unset `json:"unset,omitempty"`
	Traps []Trap  `json:"traps"`
	// Signs reports that opendkim signs mail. KeepsSigner reports that Postvet cannot take
	// that over, so that opendkim stays.
	Signs       bool `json:"signs"`
	KeepsSigner bool `json:"keeps_signer"`

	// keepsSealer reports that openarc seals, and Postvet cannot take that over.
	keepsSealer bool
	// signer is the peer that signs, whose options the translation of signing reads.
	signer Peer

	draft draft
	set   map[Peer]settings
	lists map[string][]string // the entries of lists, by key
	// longest is the greatest DNS timeout in seconds.
	longest int
	// refusing are the peers that refused mail.
	refusing map[Peer]bool
	// files are the entries of the files that lists name.
	files Files
	// reporter is what peers say of the reports that they sent.
	reporter reporter
	// unenforced is the setting that kept opendmarc from refusing mail.
	unenforced Setting
}

// settings is the settings of one peer, by the option's name in lower case.
type settings map[string]Setting

// has reports whether a file of the peer was read.
func (p *Plan) has(peer Peer) bool { return p.set[peer] != nil }

// setting returns a setting; ok reports whether the peer's file has it.
func (p *Plan) setting(peer Peer, name string) (s Setting, ok bool) {
	s, ok = p.set[peer][strings.ToLower(name)]
	return s, ok
}

// effective returns a setting, or the peer's default.
func (p *Plan) effective(peer Peer, name string) Setting {
	if s, ok := p.setting(peer, name); ok {
		return s
	}
	s := Setting{Peer: peer, Name: name}
	if o := optionNamed(peer, name); o != nil {
		s.Value = o.byDefault
	}
	return s
}

// on reports whether a boolean option is on, set or by default.
func (p *Plan) on(peer Peer, name string) bool { return isTrue(p.effective(peer, name).Value) }

// item lists what happens to a setting. Defaults are not listed.
func (p *Plan) item(s Setting, o Outcome, note string, keys ...string) {
	if s.File == "" {
		return
	}
	p.Items = append(p.Items, Item{Setting: s, Outcome: o, Keys: keys, Note: note})
}

// differs names what Postvet will do otherwise than a setting of a peer did.
func (p *Plan) differs(s Setting, format string, args ...any) {
	p.Differences = append(p.Differences, Difference{Setting: s, Text: fmt.Sprintf(format, args...)})
}

// refuses reports whether a peer refused mail.
func (p *Plan) refuses() bool { return len(p.refusing) > 0 }

// trap names a setting that does not mean what it seems to mean.
func (p *Plan) trap(s Setting, format string, args ...any) {
	p.Traps = append(p.Traps, Trap{Setting: s, Text: fmt.Sprintf(format, args...)})
}

// remaining lists the settings that the translator left, by the table of options.
func (p *Plan) remaining(peer Peer) {
	listed := map[string]bool{}
	for _, it := range p.Items {
		if it.Peer == peer {
			listed[strings.ToLower(it.Name)] = true
		}
	}
	for name, s := range p.set[peer] {
		if o := optionNamed(peer, name); !listed[name] {
			p.item(s, o.outcome, o.note)
		}
	}
}

// Undecided returns the number of options without counterpart, which an admin should
// read.
func (p *Plan) Undecided() int {
	n := 0
	for _, it := range p.Items {
		if it.Outcome == NoCounterpart {
			n++
		}
	}
	return n
}

// mode decides whether verdicts are carried out, which no option says alone.
func (p *Plan) mode() {
	rejects := p.has(OpenDMARC) && p.on(OpenDMARC, "RejectFailures")
	if _, strict := p.draft.get("policy.on_ambiguous_author"); p.refuses() && !rejects && !strict {
		p.draft.put("policy.on_ambiguous_author", quoted("accept"), "No peer refused mail for its author.")
	}
	switch {
	case !p.refuses():
		p.draft.put("mode", quoted("monitor"), "The peers refused nothing. Verdicts are logged and written into the message; \"enforce\" carries them out.")
	case !p.has(OpenDMARC):
		p.draft.put("mode", quoted("enforce"), "The peers refused mail, see below.")
		p.draft.put("policy.dmarc", quoted("mark"), "There was no opendmarc: DMARC is evaluated and written into the message, and refuses nothing.")
	case !rejects:
		p.draft.put("mode", quoted("enforce"), "The peers refused mail, see below.")
		p.draft.putFrom(p.unenforced, "policy.dmarc", quoted("mark"), "DMARC refuses nothing.")
	default:
		p.draft.put("mode", quoted("enforce"), "opendmarc refused mail that fails.")
	}
}
