package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
)

// value is the setting of a key: a field of a configuration with its default, how
// it is read, and how it is written. There is one type for each kind.
type value interface {
	// set sets the field to a value as TOML decodes it. If it cannot, it changes
	// nothing and returns what is wrong and what would be right.
	set(v any) (problem, remedy string)
	setDefault()
	// format returns the field as it is written in a file.
	format() string
}

// check returns what is wrong with a string and what would be right, or "" twice.
// It may return a better spelling.
type check func(s string) (normal, problem, remedy string)

// textValue is a string. The empty one is always allowed.
type textValue struct {
	field   *string
	initial string
	check   check
}

func text(field *string, initial string, c check) value {
	return &textValue{field, initial, c}
}

func (t *textValue) set(v any) (problem, remedy string) {
	s, ok := v.(string)
	if !ok {
		return "is " + describe(v), "write a string in quotes"
	}
	if s != "" {
		if s, problem, remedy = t.check(s); problem != "" {
			return problem, remedy
		}
	}
	*t.field = s
	return "", ""
}

func (t *textValue) setDefault()    { *t.field = t.initial }
func (t *textValue) format() string { return strconv.Quote(*t.field) }

// wordValue is one of a few words.
type wordValue[T ~string] struct {
	field   *T
	words   []T
	initial T
}

// oneOf returns a value that is one of the words, or of those of its type. The
// first of them is the default.
func oneOf[T ~string](field *T, words ...T) *wordValue[T] {
	if typed, ok := any(*field).(interface{ Words() []string }); ok {
		for _, w := range typed.Words() {
			words = append(words, T(w))
		}
	}
	return &wordValue[T]{field, words, words[0]}
}

// byDefault makes another word the default.
func (w *wordValue[T]) byDefault(word T) *wordValue[T] {
	w.initial = word
	return w
}

func (w *wordValue[T]) set(v any) (problem, remedy string) {
	remedy = "write " + quotedOr(w.allowed())
	s, ok := v.(string)
	switch {
	case !ok:
		return "is " + describe(v), remedy
	case !slices.Contains(w.words, T(s)):
		return cite(s) + " is not known", remedy
	}
	*w.field = T(s)
	return "", ""
}

func (w *wordValue[T]) setDefault()    { *w.field = w.initial }
func (w *wordValue[T]) format() string { return strconv.Quote(string(*w.field)) }

// allowed returns the words.
func (w *wordValue[T]) allowed() []string {
	all := make([]string, len(w.words))
	for i, word := range w.words {
		all[i] = string(word)
	}
	return all
}

// boolValue is true or false.
type boolValue struct {
	field   *bool
	initial bool
}

func truth(field *bool, initial bool) value { return &boolValue{field, initial} }

func (b *boolValue) set(v any) (problem, remedy string) {
	is, ok := v.(bool)
	if !ok {
		return "is " + describe(v), "write true or false, without quotes"
	}
	*b.field = is
	return "", ""
}

func (b *boolValue) setDefault()    { *b.field = b.initial }
func (b *boolValue) format() string { return strconv.FormatBool(*b.field) }

// modeValue is the access rights of a socket.
type modeValue struct {
	field   *fs.FileMode
	initial fs.FileMode
}

func accessRights(field *fs.FileMode, initial fs.FileMode) value {
	return &modeValue{field, initial}
}

func (m *modeValue) set(v any) (problem, remedy string) {
	const example = `write access rights in octal and in quotes, such as "0660"`
	s, ok := v.(string)
	if !ok {
		return "is " + describe(v), example
	}
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return cite(s) + " is not octal", example
	}
	if n&0o600 != 0o600 {
		return cite(s) + " locks out Postvet itself", `write at least "0600"`
	}
	*m.field = fs.FileMode(n)
	return "", ""
}

func (m *modeValue) setDefault()    { *m.field = m.initial }
func (m *modeValue) format() string { return fmt.Sprintf(`"%04o"`, uint32(*m.field)) }
