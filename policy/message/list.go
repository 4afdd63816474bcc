package message

import "strings"

// List are the marks that mailing lists leave in a header. They prove nothing:
// anybody can write them.
type List struct {
	// ID is the identifier of the topmost List-Id field (RFC 2919) in lower case,
	// at most 255 octets of it.
	ID string `json:"id"`
	// Post and Bulk tell of a List-Post field (RFC 2369), and of "Precedence: list".
	Post bool `json:"post"`
	Bulk bool `json:"bulk"`
}

// Marked reports whether there is any mark.
func (l List) Marked() bool { return l.ID != "" || l.Post || l.Bulk }

// String names the marks for a person.
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

// ListMarks looks for the marks of a mailing list.
func ListMarks(h Header) List {
	const maxID = 255
	var l List
	for _, f := range h {
		switch {
		case l.ID == "" && f.Is("List-Id"):
			l.ID = strings.ToLower(listID(f.Value()))
			l.ID = l.ID[:min(len(l.ID), maxID)]
		case f.Is("List-Post"):
			// RFC 2369 section 3.4: "NO" says that nobody may post to the list; it is one.
			l.Post = true
		case f.Is("Precedence"):
			l.Bulk = l.Bulk || strings.EqualFold(strings.TrimSpace(f.Value()), "list")
		}
	}
	return l
}

// listID takes the identifier from between the angle brackets behind the phrase.
func listID(value string) string {
	if open := strings.LastIndexByte(value, '<'); open >= 0 {
		value = value[open+1:]
		if end := strings.IndexByte(value, '>'); end >= 0 {
			value = value[:end]
		}
	}
	return strings.Join(strings.Fields(value), "")
}
