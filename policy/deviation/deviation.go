// Package deviation holds how a document of others differs from its standard. A reader
// takes such a document all the same where its meaning is plain, and says what it made
// of it.
package deviation

import "fmt"

// Deviation is one kind of difference, with the first place where it was met.
type Deviation struct {
	// Name identifies the kind: one of the names that the reader documents.
	Name string `json:"name"`
	// Line is the line of the document, from 1; 0 where lines say nothing.
	Line int `json:"line,omitempty"`
	// Element is the element or field that it concerns; "" for the whole document.
	Element string `json:"element,omitempty"`
	// Text says what was found and how it was read. It may cite the document, and is
	// printable ASCII.
	Text string `json:"text"`
	// Count is how often the kind was met.
	Count int `json:"count"`
}

// String returns the deviation for a person.
func (d Deviation) String() string {
	text := d.Text
	if d.Element != "" {
		text = d.Element + ": " + text
	}
	if d.Line > 0 {
		text = fmt.Sprintf("line %d: %s", d.Line, text)
	}
	if d.Count > 1 {
		text += fmt.Sprintf(" (%d times)", d.Count)
	}
	return text
}

// List is the deviations of one document. It has one entry for each name, so that a
// reader's set of names bounds it. The zero value is ready.
type List []Deviation

// Again counts a name once more if it was noted, and reports whether it was. It spares
// the making of a text that nobody needs.
func (l List) Again(name string) bool {
	for i := range l {
		if l[i].Name == name {
			l[i].Count++
			return true
		}
	}
	return false
}

// Add notes a deviation. The text is made of format and args for the first of a name
// only.
func (l *List) Add(name string, line int, element, format string, args ...any) {
	if l.Again(name) {
		return
	}
	*l = append(*l, Deviation{Name: name, Line: line, Element: element, Text: fmt.Sprintf(format, args...), Count: 1})
}

// Merge adds the deviations of another list.
func (l *List) Merge(others List) {
	for _, d := range others {
		known := false
		for i := range *l {
			if known = (*l)[i].Name == d.Name; known {
				(*l)[i].Count += d.Count
				break
			}
		}
		if !known {
			*l = append(*l, d)
		}
	}
}

// Has reports whether a name was noted.
func (l List) Has(name string) bool {
	for _, d := range l {
		if d.Name == name {
			return true
		}
	}
	return false
}
