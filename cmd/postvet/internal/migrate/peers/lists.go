package peers

import (
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// add takes over the members of a data set into a list.
func (p *Plan) add(s Setting, key, note string, members []string) {
	p.extend(s, key, members)
	p.item(s, Changed, note, key)
}

// extend adds entries to the list at a key. writeLists writes the lists in the end.
func (p *Plan) extend(s Setting, key string, entries []string) {
	p.lists[key] = append(p.lists[key], entries...)
	p.draft.putFrom(s, key, "")
}

// writeLists writes the lists that were collected, each entry once.
func (p *Plan) writeLists() {
	for key, list := range p.lists {
		once := []string{}
		for _, e := range list {
			if !slices.Contains(once, e) {
				once = append(once, e)
			}
		}
		for i := range p.draft.entries {
			if p.draft.entries[i].key == key {
				p.draft.entries[i].value = quotedList(once)
			}
		}
	}
}

// domainsOverridden takes over a list of author domains that were not checked.
func (p *Plan) domainsOverridden(s Setting, domains []string, note string) {
	var listed, suffixes []string
	for _, d := range domains {
		if strings.HasPrefix(d, "file:") {
			listed = append(listed, d)
			continue
		}
		if name, ok := message.NormalizeDomain(strings.TrimPrefix(d, ".")); ok && dmarc.PublicSuffix(name) {
			suffixes = append(suffixes, d)
			continue
		}
		p.draft.putFrom(s, "author_overrides."+quoted(strings.ToLower(strings.TrimPrefix(d, "."))), quoted("none"))
	}
	if len(listed) > 0 {
		p.item(s, NoCounterpart, "write its domains into [author_overrides] with \"none\": a file cannot be named there", "author_overrides")
		return
	}
	if len(suffixes) > 0 {
		p.item(s, NoCounterpart, "below "+strings.Join(suffixes, ", ")+" anybody can have a domain; write a [[rule]] with \"from\" if all of it is meant", "author_overrides")
		return
	}
	p.item(s, Changed, note, "author_overrides")
}
