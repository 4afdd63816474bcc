package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Difference is how the records of one name and type differ between two times.
type Difference struct {
	Name string    `json:"name"`
	Type string    `json:"type"`
	Old  []string  `json:"old"`
	New  []string  `json:"new"`
	At   time.Time `json:"at"`    // of the last change
	N    int       `json:"times"` // how often they changed
}

// Since returns what has changed after a time, by name and type. Records that changed and
// are as before are there too: something happened to them.
func (d *Domain) Since(t time.Time) []Difference {
	by := map[ID]*Difference{}
	for _, c := range d.Changes {
		if !c.At.After(t) {
			continue
		}
		x := by[c.ID]
		if x == nil {
			name, typ := c.ID.Split()
			x = &Difference{Name: name, Type: typ, Old: c.Old}
			by[c.ID] = x
		}
		x.New, x.At = c.New, c.At
		x.N++
	}
	var list []Difference
	for _, x := range by {
		x.Old, x.New = slices.Clip(append([]string{}, x.Old...)), slices.Clip(append([]string{}, x.New...))
		list = append(list, *x)
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return strings.Compare(a.Name+" "+a.Type, b.Name+" "+b.Type)
	})
	return list
}

// ErrorChange is an error that came, or that is gone.
type ErrorChange struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
	Fix  string    `json:"fix,omitempty"`
	Gone bool      `json:"gone"`
}

// ErrorsSince returns the errors that came after a time or are gone since, in the order of
// time.
func (d *Domain) ErrorsSince(t time.Time) []ErrorChange {
	var list []ErrorChange
	for text, f := range d.Faults {
		switch {
		case f.Gone.IsZero() && f.Since.After(t):
			list = append(list, ErrorChange{At: f.Since, Text: text, Fix: f.Fix})
		case f.Gone.After(t):
			list = append(list, ErrorChange{At: f.Gone, Text: text, Gone: true})
		}
	}
	slices.SortFunc(list, func(a, b ErrorChange) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Text, b.Text))
	})
	return list
}

// String returns the difference on one line.
func (x *Difference) String() string {
	return x.Name + " " + x.Type + ": " + Texts(x.Old) + " -> " + Texts(x.New)
}

// Texts returns the texts of records on one line, "none" without any.
func Texts(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, " | ")
}
