package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of octets, written like "64MB". KB, MB and GB are powers of
// 1024, as administrators of mail servers mean them.
type Size int64

var units = []struct {
	name string
	size Size
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}}

// String returns the size in the largest unit that leaves no remainder.
func (s Size) String() string {
	for _, u := range units {
		if s >= u.size && s%u.size == 0 {
			return fmt.Sprintf("%d%s", s/u.size, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

func parseSize(text string) (Size, bool) {
	t := strings.ToUpper(strings.TrimSpace(text))
	digits := strings.TrimLeft(t, "0123456789")
	n, err := strconv.ParseInt(t[:len(t)-len(digits)], 10, 64)
	if err != nil {
		return 0, false
	}
	unit := Size(1)
	if name := strings.TrimSpace(digits); name != "" && name != "B" {
		unit = 0
		for _, u := range units {
			if name == u.name || name == u.name[:1] || name == u.name[:1]+"IB" {
				unit = u.size
			}
		}
	}
	if unit == 0 || n > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return Size(n) * unit, true
}

// number is a type that numberValue can hold.
type number interface{ int | time.Duration | Size }

// numberValue is a number between two bounds.
type numberValue[T number] struct {
	field                *T
	initial, least, most T
	numberFormat[T]
}

// numberFormat is how a type of number is read and written.
type numberFormat[T number] struct {
	// parse returns the number and the text to cite in errors, or what is wrong.
	parse   func(v any) (n T, cited, problem string)
	text    func(T) string
	quoted  bool   // in a file
	example string // a remedy, with %s for the default as it is written in a file
}

func integer(field *int, initial, least, most int) value {
	return &numberValue[int]{field, initial, least, most, numberFormat[int]{
		parse: func(v any) (n int, cited, problem string) {
			i, ok := v.(int64)
			if !ok {
				return 0, "", "is " + describe(v)
			}
			return int(i), strconv.FormatInt(i, 10), ""
		},
		text: strconv.Itoa, example: "write a whole number, such as %s",
	}}
}

func duration(field *time.Duration, initial, least, most time.Duration) value {
	return &numberValue[time.Duration]{field, initial, least, most, numberFormat[time.Duration]{
		parse: func(v any) (d time.Duration, cited, problem string) {
			s, ok := v.(string)
			if !ok {
				return 0, "", "is " + describe(v)
			}
			d, err := time.ParseDuration(s)
			if err != nil {
				return 0, "", cite(s) + " is no duration"
			}
			return d, cite(s), ""
		},
		text: formatDuration, quoted: true, example: "write a duration with its unit, such as %s",
	}}
}

func size(field *Size, initial, least, most Size) value {
	return &numberValue[Size]{field, initial, least, most, numberFormat[Size]{
		parse: func(v any) (n Size, cited, problem string) {
			s, ok := v.(string)
			if i, isInt := v.(int64); isInt {
				s, ok = strconv.FormatInt(i, 10), true
			}
			if !ok {
				return 0, "", "is " + describe(v)
			}
			if n, ok = parseSize(s); !ok {
				return 0, "", cite(s) + " is no size"
			}
			return n, cite(s), ""
		},
		text: Size.String, quoted: true, example: "write a size, such as %s",
	}}
}

func (n *numberValue[T]) set(v any) (problem, remedy string) {
	x, cited, problem := n.parse(v)
	switch {
	case problem != "":
		return problem, fmt.Sprintf(n.example, n.written(n.initial))
	case x < n.least || x > n.most:
		return cited + " is out of bounds", "write " + n.text(n.least) + " to " + n.text(n.most)
	}
	*n.field = x
	return "", ""
}

func (n *numberValue[T]) setDefault()    { *n.field = n.initial }
func (n *numberValue[T]) format() string { return n.written(*n.field) }

func (n *numberValue[T]) written(x T) string {
	if n.quoted {
		return strconv.Quote(n.text(x))
	}
	return n.text(x)
}

// formatDuration leaves out the zero units that time.Duration prints: 24h, not
// 24h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
