package main

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/manual"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/cmd/postvet/internal/requirements"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/cmd/postvet/internal/watch"
)

// described are the types of the objects of postvet-json(5).
var described = map[string]reflect.Type{
	"domain": reflect.TypeFor[inspect.Report](), "finding": reflect.TypeFor[finding.Finding](), "change": reflect.TypeFor[finding.Change](),
	"mx": reflect.TypeFor[route.MX](), "host": reflect.TypeFor[route.Host](), "address": reflect.TypeFor[route.Address](),
	"transport": reflect.TypeFor[route.Transport](), "dane": reflect.TypeFor[route.DANE](), "dane host": reflect.TypeFor[route.TLSA](),
	"tlsa": reflect.TypeFor[route.TLSARecord](), "mta_sts": reflect.TypeFor[route.MTASTS](), "mta_sts policy": reflect.TypeFor[route.Policy](),
	"tls_rpt": reflect.TypeFor[route.TLSRPT](), "caa": reflect.TypeFor[route.CAA](),
	"spf": reflect.TypeFor[inspect.SPF](), "term": reflect.TypeFor[inspect.Term](), "senders": reflect.TypeFor[inspect.Senders](), "shared": reflect.TypeFor[inspect.Shared](),
	"hosts": reflect.TypeFor[inspect.Hosts](), "sender": reflect.TypeFor[inspect.Sender](), "dkim": reflect.TypeFor[inspect.DKIM](), "key": reflect.TypeFor[inspect.Key](),
	"dmarc": reflect.TypeFor[inspect.DMARC](), "dmarc step": reflect.TypeFor[inspect.Step](), "bimi": reflect.TypeFor[inspect.Brand](),
	"observed": reflect.TypeFor[inspect.Observed](), "observed source": reflect.TypeFor[inspect.ObservedSource](), "observed mail": reflect.TypeFor[inspect.ObservedMail](),
	"plan": reflect.TypeFor[plan.Plan](), "plan step": reflect.TypeFor[plan.Step](), "plan record": reflect.TypeFor[plan.Record](),
	"requirements": reflect.TypeFor[requirements.Report](), "requirement": reflect.TypeFor[requirements.Result](),
	"since": reflect.TypeFor[domainhistory.Changes](), "since source": reflect.TypeFor[domainhistory.ChangeSource](), "since record": reflect.TypeFor[domainhistory.RecordChange](), "since error": reflect.TypeFor[watch.ErrorChange](),
	"patterns": reflect.TypeFor[domainhistory.Patterns](), "pattern": reflect.TypeFor[domainhistory.PatternName](),
	"route": reflect.TypeFor[route.Report](), "route step": reflect.TypeFor[route.Step](), "attempt": reflect.TypeFor[route.Attempt](),
	"held": reflect.TypeFor[heldReport](), "held group": reflect.TypeFor[held.Group](), "held message": reflect.TypeFor[held.Message](),
	"connection": reflect.TypeFor[route.Connection](), "certificate": reflect.TypeFor[route.Certificate](),
}

// jsonFields returns the fields of a type in JSON, sorted, and the structs in them.
func jsonFields(t reflect.Type) (names []string, below []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && name == "":
			more, deeper := jsonFields(inner)
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

// TestJSONIsDescribed compares postvet-json(5) with what domain, route and held print: it has every
// field of every object, and no other.
func TestJSONIsDescribed(t *testing.T) {
	t.Parallel()
	known := map[reflect.Type]bool{}
	for _, of := range described {
		known[of] = true
	}
	seen := map[string]bool{}
	for _, o := range manual.JSONObjects {
		of, ok := described[o.Name]
		if !ok || seen[o.Name] {
			t.Errorf("the page has %q, which nobody prints, or twice", o.Name)
			continue
		}
		seen[o.Name] = true
		var page []string
		for _, f := range o.Fields {
			page = append(page, f[0])
		}
		slices.Sort(page)
		names, below := jsonFields(of)
		if d := cmp.Diff(names, page); d != "" {
			t.Errorf("%s in cmd/postvet/internal/manual/json_objects.go (-printed +page):\n%s", o.Name, d)
		}
		for _, b := range below {
			if !known[b] {
				t.Errorf("the page lacks %v, which is in %s", b, o.Name)
			}
		}
	}
	if len(seen) != len(described) {
		t.Errorf("the page has %d objects of %d", len(seen), len(described))
	}
}
