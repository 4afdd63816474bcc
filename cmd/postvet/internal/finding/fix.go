package finding

// Change is one change of a zone: a record that is to stand there, or is to go.
type Change struct {
	// Remove reports that the record is to go.
	Remove bool `json:"remove,omitempty"`
	// Name is the owner of the record, without the dot at the end.
	Name string `json:"name"`
	Type string `json:"type"`
	// Data is the rest of the record, as zone files have it (RFC 1035 section 5.1).
	Data string `json:"data"`
	// When says when to make the change, "" for now.
	When string `json:"when,omitempty"`
}

// Fix says what to do about a finding, in words and in changes of zones. The zero value
// says nothing.
type Fix struct {
	Text    string
	Changes []Change
}

// Advise returns a fix in words alone.
func Advise(text string) Fix { return Fix{Text: text} }

// Then returns the fix with words behind it. The zero value stays as it is.
func (f Fix) Then(text string) Fix {
	if f.Text != "" {
		f.Text += text
	}
	return f
}

// After returns the fix with words in front of it. The zero value stays as it is.
func (f Fix) After(text string) Fix {
	if f.Text != "" {
		f.Text = text + f.Text
	}
	return f
}

// With returns both fixes, with words between them.
func (f Fix) With(between string, o Fix) Fix {
	return Fix{f.Text + between + o.Text, append(append([]Change{}, f.Changes...), o.Changes...)}
}

// When returns the fix with its changes to be made at a later time.
func (f Fix) When(when string) Fix {
	f.Changes = append([]Change{}, f.Changes...)
	for i := range f.Changes {
		f.Changes[i].When = when
	}
	return f
}

// Words returns the fix without its changes, for one that is a possibility among others.
func (f Fix) Words() Fix { return Fix{Text: f.Text} }

// Add adds a finding with a fix.
func (l *List) Add(s Severity, text string, fix Fix) {
	*l = append(*l, Finding{Severity: s, Text: text, Fix: fix.Text, Changes: fix.Changes})
}
