package peers

import (
	"slices"
	"strings"
)

// List is a file of entries that the configuration names.
type List struct {
	Path string `json:"path"`
	// Keys are the keys that name it.
	Keys []string `json:"keys"`
	// Owner is the peer whose package the file may vanish with, "" for none.
	Owner Peer `json:"owner,omitempty"`
	// Copy is where it was copied to, "" if it was not.
	Copy string `json:"copy,omitempty"`
}

// Lists returns the files of entries that the configuration names, in the order of the
// settings that they come from.
func (p *Plan) Lists() []List {
	lists := []List{}
	for _, peer := range All {
		for _, s := range p.inOrder(peer) {
			for _, path := range ListFiles([]Setting{s}) {
				keys := p.naming(path)
				if len(keys) > 0 && !slices.ContainsFunc(lists, func(l List) bool { return l.Path == path }) {
					lists = append(lists, List{Path: path, Keys: keys, Owner: p.owner(path)})
				}
			}
		}
	}
	return lists
}

// inOrder returns the settings of a peer by file and line.
func (p *Plan) inOrder(peer Peer) []Setting {
	var all []Setting
	for _, s := range p.set[peer] {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Setting) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	return all
}

// naming returns the keys and the rules that name a file.
func (p *Plan) naming(path string) []string {
	var keys []string
	name := quoted("file:" + path)
	for _, e := range p.draft.entries {
		if strings.Contains(e.value, name) {
			keys = append(keys, e.key)
		}
	}
	for _, r := range p.draft.rules {
		if slices.ContainsFunc(r.keys, func(kv [2]string) bool { return strings.Contains(kv[1], name) }) {
			keys = append(keys, "[[rule]]")
		}
	}
	return keys
}

// owner returns the peer whose name a path has, as in /etc/opendmarc/ignore.hosts. A
// peer that stays keeps its files.
func (p *Plan) owner(path string) Peer {
	for peer, names := range map[Peer][]string{
		OpenDKIM: {"opendkim", "dkimkeys"}, OpenDMARC: {"opendmarc"}, PySPF: {"pyspf", "policyd-spf"}, OpenARC: {"openarc"}, DKIMPy: {"dkimpy"},
	} {
		stays := peer == p.signer && p.KeepsSigner || peer == OpenARC && p.keepsSealer
		if !stays && slices.ContainsFunc(names, func(n string) bool { return strings.Contains(strings.ToLower(path), n) }) {
			return peer
		}
	}
	return ""
}

// Move has the configuration name the copies of files instead of the files, by their
// paths.
func (p *Plan) Move(copies map[string]string) {
	var pairs []string
	for from, to := range copies {
		pairs = append(pairs, quoted("file:"+from), quoted("file:"+to))
	}
	moved := strings.NewReplacer(pairs...)
	for i := range p.draft.entries {
		p.draft.entries[i].value = moved.Replace(p.draft.entries[i].value)
	}
	for _, r := range p.draft.rules {
		for i := range r.keys {
			r.keys[i][1] = moved.Replace(r.keys[i][1])
		}
	}
}
