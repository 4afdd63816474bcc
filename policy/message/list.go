package message

import "strings"

// List holds the marks that mailing lists leave in a header. They prove
// nothing, because anybody can write them.
type List struct {
	// ID is the identifier in the topmost List-Id field (RFC 2919), in lower
	// case and cut after 255 octets.
	ID string `json:"id"`
	// Post is true if there is a List-Post field (RFC 2369), and Bulk if there
	// is "Precedence: list".
	Post bool `json:"post"`
	Bulk bool `json:"bulk"`
}

// Marked reports whether the header has any of the marks.
func (l List) Marked() bool { return l.ID != "" || l.Post || l.Bulk }

// String returns the names of the marks, separated by commas.
func (l List) String() string {
	var marks []string
	if l.ID != "" {
		marks = append(marks, "List-Id "+l.ID)
	}
	if l.Post {
		marks = append(marks, "List-Post")
	}
	if l.Bulk {
		marks = append(marks, "Precedence: list")
	}
	return strings.Join(marks, ", ")
}

// ListMarks returns the marks of a mailing list in a header.
func ListMarks(h Header) List {
	const maxID = 255
	var l List
	for _, f := range h {
		switch {
		case l.ID == "" && f.Is("List-Id"):
			l.ID = strings.ToLower(listID(f.Value()))
			l.ID = l.ID[:min(len(l.ID), maxID)]
		case f.Is("List-Post"):
			// RFC 2369 section 3.4: with "NO" the list accepts no posts, but it
			// is a list.
			l.Post = true
		case f.Is("Precedence"):
			l.Bulk = l.Bulk || strings.EqualFold(strings.TrimSpace(f.Value()), "list")
		}
	}
	return l
}

// listID returns the identifier between the angle brackets, or the whole value
// if it has none.
func listID(value string) string {
	if open := strings.LastIndexByte(value, '<'); open >= 0 {
		value = value[open+1:]
		if end := strings.IndexByte(value, '>'); end >= 0 {
			value = value[:end]
		}
	}
	return strings.Join(strings.Fields(value), "")
}
