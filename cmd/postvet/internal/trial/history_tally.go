package trial

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// History says how recorded messages were judged.
type History struct {
	// By is what they were judged by, and With what that was compared with.
	By   string `json:"judged_by"`
	With string `json:"compared_with"`
	// Complete is false if the run was interrupted. Reached is the file in which that was.
	Complete bool   `json:"complete"`
	Reached  string `json:"reached,omitempty"`
	// Early are messages that were refused before they were sent, Exempt those that were
	// not checked, Faults those with an internal error, and Cut those that were not kept
	// whole: too large, or with texts that are not kept as they are.
	Early  int `json:"early"`
	Exempt int `json:"exempt"`
	Faults int `json:"faults"`
	Cut    int `json:"cut"`
	// NoConfiguration are messages whose configuration of then is not kept.
	NoConfiguration int `json:"no_configuration"`
	// Undecoded are rows that could not be decoded.
	Undecoded int `json:"undecoded"`
	// Doubts are rules and settings that ask about what the journal does not have.
	Doubts []DoubtCount `json:"doubts"`
	// Edits are rules that add or remove header fields, which are not compared.
	Edits []string `json:"edits"`
}

// DoubtCount is a rule of the administrator's own, or a key of the configuration, with the
// number of messages for which it asks about what is not known. Of a key that decides
// what is found, Messages are those that were judged by another value.
type DoubtCount struct {
	Rule  string   `json:"rule,omitempty"`
	Key   string   `json:"key,omitempty"`
	Facts []string `json:"facts,omitempty"`
	// Messages are the messages in question. Unknown are those of them of which it is
	// not known what would be done.
	Messages int `json:"messages"`
	Unknown  int `json:"unknown"`
}

// historyTally counts what is particular to recorded messages.
type historyTally struct {
	early, exempt, faults, cut, noConfiguration, undecoded int

	doubts map[string]*DoubtCount
}

// doubt counts a message with a doubt.
func (t *historyTally) doubt(d DoubtCount) {
	key := d.Rule + "\n" + d.Key + "\n" + strings.Join(d.Facts, "\n")
	c, ok := t.doubts[key]
	if !ok {
		if len(t.doubts) >= maxNames {
			return // there are fewer rules and keys
		}
		c = &DoubtCount{Rule: d.Rule, Key: d.Key, Facts: d.Facts}
		t.doubts[key] = c
	}
	c.Messages += d.Messages
	c.Unknown += d.Unknown
}

// verdict counts the doubts of a verdict, and returns them if it is unknown for them. Those
// about keys in other are counted elsewhere.
func (t *historyTally) verdict(v *verdict, other []string) (why []string) {
	for _, d := range v.doubts {
		what := "rule " + d.Rule
		if d.Rule == "" {
			what = d.Key
		}
		c := DoubtCount{Rule: d.Rule, Key: d.Key, Facts: d.Facts, Messages: 1}
		if !v.certain {
			c.Unknown = 1
			why = append(why, what+" asks about "+strings.Join(d.Facts, ", "))
		}
		if d.Key == "" || !slices.Contains(other, d.Key) {
			t.doubt(c)
		}
	}
	return why
}

// note counts what is particular to a row.
func (t *historyTally) note(r *rows.Row, faulty, known bool) {
	for _, one := range []struct {
		is bool
		n  *int
	}{{r.Early, &t.early}, {r.Results.Exempt != "", &t.exempt}, {faulty, &t.faults}, {r.Cut, &t.cut}, {!known, &t.noConfiguration}} {
		if one.is {
			*one.n++
		}
	}
}

func (t *historyTally) merge(u *historyTally) {
	t.early += u.early
	t.exempt += u.exempt
	t.faults += u.faults
	t.cut += u.cut
	t.noConfiguration += u.noConfiguration
	t.undecoded += u.undecoded
	for _, d := range u.doubts {
		t.doubt(*d)
	}
}

func (t *historyTally) fill(h *History) {
	h.Early, h.Exempt, h.Faults, h.Cut, h.NoConfiguration, h.Undecoded = t.early, t.exempt, t.faults, t.cut, t.noConfiguration, t.undecoded
	h.Doubts = []DoubtCount{}
	for d := range maps.Values(t.doubts) {
		h.Doubts = append(h.Doubts, *d)
	}
	slices.SortFunc(h.Doubts, func(a, b DoubtCount) int {
		return cmp.Or(b.Unknown-a.Unknown, b.Messages-a.Messages, cmp.Compare(a.Rule+a.Key, b.Rule+b.Key), slices.Compare(a.Facts, b.Facts))
	})
}
