package web

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	dnsfinding "github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/manual"
	"github.com/postvet/postvet/cmd/postvet/internal/manualtest"
	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web/chart"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// described are the types of the objects of the web page in postvet-json(5).
var described = map[string]reflect.Type{
	"/index.json": reflect.TypeFor[home](), "/messages.json": reflect.TypeFor[messagesPage](), "/messages/REF.json": reflect.TypeFor[storyPage](),
	"/live.json": reflect.TypeFor[livePage](), "/held.json": reflect.TypeFor[heldPage](), "/check.json": reflect.TypeFor[checkPage](), "/policy.json": reflect.TypeFor[policyPage](),
	"/domains.json": reflect.TypeFor[domains](), "/domains/NAME.json": reflect.TypeFor[domainPage](), "/forwarders.json": reflect.TypeFor[forwarders](), "/own.json": reflect.TypeFor[own](),
	"/lookup.json, /lookup/NAME.json": reflect.TypeFor[lookup](), "/reports/in.json": reflect.TypeFor[reportsIn](), "/reports/in/ID.json": reflect.TypeFor[reportIn](),
	"/reports/sent.json": reflect.TypeFor[reportsSent](), "/reports/sent/ID.json": reflect.TypeFor[reportSent](), "/keys.json": reflect.TypeFor[keysPage](), "/fleet.json": reflect.TypeFor[fleetPage](),
	"/status.json": reflect.TypeFor[statusPage](), "/about.json": reflect.TypeFor[about](), "/forget.json": reflect.TypeFor[forgetPage](), "/audit.json": reflect.TypeFor[auditPage](),
	"error": reflect.TypeFor[problem](),

	"option": reflect.TypeFor[option](), "choice": reflect.TypeFor[choice](), "period": reflect.TypeFor[period](), "nodes": reflect.TypeFor[nodes](), "named number": reflect.TypeFor[named](),
	"bars": reflect.TypeFor[chart.Bars](), "bars part": reflect.TypeFor[chart.Part](), "line": reflect.TypeFor[chart.Line](),
	"web finding": reflect.TypeFor[finding](), "facts": reflect.TypeFor[Facts](), "policy in force": reflect.TypeFor[InForce](), "held counts": reflect.TypeFor[Held](),
	"sending": reflect.TypeFor[Sending](), "counting": reflect.TypeFor[Counting](), "disk": reflect.TypeFor[Disk](), "today": reflect.TypeFor[today](), "reason": reflect.TypeFor[reason](),
	"message row": reflect.TypeFor[messageRow](), "live message": reflect.TypeFor[live.Message](), "/held.json group": reflect.TypeFor[heldGroup](),
	"section": reflect.TypeFor[storySection](), "fact": reflect.TypeFor[fact](), "check form": reflect.TypeFor[checkForm](), "checked": reflect.TypeFor[checked](),
	"policy": reflect.TypeFor[Policy](), "policy part": reflect.TypeFor[PolicyPart](), "policy line": reflect.TypeFor[PolicyLine](), "fault": reflect.TypeFor[PastedFault](),
	"tried": reflect.TypeFor[tried](), "change line": reflect.TypeFor[changeLine](),
	"domain row": reflect.TypeFor[domainLine](), "domain client": reflect.TypeFor[domainClient](), "cause": reflect.TypeFor[domainCause](), "looked": reflect.TypeFor[looked](),
	"domain in the DNS": reflect.TypeFor[domainDNS](), "publish step": reflect.TypeFor[publishStep](), "forwarder": reflect.TypeFor[relay](), "own domain": reflect.TypeFor[ownDomain](),
	"answer": reflect.TypeFor[dnsAnswer](), "received report": reflect.TypeFor[receivedRow](), "received record": reflect.TypeFor[recordLine](),
	"delivery": reflect.TypeFor[sentRow](), "suppressed address": reflect.TypeFor[suppressionRow](), "signing key": reflect.TypeFor[SigningKey](),
	"fleet node": reflect.TypeFor[FleetNode](), "fleet line": reflect.TypeFor[fleetLine](), "node health": reflect.TypeFor[NodeHealth](),
	"page": reflect.TypeFor[pageAbout](), "manual page": reflect.TypeFor[manualOf](), "module": reflect.TypeFor[module](), "audit line": reflect.TypeFor[auditLine](),
}

// TestJSONIsDescribed compares postvet-json(5) with the JSON of the pages: it has the path of each
// page, every field of every object, and no other. Objects that commands print too are described
// with those.
func TestJSONIsDescribed(t *testing.T) {
	t.Parallel()
	manualtest.Compare(
		t, "json_web.go and json_webparts.go", manual.WebObjects, described,
		reflect.TypeFor[control.Status](), reflect.TypeFor[control.Journal](), reflect.TypeFor[control.Shipping](), reflect.TypeFor[control.Answer](),
		reflect.TypeFor[journal.Story](), reflect.TypeFor[journal.Remedy](), reflect.TypeFor[journal.Evidence](), reflect.TypeFor[rows.File](), reflect.TypeFor[rows.Published](), reflect.TypeFor[rows.Query](),
		reflect.TypeFor[domainhistory.Changes](), reflect.TypeFor[domainhistory.Patterns](), reflect.TypeFor[dnsfinding.Finding](), reflect.TypeFor[held.Group](),
		reflect.TypeFor[trial.Report](), reflect.TypeFor[sources.Summary](), reflect.TypeFor[sources.Source](), reflect.TypeFor[report.Policy](), reflect.TypeFor[resulttext.Line](),
	)
	var paths, want []string
	for _, o := range manual.WebObjects {
		if strings.HasPrefix(o.Name, "/") && strings.HasSuffix(o.Name, ".json") {
			paths = append(paths, strings.Split(o.Name, ", ")...)
		}
	}
	for _, p := range newTest(source{}).pages {
		path := p.path
		if path == "/" {
			path = "/index"
		}
		want = append(want, strings.NewReplacer("{ref}", "REF", "{name}", "NAME", "{id}", "ID").Replace(path)+".json")
	}
	slices.Sort(paths)
	slices.Sort(want)
	if d := cmp.Diff(want, paths); d != "" {
		t.Errorf("(-pages +manual):\n%s", d)
	}
}
