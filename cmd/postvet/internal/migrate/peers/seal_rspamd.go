package peers

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// sealSection is the section of Rspamd's settings that are about sealing. In arc.conf they
// have the names of those about signing, which they must not replace.
const sealSection = "arc "

// inSealSection returns the settings of a file of Rspamd, those of arc.conf in their section.
func inSealSection(file string, settings []Setting) []Setting {
	if path.Base(file) != "arc.conf" {
		return settings
	}
	for i := range settings {
		if s := &settings[i]; !strings.HasPrefix(s.Name, sealSection) { // modules.d/arc.conf has the section
			s.Name = sealSection + s.Name
		}
	}
	return settings
}

// Notes on what seals in Rspamd.
const (
	noteSealKey  = "one domain seals: name it in seal.domain and seal.selector, and its key in sign.files"
	noteSealAs   = "all seals are by seal.domain, whoever wrote the message"
	noteSealForm = "a seal covers the fields that DKIM signatures cover by default, and DKIM-Signature"
)

// sealOptions are the options of arc.conf that say which mail is sealed, by which key.
var sealOptions = map[string]struct {
	outcome Outcome
	note    string
	keys    []string
}{
	"enabled":            {Kept, "", nil},
	"sign_inbound":       {NoCounterpart, "Rspamd seals all that comes in; name the domains whose mail you send on unchanged (aliases, .forward)", []string{"seal.recipients"}},
	"sign_local":         {NoCounterpart, "name list servers and filters that hand in mail again", []string{"seal.networks"}},
	"sign_networks":      {NoCounterpart, "name list servers and filters that hand in mail again", []string{"seal.networks"}},
	"sign_authenticated": {Changed, "mail of users who log in is their own, and never sealed", nil},
	"auth_only":          {Changed, "mail of users who log in is their own, and never sealed", nil},
	"domain":             {NoCounterpart, noteSealKey, []string{"seal.domain", "sign.files"}},
	"path":               {NoCounterpart, noteSealKey, []string{"seal.domain", "sign.files"}},
	"path_map":           {NoCounterpart, noteSealKey, []string{"seal.domain", "sign.files"}},
	"selector":           {NoCounterpart, noteSealKey, []string{"seal.selector"}},
	"selector_map":       {NoCounterpart, noteSealKey, []string{"seal.selector"}},
	"use_redis":          {NoCounterpart, noteSealKey + ", or let [sign.redis] find it", []string{"seal.domain", "sign.files"}},
	"key_prefix":         {NoCounterpart, noteSealKey + ", or let [sign.redis] find it", []string{"seal.domain", "sign.files"}},
	"sign_headers":       {Changed, noteSealForm, nil},
	".include":           {NoCounterpart, "read it too: --rspamd FILE, if its name is arc.conf", nil},
}

// rspamdSealing lists what of Rspamd's sealing is to be written by hand: Rspamd seals as the
// domain of each message, and Postvet as one domain. It reports whether there is more than
// that to translate.
func (p *Plan) rspamdSealing() (more bool) {
	settings := p.inOrder(Rspamd)
	slices.SortStableFunc(settings, func(a, b Setting) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Name, b.Name)) })
	var first *Setting
	off := false
	domain, selector, file := "", "arc", "/var/lib/rspamd/arc/$domain.$selector.key"
	for _, s := range settings {
		name, ours := strings.CutPrefix(s.Name, sealSection)
		if !ours {
			more = true
			continue
		}
		if first == nil {
			first = &s
		}
		word, below, _ := strings.Cut(name, " ")
		o, known := sealOptions[word]
		if !known {
			o.outcome, o.note = Changed, noteSealAs
		}
		p.item(s, o.outcome, o.note, o.keys...)
		d, rest, _ := strings.Cut(below, " ")
		last := rest[strings.LastIndexByte(rest, ' ')+1:]
		switch {
		case word == "enabled":
			off = !isTrue(s.Value)
		case word == "domain" && (domain == "" || domain == strings.ToLower(d)):
			domain, selector, file = strings.ToLower(d), pick(last == "selector", s.Value, selector), pick(last == "path", s.Value, file)
		case domain == "":
			selector, file = pick(word == "selector", s.Value, selector), pick(word == "path", s.Value, file)
		}
	}
	if first == nil {
		p.trap(Setting{Peer: Rspamd, Name: "arc"}, "if Rspamd seals by ARC, name its arc.conf with --rspamd too: the list then says what to write into [seal]")
		return true
	}
	if !off {
		domain = cmp.Or(domain, "DOMAIN")
		file = strings.NewReplacer("$domain", domain, "$selector", selector).Replace(uclPath(file))
		p.trap(*first, `Rspamd goes on sealing. To have Postvet do it, add %s to [sign] files, and write [seal] domain = %s, selector = %s, and recipients or networks, see postvet-seal(7); mail of that domain may then be signed by that key, too, unless sign.dry_run = true. Then set enabled = false in local.d/arc.conf`,
			quoted(fmt.Sprintf("%s:%s:%s", domain, selector, file)), quoted(domain), quoted(selector))
	}
	return more
}

// pick returns one of two texts.
func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
