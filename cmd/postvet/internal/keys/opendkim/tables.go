// Package opendkim reads the KeyTable and the SigningTable of opendkim as they are.
//
// The SigningTable says which keys sign for which authors, the KeyTable where these keys
// are (opendkim.conf(5)). [Load] reads both and tells all faults at once, with file and
// line. [Tables.Keys] answers for an author; the
// keys themselves are read when a message needs them.
//
// Two things are other than in opendkim. A line that fits authors of any owner, such as
// "*@* mail", signs only for authors in the domain of its key or below: opendkim would
// sign every message that it gets in one name. And i= is not set.
package opendkim

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spelling"
)

// Options name the tables.
type Options struct {
	// SigningTable and KeyTable are data sets in opendkim's notation: a path,
	// "file:/path", "refile:/path" or "csl:key=value,...".
	SigningTable, KeyTable string
	// Multiple has every line that fits sign, not only the first.
	Multiple bool
	// Check returns what is wrong with a key that stands in the KeyTable itself.
	Check func(key []byte) error
}

// Tables are the two tables.
type Tables struct {
	opt     Options
	signing *signingTable
	keys    map[string]definition
	keyFile string // "KeyTable" for a list
	// Findings are lines that do something else than one may think.
	Findings []*Fault
}

// Load reads the tables. The error is [*Faults].
func Load(o Options) (*Tables, error) {
	faults := &Faults{}
	signing, problem, remedy := parseSource(o.SigningTable)
	if problem != "" {
		faults.add(source{}, 0, "the SigningTable "+cite(o.SigningTable)+" "+problem, remedy)
	}
	keyTable, problem, remedy := parseSource(o.KeyTable)
	if problem != "" {
		faults.add(source{}, 0, "the KeyTable "+cite(o.KeyTable)+" "+problem, remedy)
	}
	if err := faults.orNil(); err != nil {
		return nil, err
	}
	t := &Tables{opt: o, keys: readKeys(keyTable, o.Check, faults), signing: readSigning(signing, faults), keyFile: cmp.Or(keyTable.path, "KeyTable")}
	t.compare(signing, faults)
	if err := faults.orNil(); err != nil {
		return nil, err
	}
	return t, nil
}

// compare finds lines of the SigningTable whose keys the KeyTable lacks, and those that
// sign for fewer authors than they fit.
func (t *Tables) compare(s source, faults *Faults) {
	var names []string // for suggestions, made when one is needed
	for i := range t.signing.rows {
		r := &t.signing.rows[i]
		if r.key == "%" {
			continue // it depends on the message
		}
		d, known := t.keys[r.key]
		if !known {
			remedy := "write it into " + t.keyFile
			if names == nil && len(t.keys) < 10000 {
				for n := range t.keys {
					names = append(names, n)
				}
			}
			if near := spelling.Nearest(r.key, names); near != "" {
				remedy = fmt.Sprintf("did you mean %s?", near)
			}
			faults.add(s, int(r.line), fmt.Sprintf("%s names the key %s, which the KeyTable does not have", cite(r.pattern), cite(r.key)), remedy)
			continue
		}
		if r.everybody && d.domain != "%" && len(t.Findings) < maxFaults {
			t.Findings = append(t.Findings, &Fault{
				File: s.path, Line: int(r.line), Problem: fmt.Sprintf("%s fits every author, and signs for those in %s alone", cite(r.pattern), d.domain),
				Remedy: fmt.Sprintf(`write "*@%s %s", or a key whose domain is %%`, d.domain, r.key),
			})
		}
	}
}

// Len returns the numbers of lines in the SigningTable and of keys in the KeyTable.
func (t *Tables) Len() (lines, defined int) { return len(t.signing.rows), len(t.keys) }

// maxSignatures bounds the lines that sign one message.
const maxSignatures = 4

// Keys returns where the keys of an author are: that of the first line that fits, or those
// of all lines, each of which signs.
func (t *Tables) Keys(author message.Mailbox) []stored.Key {
	var list []stored.Key
	for _, r := range t.signing.find(author) {
		name := r.key
		if name == "%" {
			name = author.Domain
		}
		d, known := t.keys[name]
		if !known {
			if r.key == "%" {
				continue // opendkim defers the message; a domain without a key is none of ours
			}
			break
		}
		p := d.place(author.Domain, t.keyFile)
		p.Set = len(list)
		if r.everybody && !strings.HasSuffix("."+author.Domain, "."+p.Domain) {
			continue
		}
		if list = append(list, p); !t.opt.Multiple || len(list) == maxSignatures {
			break
		}
	}
	return list
}
