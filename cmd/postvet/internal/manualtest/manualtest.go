// Package manualtest compares what postvet-json(5) says of objects with the Go types of which
// they are printed.
package manualtest

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/manual"
)

// Compare fails if an object of the page has not just the fields of its type, if it has an
// object that no type is for, and if a type is printed that it lacks. Types of elsewhere are
// described in another place. A type that has an object of its own may be embedded in another
// one, which says so and does not repeat its fields.
func Compare(t *testing.T, file string, objects []manual.JSONObject, described map[string]reflect.Type, elsewhere ...reflect.Type) {
	t.Helper()
	known := map[reflect.Type]bool{}
	for _, of := range described {
		known[of] = true
	}
	for _, of := range elsewhere {
		known[of] = true
	}
	seen := map[string]bool{}
	for _, o := range objects {
		of, ok := described[o.Name]
		if !ok || seen[o.Name] {
			t.Errorf("the page has %q, which nobody prints, or twice", o.Name)
			continue
		}
		seen[o.Name] = true
		var page []string
		for _, f := range o.Fields {
			page = append(page, f[0])
			if f[1] == "" {
				t.Errorf("%s: nothing is said of %s", o.Name, f[0])
			}
		}
		slices.Sort(page)
		names, below := fields(of, known)
		if d := cmp.Diff(names, page); d != "" {
			t.Errorf("%s in cmd/postvet/internal/manual/%s (-printed +page):\n%s", o.Name, file, d)
		}
		for _, b := range below {
			if !known[b] {
				t.Errorf("the page lacks %v, which is in %s", b, o.Name)
			}
		}
	}
	for name := range described {
		if !seen[name] {
			t.Errorf("the page lacks %q", name)
		}
	}
}

// fields returns the fields of a type in JSON, sorted, and the structs in them. Of an embedded
// type that is known it returns none.
func fields(t reflect.Type, known map[reflect.Type]bool) (names []string, below []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && name == "" && known[inner]:
		case f.Anonymous && name == "":
			more, deeper := fields(inner, known)
			names, below = append(names, more...), append(below, deeper...)
		case f.IsExported() && name != "-":
			names = append(names, name)
			if inner.Kind() == reflect.Struct && !inner.Implements(reflect.TypeFor[json.Marshaler]()) && !inner.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
				below = append(below, inner)
			}
		}
	}
	slices.Sort(names)
	return names, below
}
