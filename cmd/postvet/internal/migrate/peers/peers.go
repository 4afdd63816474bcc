// Package peers reads the configurations of the daemons that Postvet takes the
// place of (opendkim, opendmarc, pyspf-milter, openarc, dkimpy-milter, what Rspamd signs,
// seals and reports, Mail::DMARC) and translates each of their options.
//
// An admin who comes from them has settings that work, some of which mean
// something else than they say. [Translate] keeps what the peers did wherever
// Postvet can do it, and lists every option that was set: kept, changed (and how),
// or without counterpart (and what to do instead). Where Postvet's default would
// refuse less or more mail than a peer's default did, the peer's is kept and named.
//
// The package reads texts and returns plain values. It opens no file and starts
// nothing.
package peers

import (
	"cmp"
	"fmt"
	"slices"
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
	DKIMPy    Peer = "dkimpy-milter"
	Rspamd    Peer = "rspamd"
	// RspamdDMARC is Rspamd's dmarc.conf, OpenDMARCReports the jobs that send opendmarc's
	// reports, and MailDMARC the Perl library.
	RspamdDMARC      Peer = "rspamd-dmarc"
	OpenDMARCReports Peer = "opendmarc-reports"
	MailDMARC        Peer = "mail-dmarc"
)

// All is all peers, in the order in which they are listed.
var All = []Peer{OpenDKIM, OpenDMARC, OpenDMARCReports, PySPF, OpenARC, DKIMPy, Rspamd, RspamdDMARC, MailDMARC}

// Setting is an option as a peer's file sets it.
type Setting struct {
	Peer  Peer   `json:"peer"`
	Name  string `json:"option"` // as the peer spells it
	Value string `json:"value"`
	File  string `json:"file,omitempty"` // "" if it is the peer's default
	Line  int    `json:"line,omitempty"` // counts from 1
}

// place returns where the setting stands, for a person.
func (s Setting) place() string {
	if s.File == "" {
		return string(s.Peer) + "'s default"
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// Unset is a file that sets nothing, so that its peer has its defaults.
type Unset struct {
	Peer Peer   `json:"peer"`
	File string `json:"file"`
}

func (u Unset) String() string {
	return fmt.Sprintf("%s sets nothing: what %s does by default is kept", u.File, u.Peer)
}

// Translate returns a plan made of the settings of one or more peers, as [Read]
// returns them, of the files that their lists name, and of files without any
// settings. The error is [Faults]: unknown options and impossible values.
func Translate(all []Setting, files Files, unset ...Unset) (*Plan, error) {
	p := &Plan{
		Items: []Item{}, Differences: []Difference{}, Traps: []Trap{}, Unset: unset,
		set: map[Peer]settings{}, lists: map[string][]string{}, refusing: map[Peer]bool{}, files: files,
	}
	var faults Faults
	for _, u := range unset {
		p.set[u.Peer] = settings{}
	}
	for _, s := range all {
		if p.set[s.Peer] == nil {
			p.set[s.Peer] = settings{}
		}
		o := optionNamed(s.Peer, s.Name)
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
		}
	}
	p.exemptions()
	p.sealing()
	p.reports()
	for peer := range p.set {
		p.remaining(peer)
	}
	p.writeLists()
	p.mode()
	slices.SortStableFunc(p.Items, func(a, b Item) int {
		return cmp.Or(slices.Index(All, a.Peer)-slices.Index(All, b.Peer), cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	return p, nil
}

// translators translate the options that have a counterpart or depend on one
// another. [Plan.remaining] lists the others.
var translators = map[Peer]func(*Plan){
	OpenDKIM:  (*Plan).opendkim,
	OpenDMARC: (*Plan).opendmarc,
	PySPF:     (*Plan).pyspf,
	OpenARC:   (*Plan).openarc,
	DKIMPy:    (*Plan).dkimpy,
	Rspamd:    (*Plan).rspamd,

	OpenDMARCReports: (*Plan).opendmarcScript,
	RspamdDMARC:      (*Plan).rspamdReports,
	MailDMARC:        (*Plan).mailDMARC,
}

// order is the order in which the peers are translated: what DMARC decides counts
// most.
var order = []Peer{OpenDMARC, OpenDMARCReports, RspamdDMARC, MailDMARC, OpenDKIM, PySPF, OpenARC, DKIMPy, Rspamd}
