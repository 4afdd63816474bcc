package message

// Count returns how many fields have this name, in any case.
func (h Header) Count(name string) int {
	n := 0
	for _, f := range h {
		if f.Is(name) {
			n++
		}
	}
	return n
}

// All returns the fields of this name, in any case, top first.
func (h Header) All(name string) []Field {
	var all []Field
	for _, f := range h {
		if f.Is(name) {
			all = append(all, f)
		}
	}
	return all
}

// Get returns the topmost field of this name, and whether there is one.
func (h Header) Get(name string) (Field, bool) {
	for _, f := range h {
		if f.Is(name) {
			return f, true
		}
	}
	return Field{}, false
}
