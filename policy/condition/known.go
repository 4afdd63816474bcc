package condition

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// factFields are the fields of Facts by the name of the fact.
var factFields = func() map[string]int {
	fields := map[string]int{}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Facts]()) {
		fields[f.Tag.Get("expr")] = i
	}
	return fields
}()

// CannotHold reports whether a comparison that the expression needs does not hold,
// whatever the facts are that unknown reports.
func (c *Condition) CannotHold(f *Facts, unknown func(fact string) bool) bool {
	if c.always != nil {
		return !*c.always
	}
	for name, values := range c.needs {
		i, ok := factFields[name]
		if !ok || unknown(name) {
			continue
		}
		switch field := reflect.ValueOf(f).Elem().Field(i); field.Kind() {
		case reflect.String, reflect.Bool:
			if !slices.Contains(values, fmt.Sprint(field.Interface())) {
				return true
			}
		}
	}
	return false
}

// NamesMailbox reports whether an entry of the test is a whole mail address, so that a
// domain is not enough to know whether it holds.
func (t *Test) NamesMailbox() bool {
	for _, m := range []*matcher{t.yes, t.no} {
		if m == nil || t.key.Kind != KindAddress && t.key.Kind != KindAddresses {
			continue
		}
		for entry := range maps.Keys(m.exact) {
			if strings.Contains(entry, "@") {
				return true
			}
		}
	}
	return false
}
