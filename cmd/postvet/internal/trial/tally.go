package trial

import (
	"cmp"
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// Count is the number of messages of an action or a rule.
type Count struct {
	Name   string `json:"name"`
	Before int    `json:"before"`
	After  int    `json:"after"`
}

// Change is the number of messages that the first policy treats in one way and the second
// in another. Examples are some of them.
type Change struct {
	Before   string   `json:"before"`
	After    string   `json:"after"`
	Messages int      `json:"messages"`
	Examples []string `json:"examples"`
}

// The bounds of a tally: what a damaged or hostile file holds must not fill the memory.
const (
	maxExamples = 3
	maxNames    = 1000
	otherNames  = "(others)"
)

// tally counts outcomes.
type tally struct {
	messages, differing, unknown, withoutClient int

	actions, rules   map[string]*Count
	changes          map[[2]string]*Change
	authors, clients top
	history          historyTally
}

func newTally() *tally {
	return &tally{actions: map[string]*Count{}, rules: map[string]*Count{}, changes: map[[2]string]*Change{}, history: historyTally{doubts: map[string]*DoubtCount{}}}
}

// add counts an outcome.
func (t *tally) add(o *Outcome, differs bool) {
	t.messages++
	count(t.actions, string(o.After.Action)).After++
	count(t.rules, cmp.Or(o.After.Rule, unknownRule)).After++
	if o.Before != nil {
		count(t.actions, string(o.Before.Action)).Before++
		count(t.rules, o.Before.Rule).Before++
	}
	unknown := o.After.Action == Unknown
	switch {
	case unknown:
		t.unknown++
	case differs:
		t.differing++
		t.authors.add(o.Author, 1)
		if o.Client != "" {
			t.clients.add(o.Client, 1)
		}
	default:
		return
	}
	if o.Before != nil {
		c := t.change(o.Before.does(), o.After.does())
		c.Messages++
		if len(c.Examples) < maxExamples {
			c.Examples = append(c.Examples, cmp.Or(o.Ref.String(), o.File))
		}
	}
}

func (t *tally) change(before, after string) *Change {
	key := [2]string{before, after}
	if len(t.changes) >= maxNames && t.changes[key] == nil {
		key = [2]string{otherNames, otherNames}
	}
	c, ok := t.changes[key]
	if !ok {
		c = &Change{Before: key[0], After: key[1], Examples: []string{}}
		t.changes[key] = c
	}
	return c
}

// merge adds what another tally counted after this one.
func (t *tally) merge(u *tally) {
	t.messages += u.messages
	t.differing += u.differing
	t.unknown += u.unknown
	t.withoutClient += u.withoutClient
	for _, m := range []struct{ to, from map[string]*Count }{{t.actions, u.actions}, {t.rules, u.rules}} {
		for name, c := range m.from {
			to := count(m.to, name)
			to.Before += c.Before
			to.After += c.After
		}
	}
	for key, c := range u.changes {
		to := t.change(key[0], key[1])
		to.Messages += c.Messages
		to.Examples = append(to.Examples, c.Examples[:min(len(c.Examples), maxExamples-len(to.Examples))]...)
	}
	t.authors.merge(&u.authors)
	t.clients.merge(&u.clients)
	t.history.merge(&u.history)
}

// fill sets the sums of a report.
func (t *tally) fill(r *Report) {
	r.Messages, r.Differing, r.Unknown, r.WithoutClient = t.messages, t.differing, t.unknown, t.withoutClient
	r.Actions, r.Rules = sorted(t.actions), sorted(t.rules)
	r.Changes = []Change{}
	for _, c := range t.changes {
		r.Changes = append(r.Changes, *c)
	}
	slices.SortFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(b.Messages-a.Messages, cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After))
	})
	r.Authors, r.Clients = t.authors.shares(), t.clients.shares()
}

func count(m map[string]*Count, name string) *Count {
	if len(m) >= maxNames && m[name] == nil {
		name = otherNames
	}
	c, ok := m[name]
	if !ok {
		c = &Count{Name: name}
		m[name] = c
	}
	return c
}

// sorted returns counts, the most frequent first.
func sorted(m map[string]*Count) []Count {
	out := make([]Count, 0, len(m))
	for _, c := range m {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Before+b.After, a.Before+a.After), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// does returns what a verdict does to a message, without its rule.
func (v Verdict) does() string {
	if v.Intended != v.Action && v.Intended != "" {
		return string(v.Action) + " instead of " + string(v.Intended)
	}
	return string(v.Action)
}

// Unknown is the action of a verdict about a recorded message if it depends on what the
// journal does not have. Its rule is "".
const Unknown result.Action = "unknown"

// unknownRule counts the messages whose action is Unknown.
const unknownRule = "(unknown)"
