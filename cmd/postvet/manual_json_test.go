package main

import (
	"reflect"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/manual"
	"github.com/postvet/postvet/cmd/postvet/internal/manualtest"
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
	"journal state": reflect.TypeFor[control.JournalState](),
	"connection":    reflect.TypeFor[route.Connection](), "certificate": reflect.TypeFor[route.Certificate](),
}

// TestJSONIsDescribed compares postvet-json(5) with what domain, route and held print: it has every
// field of every object, and no other.
func TestJSONIsDescribed(t *testing.T) {
	t.Parallel()
	manualtest.Compare(t, "json_objects.go", manual.JSONObjects, described)
}
